"""Writes the pages of docs that the code decides: commands, settings, presets, data sets, benchmarks.

    python tools/reference_pages.py

`make docs` does this before it builds the site. Git ignores the pages.
"""

import ast
import re
import sys
from collections.abc import Iterable
from dataclasses import MISSING
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

from infogan.cli.app import make_app
from infogan.config import Config, options_of, to_text
from infogan.config.presets import PRESETS
from infogan.data import DATASETS

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(columns)
    lines = [head, ["---"] * len(head), *rows]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        + "\n"
    )


def first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def commands_page() -> str:
    """What --help says of every verb, without the presets, which are on a page of their own."""
    app = make_app()
    for verb in ("train", "sweep"):
        for preset in PRESETS:
            del app[verb][preset]
    sys.argv[0] = "infogan"  # by which the usage lines call the program
    text = app.generate_docs(output_format="markdown", recursive=True)
    # Sphinx lists the headings itself.
    text = re.sub(r"(?ms)^## Table of Contents\n.*?(?=^## )", "", text)
    option = r"(`[^`]*`|```.*?```)|(--[a-z][\w-]*)"
    text = re.sub(option, lambda m: m[1] or f"`{m[2]}`", text, flags=re.S)
    text = text.replace("## infogan `--install-completion`", "## infogan --install-completion")
    head = (
        "# Commands\n\n"
        "What `infogan VERB --help` prints. `infogan train` and `infogan sweep` take a [preset](presets.md) "
        "or images of your own.\n`--help-all` lists every [setting](config.md).\n\n"
    )
    return head + text[text.index("\n## ") + 1 :]


def kind_name(kind: Any) -> str:
    """A type as a person reads it: `int`, `a, b or c`, `float or none`."""
    if choices := [choice for choice in get_args(kind) if isinstance(choice, str)]:
        return " or ".join((", ".join(choices[:-1]), choices[-1]))
    name = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
    return name.replace("None", "none").replace(" | ", " or ").replace(", ...", " ...")


def config_page() -> str:
    """Every setting, by part of the config."""
    parts = []
    for part, group in groupby(options_of(Config).values(), lambda option: option.path[0]):
        rows = []
        for option in group:
            empty = '""'
            default = "" if option.default is MISSING else f"`{to_text(option.default) or empty}`"
            rows.append((f"`{option.name}`", kind_name(option.kind), default, " ".join(option.help.split())))
        parts.append(f"## {part}\n\n" + table(("setting", "type", "default", "meaning"), rows))
    head = (
        "# Settings\n\n"
        "Every setting of a `Config`. On the command line `steps` is `--steps`, in `infogan sweep --set` and "
        "in `Config.replace` it is `steps`.\nA [preset](presets.md) changes some of the defaults below, and "
        "so does the number of your own images;\n`--dry-run` prints all of a run's settings.\n\n"
    )
    return head + "\n".join(parts)


def presets_page() -> str:
    rows = []
    for name, preset in PRESETS.items():
        config = preset()
        rows.append(
            (
                f"`{name}`",
                first_line(preset.__doc__),
                f"`{config.codes.spec}`",
                f"{config.optimisation.steps:,}",
            )
        )
    head = "# Presets\n\n`infogan train NAME` trains one; with `--dry-run` it prints its settings.\n\n"
    return head + table(("name", "what it is", "codes and noise", "steps"), rows)


def data_sets_page() -> str:
    parts = [
        "# Data sets\n\n`infogan data list` says which of them are on this machine, `infogan data info NAME` "
        "what one of them needs.\n`INFOGAN_DATA` or `--data` names the folder that files are looked for in. "
        "Images of your own are read as\n[files and arrays](formats.md) are.\n"
    ]
    for name, info in DATASETS.items():
        rows = [
            ("licence", info.licence),
            ("channels, height, width", ", ".join(map(str, info.shape))),
            ("images", ", ".join(f"{split}: {n:,}" for split, n in info.splits.items())),
        ]
        if info.label_name:
            rows.append(("labels", info.label_name))
        if info.factors:
            rows.append(("factors", ", ".join(f"{factor.name} ({factor.kind})" for factor in info.factors)))
        if info.files:
            rows.append(("file, one of", ", ".join(f"`{file}`" for file in info.files)))
        parts.append(f"## {name}\n\n{info.description}\n\n" + table(("", ""), rows))
    return "\n".join(parts)


def benchmarks_page() -> str:
    rows = []
    for file in sorted((ROOT / "benchmarks").glob("*.py")):
        text = file.read_text("utf-8")
        if '__name__ == "__main__"' in text:
            rows.append((f"`{file.name}`", first_line(ast.get_docstring(ast.parse(text)))))
    head = (
        "# Benchmarks\n\nEach script writes its measurement, with commit and machine, to\n"
        "`benchmarks/records`. The docstring of a script says how it is called.\n`results_pages.py` writes "
        "the tables of [the results](../results/index.md) from the records.\n\n"
    )
    return head + table(("script", "what it measures or writes"), rows)


PAGES = {
    "cli.md": commands_page,
    "config.md": config_page,
    "presets.md": presets_page,
    "data-sets.md": data_sets_page,
    "../contributing/benchmarks.md": benchmarks_page,
}


def main() -> None:
    for name, page in PAGES.items():
        text, file = page(), REFERENCE / name
        if not file.is_file() or file.read_text("utf-8") != text:  # Sphinx reads what is newer again
            file.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
