"""The explorer: a page on which people vary the codes of a run. Python serves it, `page/` is its front end."""
