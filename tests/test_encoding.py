"""Encoding in parts: the same rows as in one table, whatever happens meanwhile, no other file touched."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import ENV, fail, run, succeed
from filelock import FileLock
from watched import Watched

import infogan.scale.encoding.encode
from infogan.config import Config
from infogan.data.images import Images
from infogan.method.model import Model
from infogan.runs.run import Run
from infogan.scale.encoding.encode import encode_parts, make_target
from infogan.scale.encoding.folder import LOCK, EncodingFolder
from infogan.scale.encoding.table import write_codes
from infogan.utils.errors import InfoganError

N, ROWS = 700, 64
CONFIG = Config.from_options(images="digits", architecture="digits", codes="cat:4 unif:1 circ:1 noise:2")
PROGRAM = (
    f"import infogan.scale.encoding.encode as e; e.ROWS_PER_PART = {ROWS}; import infogan.cli as c; c.main()"
)


@pytest.fixture(scope="module", autouse=True)
def small_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(infogan.scale.encoding.encode, "ROWS_PER_PART", ROWS)
        yield


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
    succeed("encode", "run", "x.npy", "-o", "one.parquet", cwd=place)
    assert json.loads(succeed("encode", "run", "x.npy", "-o", "out/", "--json", cwd=place)) == ["out"]
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
    assert len(pandas.read_parquet(out)) == N  # fails on files other than Parquet
    about = json.loads((out / "_about.json").read_text())
    assert (about["images"], about["step"], about["rows_per_part"]) == (N, 1, ROWS)
    assert about["source"] == f"npz:{place / 'x.npy'}"


def test_complete_parts_are_kept(copy: Path) -> None:
    """Only parts that are damaged, missing or of another number are encoded again."""
    out = copy / "out"
    parts = [out / f"part-{i:05d}.parquet" for i in range(11)]
    before = contents(out)
    words = ("encode", "run", "x.npy", "-o", "out")
    assert run(*words, cwd=copy) == (0, "out\n", "out already holds all 700 images.\n")
    assert contents(out) == before
    parts[1].write_bytes(parts[1].read_bytes()[:-20])
    parts[3].unlink()
    shutil.copy(parts[4], parts[5])  # of as many rows
    (out / f"_{parts[3].name}.1.part").write_bytes(b"half")  # as a kill leaves it
    assert run(*words, cwd=copy).err == "out holds all 700 images in 11 parts, 8 of them from before.\n"
    after = contents(out)
    assert {name: after[name][0] for name in after} == {name: before[name][0] for name in before}
    written = {name for name in before if after[name] != before[name]}
    assert written - {"_lock"} == {parts[i].name for i in (1, 3, 5)}


def test_other_folders_are_refused(copy: Path) -> None:
    """With one sentence each, and no file changed."""

    def change(name: str, **fields: Any) -> None:
        shutil.copytree(copy / "out", copy / name)
        about = json.loads((copy / name / "_about.json").read_text())
        (copy / name / "_about.json").write_text(json.dumps(about | fields))

    (copy / "mine").mkdir()
    (copy / "mine" / "thesis.tex").write_text("mine")
    (copy / "file").write_text("mine")
    change("mixed")
    (copy / "mixed" / "part-00011.parquet").write_text("of a longer encoding")
    change("older", version="0.0.1")
    change("damaged")
    (copy / "damaged" / "_about.json").write_text("{")
    change("unmarked")
    (copy / "unmarked" / "_about.json").unlink()
    change("altered", fingerprint="700 0123456789abcdef")
    cases = {
        "encode run x.npy -o mine/": "mine holds thesis.tex, which is not part of this encoding",
        "encode run x.npy -o file": "file is a file, not a folder",
        "encode run x.npy -o mixed/": "mixed holds part-00011.parquet, which is not part",
        "encode run x.npy -o older/": "older was begun by infogan 0.0.1",
        "encode run x.npy -o damaged/": "_about.json cannot be read",
        "encode run x.npy -o unmarked/": "unmarked holds part-00000.parquet, which is not part",
        "encode other x.npy -o out/": "out was begun with another run or checkpoint",
        "encode run y.npy -o out/": "out was begun with other images, those of npz:",
        "encode run x.npy -o altered/": "altered was begun with other images",
        "encode run nothing.npy -o new/": "nothing.npy",
        "encode run digits:test -o new.csv --ray local": "--out must be a folder",
        "encode run x.npy -o new/ --ray local --cpus 0": "cpus is 0, but must be at least 1",
        "encode run x.npy -o new/ --ray local --gpus 1.5": "gpus is 1.5, but must be a whole number",
    }
    before = contents(copy)
    for line, why in cases.items():
        assert why in fail(*line.split(), cwd=copy), line
    assert contents(copy) == before
    (copy / "out" / "part-00002.parquet").unlink()
    before.pop("out/part-00002.parquet")
    with FileLock(copy / "out" / LOCK):
        error = fail("encode", "run", "x.npy", "-o", "out", cwd=copy)
    assert "another process is encoding into out; wait until it ends" in error
    assert contents(copy) == before


def test_kills_lose_and_repeat_no_row(copy: Path, nightly: bool) -> None:
    """Killed at random moments, half of them while a part is written."""
    rng, kills, landed = random.Random(0), 50 if nightly else 1, 0
    out = copy / "new"

    def parts(folder: Path) -> dict[str, bytes]:
        return {name: content for name, (content, _) in contents(folder).items() if name != "_about.json"}

    while landed < kills:
        shutil.rmtree(out, ignore_errors=True)
        some = rng.randrange(1, 10)  # parts that are there before it ends
        while landed < kills:
            command = [sys.executable, "-c", PROGRAM, "--quiet", "encode", "run", "x.npy", "-o", "new/"]
            process = subprocess.Popen(command, cwd=copy, env=ENV)
            try:
                while process.poll() is None and len(list(out.glob("part-*"))) < some:
                    time.sleep(0.0005)
                time.sleep(rng.choice((0, 0.001, 0.003)))
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
            finally:
                process.wait(60)
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL
            landed += 1
            some += rng.randrange(1, 4)
        succeed("encode", "run", "x.npy", "-o", "new/", cwd=copy)
        assert parts(out) == parts(copy / "out")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infogan.scale.encoding.encode, "BLOCK", 32)


@pytest.fixture(scope="module")
def model(place: Path) -> Model:
    return Run.open(place / "run").model()


def begin(folder: Path, model: Model, images: Images) -> EncodingFolder:
    return make_target(folder, model, 1, images, "digits")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("n", [0, 1, 64, 65, 300])
def test_names_go_with_their_rows(n: int, model: Model, tmp_path: Path) -> None:
    images = Images(Watched(n), names=tuple(f"a {i}.png" for i in range(n)))
    target = begin(tmp_path / "out", model, images)
    with target.locked() as missing:
        assert list(encode_parts(target, model, images, missing)) == list(range(-(-n // ROWS)))
    write_codes(tmp_path / "one.parquet", model, images)
    if n:  # a batch of one is rounded otherwise than one of many
        one = pandas.read_parquet(tmp_path / "one.parquet")
        pandas.testing.assert_frame_equal(rows(target.folder).to_pandas(), one, rtol=1e-4)
    assert target.missing_parts() == []


@pytest.mark.usefixtures("small_blocks")
def test_a_few_images_are_held_at_once(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many parts there are, and however slow the network is."""
    pixels = Watched(1000)
    ahead: list[int] = []
    real = infogan.scale.encoding.encode.encode_rows

    def slow(*args: Any) -> pa.Table:
        time.sleep(0.005)
        ahead.append(len(pixels.asked) - 1 - len(ahead))  # one was for the fingerprint
        return real(*args)

    monkeypatch.setattr(infogan.scale.encoding.encode, "encode_rows", slow)
    target = begin(tmp_path / "out", model, Images(pixels))
    with target.locked() as missing:
        assert len(list(encode_parts(target, model, Images(pixels), missing))) == 16
    assert max(pixels.asked[1:]) == 32
    assert max(ahead) <= 3
    assert sum(count > 1 for count in ahead) > len(ahead) / 2  # the next ones are read meanwhile


@pytest.mark.usefixtures("small_blocks")
def test_ctrl_c_keeps_complete_parts(model: Model, tmp_path: Path) -> None:
    broken = Images(Watched(300, broken=200))
    target = begin(tmp_path / "out", model, Images(Watched(300)))
    with pytest.raises(KeyboardInterrupt), target.locked() as missing:
        list(encode_parts(target, model, broken, missing))
    assert sorted(p.name for p in target.folder.glob("*part*")) == [f"part-0000{i}.parquet" for i in range(3)]
    assert target.missing_parts() == [3, 4]


@pytest.mark.usefixtures("small_blocks")
def test_a_full_disk_is_reported(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    images = Images(Watched(100))
    target = begin(tmp_path / "out", model, images)
    with target.locked() as missing:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(InfoganError, match=r"out cannot be written \(No space left"):
            list(encode_parts(target, model, images, missing))
    assert not list(target.folder.glob("*part*"))
