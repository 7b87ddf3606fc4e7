"""The page of several runs, each in a frame: side by side or, in a narrow window, one above the other."""

from collections.abc import Sequence
from html import escape

from infogan.explore.static_files import StaticFile

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title} · infogan</title>
  <link rel="icon" href="1/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="style.css">
</head>
<body class="frames">
{frames}
</body>
</html>
"""


def make_frames(titles: Sequence[str]) -> StaticFile:
    """The page with frames for the pages at 1/, 2/ ..., which have these titles."""
    frames = [f'  <iframe src="{k}/" title="{escape(title)}"></iframe>' for k, title in enumerate(titles, 1)]
    page = PAGE.format(title=escape(" and ".join(titles)), frames="\n".join(frames))
    return StaticFile(page.encode(), "text/html")
