"""The explorer: a page to vary the codes of a run, with its server in Python and its front end in `page/`."""
