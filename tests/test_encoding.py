"""Codes in parts: the same rows as in one table whatever happens meanwhile, and nobody's files touched."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from infogan.scale.encoding.parts import LOCK, Plan
from watched import Watched

import infogan.scale.encoding.encode
from infogan.config import Config
from infogan.data.images import Images
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.scale.encoding.encode import encode, plan_of
from infogan.scale.encoding.table import write_codes
from infogan.utils.errors import InfoganError

ROOT = Path(__file__).parent.parent
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
N, ROWS = 700, 64
CONFIG = Config.from_options(images="digits", architecture="digits", codes="cat:4 unif:1 circ:1 noise:2")
# The command line with small parts, once or several times.
SMALL = f"""
import contextlib, io, json, sys
import infogan.scale.encoding.encode
infogan.scale.encoding.encode.PART = {ROWS}
from infogan.cli import main
"""
ONE = f"{SMALL}\nmain()"
MANY = f"""{SMALL}
def outcome(line):
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["infogan", *line.split()]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as stopped:
            code = stopped.code or 0
    return code, out.getvalue(), err.getvalue()

print(json.dumps([outcome(line) for line in json.load(sys.stdin)]))
"""


def call(*lines: str, cwd: Path) -> list[tuple[int, str, str]]:
    """The exit status of each command line, and what it said on standard output and error."""
    done = subprocess.run([sys.executable, "-c", MANY], cwd=cwd, env=ENV, input=json.dumps(lines), text=True,
                          capture_output=True, timeout=90, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


def rows(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("part-*.parquet"))])


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder, and when it was written."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, untrained_run: Callable[..., Run]) -> Path:
    """Two runs, images, and what the first run reads off them: as one table, and in 11 parts."""
    place = tmp_path_factory.mktemp("encoding")
    untrained_run(place / "run", CONFIG)
    untrained_run(place / "other", CONFIG, gain=2.0)
    x = np.random.default_rng(0).integers(0, 256, (N, 8, 8), dtype=np.uint8)
    np.save(place / "x.npy", x)
    np.save(place / "y.npy", 255 - x)
    said = call("encode run x.npy -o one.parquet", "encode run x.npy -o out/ --json", cwd=place)
    assert [code for code, _, _ in said] == [0, 0], said
    assert json.loads(said[1][1]) == ["out"]
    return place


@pytest.fixture
def copy(place: Path, tmp_path: Path) -> Path:
    return shutil.copytree(place, tmp_path / "copy")


def test_parts_are_the_table(place: Path) -> None:
    out = place / "out"
    names = [f"part-{i:05d}.parquet" for i in range(11)]
    assert sorted(p.name for p in out.iterdir()) == ["_about.json", "_lock", *names]
    assert [pq.read_metadata(out / name).num_rows for name in names] == [*[ROWS] * 10, N - 10 * ROWS]
    assert rows(out).replace_schema_metadata().equals(pq.read_table(place / "one.parquet"))
    assert rows(out)["image"].to_pylist() == list(range(N))
    assert len(pandas.read_parquet(out)) == N  # which chokes on a file that is none of Parquet
    about = json.loads((out / "_about.json").read_text())
    assert (about["images"], about["step"], about["rows_a_part"]) == (N, 1, ROWS)
    assert about["source"] == f"npz:{place / 'x.npy'}"


def test_what_is_there_is_kept(copy: Path) -> None:
    """A part that is cut short, gone, or another's is done again, and no other; the end changes nothing."""
    out = copy / "out"
    parts = [out / f"part-{i:05d}.parquet" for i in range(11)]
    before = contents(out)
    (done,) = call("encode run x.npy -o out", cwd=copy)
    assert done == (0, "out\n", "out holds all 700 images already.\n")
    assert contents(out) == before
    parts[1].write_bytes(parts[1].read_bytes()[:-20])
    parts[3].unlink()
    shutil.copy(parts[4], parts[5])  # of as many rows
    (out / f"_{parts[3].name}.1.part").write_bytes(b"half")  # as a kill leaves it
    (again,) = call("encode run x.npy -o out", cwd=copy)
    assert again[2] == "out holds all 700 images in 11 parts, 8 of them there before.\n"
    after = contents(out)
    assert {name: after[name][0] for name in after} == {name: before[name][0] for name in before}
    written = {name for name in before if after[name] != before[name]}
    assert written - {"_lock"} == {parts[i].name for i in (1, 3, 5)}


def test_folders_of_anything_else_are_refused(copy: Path) -> None:
    """One sentence each, and not a file is other than before."""

    def changed(name: str, **fields: Any) -> None:
        shutil.copytree(copy / "out", copy / name)
        about = json.loads((copy / name / "_about.json").read_text())
        (copy / name / "_about.json").write_text(json.dumps(about | fields))

    (copy / "mine").mkdir()
    (copy / "mine" / "thesis.tex").write_text("mine")
    (copy / "file").write_text("mine")
    changed("mixed")
    (copy / "mixed" / "part-00011.parquet").write_text("of a longer encoding")
    changed("older", version="0.0.1")
    changed("damaged")
    (copy / "damaged" / "_about.json").write_text("{")
    changed("unmarked")
    (copy / "unmarked" / "_about.json").unlink()
    changed("altered", mark="700 0123456789abcdef")
    cases = {
        "encode run x.npy -o mine/": "mine holds thesis.tex, which is no part of this encoding",
        "encode run x.npy -o file": "file is a file, and no folder",
        "encode run x.npy -o mixed/": "mixed holds part-00011.parquet, which is no part",
        "encode run x.npy -o older/": "older was begun by infogan 0.0.1",
        "encode run x.npy -o damaged/": "_about.json cannot be read",
        "encode run x.npy -o unmarked/": "unmarked holds part-00000.parquet, which is no part",
        "encode other x.npy -o out/": "out was begun with another run or checkpoint",
        "encode run y.npy -o out/": "out was begun with other images, those of npz:",
        "encode run x.npy -o altered/": "altered was begun with other images",
        "encode run nothing.npy -o new/": "nothing.npy",
        "encode run digits:test -o new.csv --ray local": "new.csv is a file; name a folder by -o OUT/",
        "encode run x.npy -o new/ --ray local --cpus 0": "--cpus is 0, but must be at least 1",
        "encode run x.npy -o new/ --ray local --gpus 1.5": "--gpus is 1.5, but must be a whole number",
    }
    before = contents(copy)
    with FileLock(copy / "out" / LOCK):
        (copy / "out" / "part-00002.parquet").unlink()
        before.pop("out/part-00002.parquet")
        (*said, alone) = call(*cases, "encode run x.npy -o out", cwd=copy)
    for (code, out, err), (line, why) in zip(said, cases.items(), strict=True):
        assert (code, out) == (2, ""), line
        assert err.startswith("infogan: "), line
        assert why in err
        assert err.count("\n") == 1, line
    assert alone[0] == 2
    assert alone[2].startswith("infogan: another process is encoding into out; wait until it ends")
    assert contents(copy) == before


def test_kills_lose_and_repeat_no_row(copy: Path, nightly: bool) -> None:
    """Killed at moments of chance, half of them right in the writing."""
    rng, kills, landed = random.Random(0), 50 if nightly else 3, 0
    out = copy / "new"

    def parts(folder: Path) -> dict[str, bytes]:
        return {name: content for name, (content, _) in contents(folder).items() if name != "_about.json"}

    while landed < kills:
        shutil.rmtree(out, ignore_errors=True)
        some = rng.randrange(1, 10)  # parts that are there before it ends
        while True:
            command = [sys.executable, "-c", ONE, "--quiet", "encode", "run", "x.npy", "-o", "new/"]
            process = subprocess.Popen(command, cwd=copy, env=ENV)
            try:
                goal = some if landed < kills else 99
                while process.poll() is None and len(list(out.glob("part-*"))) < goal:
                    time.sleep(0.0005)
                time.sleep(rng.choice((0, 0.001, 0.003)))
                if process.poll() is None and landed < kills:
                    process.send_signal(signal.SIGKILL)
            finally:
                process.wait(60)
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL
            landed += 1
            some += rng.randrange(1, 4)
        assert parts(out) == parts(copy / "out")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infogan.scale.encoding.encode, "PART", ROWS)
    monkeypatch.setattr(infogan.scale.encoding.encode, "BLOCK", 32)


@pytest.fixture(scope="module")
def model(place: Path) -> Model:
    return Run.open(place / "run").model()


def begin(folder: Path, model: Model, images: Images) -> Plan:
    return plan_of(folder, model, 1, images, "digits")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("n", [0, 1, 64, 65, 300])
def test_names_go_with_their_rows(n: int, model: Model, tmp_path: Path) -> None:
    images = Images(Watched(n), names=tuple(f"a {i}.png" for i in range(n)))
    plan = begin(tmp_path / "out", model, images)
    with plan.claimed() as missing:
        assert list(encode(plan, model, images, missing)) == list(range(-(-n // ROWS)))
    write_codes(tmp_path / "one.parquet", model, images)
    if n:  # a batch of one is rounded otherwise than one of many
        one = pandas.read_parquet(tmp_path / "one.parquet")
        pandas.testing.assert_frame_equal(rows(plan.folder).to_pandas(), one, rtol=1e-4)
    assert plan.missing() == []


@pytest.mark.usefixtures("small")
def test_a_few_images_are_held_at_once(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many parts there are, and however slow the network is."""
    pixels = Watched(1000)
    ahead: list[int] = []
    real = infogan.scale.encoding.encode.read_codes

    def slow(*args: Any) -> pa.Table:
        time.sleep(0.005)
        ahead.append(len(pixels.asked) - 1 - len(ahead))  # one was looked at for the mark
        return real(*args)

    monkeypatch.setattr(infogan.scale.encoding.encode, "read_codes", slow)
    plan = begin(tmp_path / "out", model, Images(pixels))
    with plan.claimed() as missing:
        assert len(list(encode(plan, model, Images(pixels), missing))) == 16
    assert max(pixels.asked[1:]) == 32
    assert max(ahead) <= 3
    assert sum(count > 1 for count in ahead) > len(ahead) / 2  # the next ones are read meanwhile


@pytest.mark.usefixtures("small")
def test_ctrl_c_keeps_what_is_whole(model: Model, tmp_path: Path) -> None:
    broken = Images(Watched(300, broken=200))
    plan = begin(tmp_path / "out", model, Images(Watched(300)))
    with pytest.raises(KeyboardInterrupt), plan.claimed() as missing:
        list(encode(plan, model, broken, missing))
    assert sorted(p.name for p in plan.folder.glob("*part*")) == [f"part-0000{i}.parquet" for i in range(3)]
    assert plan.missing() == [3, 4]


@pytest.mark.usefixtures("small")
def test_a_full_disk_is_told(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    images = Images(Watched(100))
    plan = begin(tmp_path / "out", model, images)
    with plan.claimed() as missing:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(InfoganError, match=r"out cannot be written \(No space left"):
            list(encode(plan, model, images, missing))
    assert not list(plan.folder.glob("*part*"))
