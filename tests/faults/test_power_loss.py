"""A power cut between any two calls of the system loses no state that was saved, nor a line before it."""

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from power import Log, Op, Tree, build, recorded, states, without
from rich.console import Console

from infogan.config import Config
from infogan.data import LoadOptions
from infogan.runs.checkpoints import read_checkpoint
from infogan.runs.locks import LOCK_NAME
from infogan.runs.run import Run, check_new_run_folder
from infogan.training import launch
from infogan.utils.errors import InfoganError

RUN = "runs/a"
GOAL = 6
Rows = list[dict[str, float | int]]


class Recorded(NamedTuple):
    """What a training did to the disk, and what it wrote."""

    log: Log
    saved: dict[int, set[bytes]]  # the checkpoints of each update
    rows: Rows  # of metrics.jsonl, in the end


class Found(NamedTuple):
    """What a power cut left, after `Run.recover`; or how it failed."""

    n: int | None  # None where the run is to be begun anew
    checkpoint: bytes
    rows: Rows
    whole: int  # checkpoints
    failure: str


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The smallest networks there are, so that one state takes milliseconds."""
    data = tmp_path_factory.mktemp("data") / "x.npy"
    np.save(data, np.random.default_rng(0).integers(0, 256, (40, 3, 2, 2), np.uint8))
    return Config.from_options(
        images=f"npz:{data}",
        architecture="small",
        shape=(3, 2, 2),
        codes="cat:3 noise:2",
        batch_size=4,
        steps=4,
        save_every=2,
        log_every=1,
        device="cpu",
        precision="32-true",
    )


@contextmanager
def recording(root: Path) -> Iterator[Recorded]:
    """Records a training below a folder; TensorBoard's files, which nothing depends on, are left out."""
    found = Recorded(Log(), {}, [])
    with recorded(root) as log, pytest.MonkeyPatch.context() as patch:
        create, save = Run.create, Run.save

        def told_create(path: Path, config: Config, n_images: int) -> Run:
            run = create(path, config, n_images)
            log.say("created")
            return run

        def told_save(run: Run, n: int, state, about) -> None:  # type: ignore[no-untyped-def]
            save(run, n, state, about)
            log.say(f"saved {n}")
            found.saved.setdefault(n, set()).add((run.checkpoints / f"{n:07d}.safetensors").read_bytes())

        patch.setattr(Run, "create", told_create)
        patch.setattr(Run, "save", told_save)
        yield found
    kept = without(log, lambda op: "/tensorboard" in op.path)
    found.log.__dict__.update(kept.__dict__)
    found.rows.extend(rows_of(root / RUN))


def rows_of(run: Path) -> Rows:
    """The lines of metrics.jsonl but for the clock's."""
    file = run / "metrics.jsonl"
    rows = [json.loads(line) for line in (file.read_text().splitlines() if file.is_file() else [])]
    return [{name: value for name, value in row.items() if name != "images_per_s"} for row in rows]


def console() -> Console:
    return Console(file=io.StringIO(), width=500)


@pytest.fixture(scope="module")
def begun(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A run in a folder of a folder that is new, and one that goes on with it."""
    root = tmp_path_factory.mktemp("begun")
    with recording(root) as found:
        launch.train(config, root / RUN, LoadOptions(), console())
        launch.resume(root / RUN, {"steps": GOAL}, LoadOptions(), console())
    return found


@pytest.fixture(scope="module")
def recovered(config: Config, begun: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A run that goes on from what a crash left: a damaged checkpoint, half of one, half a line."""
    root = tmp_path_factory.mktemp("recovered")
    launch.train(config, root / RUN, LoadOptions(), console())
    checkpoints = root / RUN / "checkpoints"
    damaged = checkpoints / "0000004.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (checkpoints / "0000006.safetensors.part").write_bytes(b"half")
    with (root / RUN / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "L_I')
    before = {2: {(checkpoints / "0000002.safetensors").read_bytes()}}
    with recording(root) as found:
        launch.resume(root / RUN, {"steps": GOAL}, LoadOptions(), console())
    for n, contents in before.items():
        found.saved.setdefault(n, set()).update(contents)
    assert found.rows == begun.rows
    return found


@contextmanager
def quick_disk() -> Iterator[None]:
    """Nothing is lost here any more, so nothing has to be waited for; what is passed over is not told."""
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(io.StringIO()):
        patch.setattr("os.fsync", lambda fd: None)
        yield


def look(tree: Tree, scratch: Path) -> Found:
    """What `train --resume` would go on from; in a folder that is made for it."""
    scratch.mkdir()
    build(scratch, tree)
    path = scratch / RUN
    nothing = Found(None, b"", [], 0, "")
    try:
        if not (path / "config.json").exists():
            check_new_run_folder(path)
            return nothing
        run = Run.open(path)
        newest = run.recover_checkpoint()
        run.truncate_metrics(0 if newest is None else int(newest.path.stem))  # as training does
    except InfoganError as error:
        return nothing._replace(failure=str(error))
    if list(scratch.rglob("*.part")):
        return nothing._replace(failure="half a file is left")
    whole = [p for p in run.checkpoints.glob("*.safetensors") if is_whole(p)]
    n = 0 if newest is None else int(newest.path.stem)
    content = b"" if newest is None else newest.path.read_bytes()
    return Found(n, content, rows_of(path), len(whole), "")


def is_whole(path: Path) -> bool:
    try:
        read_checkpoint(path)
    except InfoganError:
        return False
    return True


def lost(made: Recorded, folder: Path, known: dict[Tree, Found], begun_before: bool = False) -> Iterator[str]:
    """What a power cut loses, as it is found.

    Args:
        known: filled with all states that may be left.
    """
    log = made.log
    with quick_disk():
        for cut, tree in states(log):
            if tree not in known:
                known[tree] = look(tree, folder / str(len(known)))
            said = [op.path for op in log.ops[:cut] if op.kind == "said"]
            saved = [int(word.split()[1]) for word in said if word.startswith("saved")]
            loss = judge(made, known[tree], bool(said) or begun_before, saved)
            if loss:
                yield f"{loss} (after {' '.join(log.ops[cut - 1][:2])})"


def judge(made: Recorded, found: Found, created: bool, saved: list[int]) -> str:
    """What is lost, or nothing."""
    if found.failure:
        return re.sub(r"\S*/runs/", "", found.failure)
    if found.n is None:
        return "a run that had begun is gone" if created else ""
    if saved and found.n < max(saved):
        return "a state that was saved is gone"
    if found.n and found.checkpoint not in made.saved[found.n]:
        return "a state is another"
    if found.rows != [row for row in made.rows if row["step"] <= found.n]:
        return "lines of metrics.jsonl are gone or too many"
    if found.whole < min(2, len(saved)):
        return "there is but one whole checkpoint"
    return ""


@pytest.mark.parametrize("which", ["begun", "recovered"])
def test_nothing_is_lost(
    which: str, config: Config, begun: Recorded, tmp_path: Path, nightly: bool, request: pytest.FixtureRequest
) -> None:
    made: Recorded = request.getfixturevalue(which)
    known: dict[Tree, Found] = {}
    losses = set(lost(made, tmp_path, known, begun_before=which == "recovered"))
    print(
        f"\n{which}: {len(made.log.ops) - made.log.start} calls, "
        f"{len(known)} states that a power cut may leave, {len(losses)} losses"
    )
    assert not losses
    ends = {f.checkpoint for f in known.values() if f.n == GOAL}
    assert len(ends) == 1
    # Of some, all at night, that they go on to the same end.
    unfinished = [i for i, f in enumerate(known.values()) if f.n is not None and f.n < GOAL]
    chosen = unfinished if nightly else unfinished[:: max(1, len(unfinished) // 3)]
    with quick_disk():
        for i in chosen:
            path = tmp_path / str(i) / RUN
            launch.resume(path, {"steps": GOAL}, LoadOptions(), console())
            assert (path / "checkpoints" / f"{GOAL:07d}.safetensors").read_bytes() in ends
            assert rows_of(path) == made.rows
    print(f"{which}: {len(chosen)} of them went on to the same bits")


def is_file_sync(op: Op) -> bool:
    return op.kind == "sync" and op.path.endswith(".part")


def is_folder_sync(op: Op) -> bool:
    return op.kind == "sync" and op.path in (RUN, f"{RUN}/checkpoints")


def is_metrics_sync(op: Op) -> bool:
    return op.kind == "sync" and op.path.endswith("metrics.jsonl")


@pytest.mark.parametrize(
    ("drops", "loss"),
    [
        (is_file_sync, "damaged|cannot be read|not JSON|config"),
        (is_folder_sync, "gone"),
        (is_metrics_sync, r"lines of metrics\.jsonl"),
        (lambda op: op.kind == "sync" and op.path in ("", "runs"), "a run that had begun is gone"),
    ],
)
def test_a_sync_left_out_is_noticed(
    begun: Recorded, tmp_path: Path, drops: Callable[[Op], bool], loss: str
) -> None:
    losses = lost(begun._replace(log=without(begun.log, drops)), tmp_path, {})
    assert any(re.search(loss, one) for one in losses)


def test_taking_away_before_putting_is_noticed(begun: Recorded, tmp_path: Path) -> None:
    ops = list(begun.log.ops)
    for i, op in enumerate(begun.log.ops):
        if op.kind == "unname":
            put = max(j for j in range(i) if ops[j].kind == "name" and ops[j].path.endswith(".safetensors"))
            ops.insert(put, ops.pop(i))
    losses = lost(
        begun._replace(log=Log(ops, begun.log.nodes, begun.log.held, begun.log.start)), tmp_path, {}
    )
    assert any("but one whole checkpoint" in loss for loss in losses)


def test_a_lock_is_no_run(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).touch()
    (tmp_path / "config.json.part").touch()
    check_new_run_folder(tmp_path)
