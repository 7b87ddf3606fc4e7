"""The page where the codes of a run are turned by hand: a small server, and `page/` for the browser."""
