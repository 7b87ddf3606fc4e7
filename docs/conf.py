"""The docs site: `make docs` builds it with Sphinx into docs/_build."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from reference_pages import main as write_reference_pages

project, author = "infogan", "the authors of infogan"
release = version = version_of("infogan")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}  # .rst: pages that autosummary writes
html_theme = "furo"
html_title = "infogan"
html_show_sourcelink = False
html_show_copyright = False
html_static_path: list[str] = []
myst_heading_anchors = 4  # as GitHub's
smartquotes_action = "D"  # dashes alone; quotes stay as they are typed
default_role = "code"  # `x` in docstrings
autodoc_typehints = "none"  # of axes of tensors; the docstrings say them
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autosummary_generate = True
autosummary_ignore_module_all = False
highlight_language = "none"  # most blocks are commands
copybutton_prompt_text = "$ "

write_reference_pages()
