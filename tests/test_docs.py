"""The documentation names what exists, and its commands run in order."""

import ast
import contextlib
import functools
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import numpy as np
import pytest
from commands import run, succeed
from PIL import Image

from infogan.config import Config
from infogan.config.presets import PRESETS, custom_images
from infogan.data import Images
from infogan.data.labels import Labels

ROOT = Path(__file__).parent.parent
FOLDERS = ("infogan", "tests", "benchmarks", "docs", "tools")
# `make docs` writes these; the other files of docs/reference/api are not Markdown.
GENERATED = {ROOT / "docs" / "reference" / f"{name}.md" for name in ("cli", "config", "presets", "data-sets")}
DOCS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
DOCS += sorted(set((ROOT / "docs").rglob("*.md")) - GENERATED)
GUIDES = [file for folder in ("tutorials", "guide") for file in sorted((ROOT / "docs" / folder).glob("*.md"))]
WITH_COMMANDS = [ROOT / "README.md", ROOT / "docs" / "start.md", *GUIDES]
NOT_RUN = {
    "make": "it installs an environment of its own",
    "infogan paper fig3": "it trains several presets; tests/test_reproduction.py",
    "infogan explore": "it serves until Ctrl-C; tests/test_explore_server.py",
    "--web": "npm downloads onnxruntime-web; tests/test_export_web.py",
    "runs/celeba-0 --onnx": "it is README's, of another run",
    "folder:flowers --transforms": "it is that of folder:signs, with other transforms",
}
OPTIONS_OF_OTHERS = {
    "--nightly",
    "--max-restarts",
    "--name",
}  # of the tests, torchrun, benchmarks/ablation.py


def docstrings(file: Path) -> str:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, kinds)]
    return "\n".join(ast.get_docstring(node) or "" for node in nodes)


TEXTS = {str(file.relative_to(ROOT)): file.read_text() for file in DOCS} | {
    str(file.relative_to(ROOT)): docstrings(file)
    for folder in FOLDERS
    for file in sorted((ROOT / folder).rglob("*.py"))
}


def named(pattern: str) -> set[tuple[str, str]]:
    """What a pattern finds, and in which text."""
    return {(where, found) for where, text in TEXTS.items() for found in re.findall(pattern, text)}


def test_every_path_exists() -> None:
    pattern = rf"(?<![\w/.-])((?:{'|'.join(FOLDERS)}|\.ci)/[\w./-]*\w)"
    paths = {(where, path) for where, path in named(pattern) if not re.search(r"NAME|PRESET|XXX", path)}
    assert len(paths) > 150
    assert {pair for pair in paths if not (ROOT / pair[1]).exists()} == set()


def test_every_module_file_exists() -> None:
    known = {file.name for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")}
    assert {pair for pair in named(r"(?<![\w*])(\w+\.py)\b") if pair[1] not in known} == set()


def exists(name: str) -> bool:
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        with contextlib.suppress(ModuleNotFoundError):
            value = importlib.import_module(".".join(parts[:n]))
            return (
                functools.reduce(lambda at, attribute: getattr(at, attribute, None), parts[n:], value)
                is not None
            )
    return False


def test_every_dotted_name_exists() -> None:
    names = named(r"(?<![\w/.@-])(infogan(?:\.[A-Za-z_]\w*)+)")
    assert len(names) > 50
    assert {pair for pair in names if not exists(pair[1])} == set()


def anchors(file: Path) -> set[str]:
    """GitHub's anchors of the headings of a Markdown file."""
    text = re.sub(r"^```.*?^```$", "", file.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", DOCS, ids=lambda file: file.name)
def test_every_link_leads_somewhere(file: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", file.read_text()):
        if path.startswith("https://"):
            continue
        target = file.parent / path if path else file
        if target.resolve() in GENERATED:
            continue  # `make docs` checks these
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_every_make_target_exists() -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    in_docs = "\n".join(file.read_text() for file in DOCS)
    lines = re.findall(r"(?:`|^    )make ((?:[a-z]+ ?)+)", in_docs, re.MULTILINE)
    assert {target for line in lines for target in line.split()} <= known


def commands(text: str) -> Iterator[str]:
    """Commands in blocks and inline code, without comments."""
    for code in re.findall(r"(?:`|^ {4,})(infogan [^`\n]*)", text, re.MULTILINE):
        yield code.partition(" # ")[0].strip()


def test_every_preset_and_option_exists(tmp_path: Path) -> None:
    verbs = (
        "train;train mnist;sweep mnist;presets;bench;evaluate;compare;select;figures;traverse;paper;report;"
        "explore;"
    )
    verbs += "encode;export;data pack;data info;data preview;"
    known = set(OPTIONS_OF_OTHERS)
    for verb in verbs.split(";"):
        help_text = run(*verb.split(), "--help-all", cwd=tmp_path, env={"COLUMNS": "200"}).out
        known |= set(re.findall(r"--[a-z][\w-]*", help_text))
    in_docs = "\n".join(file.read_text() for file in DOCS)
    options = {option for line in commands(in_docs) for option in re.findall(r" (--[a-z][\w-]*)", line)}
    options |= set(re.findall(r"`(--[a-z][\w-]*)[ `]", in_docs))
    assert len(options) > 30
    assert options - known - {"--help-all", "--quiet"} == set()
    presets = set(re.findall(r"infogan (?:train|sweep|bench) ([a-z][\w-]*)(?![\w:-])", in_docs))
    assert len(presets) > 6
    assert presets <= set(PRESETS)


class Step(NamedTuple):
    """A command, or a block of Python."""

    doc: str
    code: str

    @property
    def is_command(self) -> bool:
        return self.code.startswith(("infogan ", "make "))


def steps() -> Iterator[Step]:
    """The commands and the Python of README.md, the tutorials and the guide, in order; a command once."""
    seen = set()
    for file in WITH_COMMANDS:
        text = re.sub(
            r"^```\w*\n(.*?)^```$",
            lambda m: re.sub("(?m)^", "    ", m[1]),
            file.read_text(),
            flags=re.M | re.S,
        )
        for block in re.findall(r"(?:^ {4,}.*\n|^\n(?= {4,}))+", text, re.MULTILINE):
            code = dedent(block).strip()
            if not re.match(r"infogan |make |from |import |\w+ = |\w+\.|assert |```", code):
                continue  # what a command prints, or an equation
            is_shell = code.startswith(("infogan ", "make "))
            for part in code.splitlines() if is_shell else [code]:
                if is_shell and (command := part.partition(" # ")[0].strip()) in seen:
                    continue
                seen.add(command if is_shell else "")
                yield Step(file.name, part.partition(" # ")[0].strip() if is_shell else part)


STEPS = list(steps())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of all documents run."""
    return make_folder(tmp_path_factory.mktemp("docs"))


def make_folder(folder: Path) -> Path:
    """Writes folders of images, and a table about one of them."""
    rng = np.random.default_rng(0)
    for name in ("photos", "celeba", "signs", "flowers"):
        (folder / name).mkdir()
        for i in range(40):
            corners = rng.integers(0, 256, (4, 4, 3), np.uint8)
            Image.fromarray(corners).resize((40, 32)).save(folder / name / f"{i}.png")
    rows = "".join(f"{i}.png,{i % 2}\n" for i in range(40))
    (folder / "attributes.csv").write_text("file,Male\n" + rows)
    return folder


def shortened(config: Config) -> Config:
    stages = {"pretraining_steps": min(3, config.pretraining.steps), "knob_steps": 3}
    return config.replace(steps=4, batch_size=16, log_every=2, device="cpu", **stages)


SHORT_PRESETS = {
    name: functools.wraps(preset)(lambda preset=preset: shortened(preset()))
    for name, preset in PRESETS.items()
}


def tiny_mnist(*_: Any) -> Images:
    rng = np.random.default_rng(0)
    labels = Labels(rng.integers(0, 10, 300))
    return Images.from_arrays(rng.integers(0, 256, (300, 1, 28, 28), np.uint8), labels)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, quick_scores: None, folder: Path) -> None:
    """Short trainings on few images."""
    for name, preset in SHORT_PRESETS.items():
        monkeypatch.setitem(PRESETS, name, preset)
    monkeypatch.setattr(
        "infogan.cli.options.custom_images",
        lambda *a, **k: shortened(custom_images(*a, **k)).replace(shape=(3, 8, 8)),
    )
    monkeypatch.setattr("infogan.data.datasets.mnist.load_mnist", tiny_mnist)
    monkeypatch.setattr("infogan.data.datasets.mnist._is_available", lambda *_: True)
    monkeypatch.setattr("infogan.method.inversion.STEPS", 2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))


PYTHON: dict[str, dict[str, Any]] = {}  # the names that the blocks of a document share


@pytest.mark.parametrize(
    "step", STEPS, ids=[f"{step.doc} {step.code.splitlines()[0]}"[:60] for step in STEPS]
)
def test_commands_run_in_order(step: Step, folder: Path, quick: None) -> None:
    for words, reason in NOT_RUN.items():
        if step.is_command and words in step.code:
            pytest.skip(reason)
    if step.is_command:
        code = re.sub(r"--seeds \d+", "--seeds 2", re.sub(r"--steps \d+", "--steps 6", step.code))
        succeed(*shlex.split(code)[1:], cwd=folder)
        return
    rng = np.random.default_rng(0)
    given = {
        "X": rng.normal(size=(300, 6)),
        "codes": rng.normal(size=(300, 2)),
        "factors": rng.integers(0, 4, (300, 2)),
    }
    code = step.code.replace('InfoGAN("cat:10 unif:2"', 'InfoGAN("cat:10 unif:2", max_iter=3')
    code = code.replace("2_000", "40")  # images to draw
    with contextlib.chdir(folder):
        exec(compile(code, step.doc, "exec"), names := PYTHON.setdefault(step.doc, given))
    for name, shape in re.findall(r"^(\w+) = .*# \((\d+(?:, \d+)*)\)", step.code, re.MULTILINE):
        assert ", ".join(map(str, names[name].shape)) == shape


def test_the_table_of_folders_is_complete() -> None:
    packages = {str(file.parent.relative_to(ROOT)) for file in (ROOT / "infogan").rglob("*/__init__.py")}
    listed = re.findall(
        r"^\| `(infogan/[\w/]+)/` \|", (ROOT / "docs" / "contributing" / "architecture.md").read_text(), re.MULTILINE
    )
    assert set(listed) == packages - {"infogan"}
