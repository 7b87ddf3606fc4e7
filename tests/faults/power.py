"""Power loss on paper: what a program does to a folder is recorded, and every state built that may be left.

After a power cut a file whose data was not synced may be as it was at its last sync, as it was written, cut
or zeros; names given, changed or taken away since the last sync of their folder may have come about or not,
in their order. This is what POSIX leaves open; real file systems promise more.
"""

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, final

Content = bytes | None  # None is a folder
Tree = tuple[tuple[str, Content], ...]  # the paths of a state below its root, in order, and what they hold


class Op(NamedTuple):
    """One thing done to a folder, whose name is `path`, or a word of the test's own."""

    kind: Literal["name", "unname", "write", "sync", "said"]
    path: str  # below the root, when it was done
    node: int  # which file or folder
    parent: int = 0  # the folder whose names change
    content: Content = b""


@final
@dataclass
class Log:
    """What was done, from an empty root on; the root is node 0."""

    ops: list[Op] = field(default_factory=list)
    nodes: dict[str, int] = field(default_factory=lambda: {"": 0})  # those that have a name now
    held: dict[int, Content] = field(default_factory=lambda: {0: None})
    start: int = 0  # how many operations tell what lay there before

    def say(self, word: str) -> None:
        """Notes how far the program has come."""
        self.ops.append(Op("said", word, 0))


@contextmanager
def recorded(root: Path) -> Iterator[Log]:
    """Records what this process does below a folder, meanwhile; what lies there already is on the disk."""
    log, fsync = Log(), os.fsync
    _notice(log, root)
    log.ops += [Op("sync", path, node) for path, node in log.nodes.items()]
    log.start = len(log.ops)

    def watched_fsync(fd: int) -> None:
        fsync(fd)
        found = os.fstat(fd)
        _WATCHED.remove((log, root))
        _notice(log, root)
        _WATCHED.append((log, root))
        for path, node in log.nodes.items():
            there = os.stat(root / path)
            if (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino):
                log.ops.append(Op("sync", path, node))

    _WATCHED.append((log, root))
    os.fsync = watched_fsync
    try:
        yield log
    finally:
        os.fsync = fsync
        _WATCHED.remove((log, root))
        _notice(log, root)


_WATCHED: list[tuple[Log, Path]] = []


def _hook(event: str, args: tuple[object, ...]) -> None:
    """Called before each call of the system; hooks cannot be taken away again."""
    if event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"):
        return
    watched = [(log, root) for log, root in _WATCHED if _below(root, str(args[0])) is not None]
    _WATCHED[:] = [one for one in _WATCHED if one not in watched]  # what follows opens files itself
    for log, root in watched:
        _notice(log, root)
        if event == "os.rename":
            _rename(log, root, str(args[0]), str(args[1]))
        elif event in ("os.remove", "os.rmdir"):
            path = _below(root, str(args[0]))
            if path in log.nodes:
                log.ops.append(Op("unname", path, log.nodes.pop(path), log.nodes[_parent(path)]))
        elif event == "open" and isinstance(args[2], int) and args[2] & os.O_TRUNC:
            path = _below(root, str(args[0]))
            if path in log.nodes:
                _write(log, path, b"")
    _WATCHED.extend(watched)


sys.addaudithook(_hook)


def _below(root: Path, path: str) -> str | None:
    found = os.path.relpath(os.path.abspath(path), root)
    return None if found.startswith("..") else found


def _parent(path: str) -> str:
    return os.path.dirname(path)


def _rename(log: Log, root: Path, source: str, target: str) -> None:
    before, after = _below(root, source), _below(root, target)
    if before not in log.nodes or after is None:
        return
    assert _parent(before) == _parent(after), "a rename between folders, which is not thought of here"
    node, parent = log.nodes.pop(before), log.nodes[_parent(before)]
    log.nodes[after] = node
    # One step: the new name is there, in place of what had it, as the old one goes.
    log.ops.append(Op("name", after, node, parent, before.encode()))


def _notice(log: Log, root: Path) -> None:
    """Notes what files hold now, and those that are new."""
    for path in sorted(str(p.relative_to(root)) for p in root.rglob("*")):
        is_new = path not in log.nodes
        if is_new:
            log.nodes[path] = len(log.held)
            content: Content = None if (root / path).is_dir() else b""
            log.held[log.nodes[path]] = content
            log.ops.append(Op("name", path, log.nodes[path], log.nodes[_parent(path)]))
        if log.held[log.nodes[path]] is not None:
            _write(log, path, (root / path).read_bytes())


def _write(log: Log, path: str, content: bytes) -> None:
    node = log.nodes[path]
    if log.held[node] != content:
        log.held[node] = content
        log.ops.append(Op("write", path, node, content=content))


def states(log: Log, most: int = 8192) -> Iterator[tuple[int, Tree]]:
    """Each state that a power cut may leave, and after how many operations it came; none twice for one cut.

    Raises:
        AssertionError: where a cut may leave more than `most` states, which nobody would wait for.
    """
    for cut in range(log.start, len(log.ops) + 1):
        done = log.ops[:cut]
        pending: dict[int, list[Op]] = {}  # of folders, since their last sync
        names: dict[int, dict[str, int]] = {}  # of folders, on the disk for certain
        written: dict[int, list[bytes]] = {}  # of files: what is on the disk for certain, then all since
        for op in done:
            if op.kind in ("name", "unname"):
                pending.setdefault(op.parent, []).append(op)
            elif op.kind == "write":
                assert op.content is not None
                written.setdefault(op.node, [b""]).append(op.content)
            elif op.kind == "sync" and log.held[op.node] is None:
                for step in pending.pop(op.node, []):
                    _apply(names.setdefault(op.node, {}), step)
            elif op.kind == "sync":
                written[op.node] = written.get(op.node, [b""])[-1:]
        listings = [
            [(folder, steps[:n]) for n in range(len(steps) + 1)] for folder, steps in sorted(pending.items())
        ]
        seen: dict[Tree, None] = {}
        for chosen in itertools.product(*listings):
            told = {folder: dict(known) for folder, known in names.items()}
            for folder, steps in chosen:
                for step in steps:
                    _apply(told.setdefault(folder, {}), step)
            found = _walk(0, "", told, log.held)
            variants = [
                _variants(written.get(node, [b""])) if not is_folder else [None]
                for _, node, is_folder in found
            ]
            for contents in itertools.product(*variants):
                seen[
                    tuple((path, content) for (path, _, _), content in zip(found, contents, strict=True))
                ] = None
        assert len(seen) <= most, f"{len(seen)} states after {done[-1]}"
        yield from ((cut, tree) for tree in seen)


def _apply(names: dict[str, int], op: Op) -> None:
    if op.kind == "unname":
        names.pop(os.path.basename(op.path), None)
        return
    names[os.path.basename(op.path)] = op.node
    if op.content:
        names.pop(os.path.basename(op.content.decode()), None)


def _walk(
    folder: int, path: str, names: dict[int, dict[str, int]], kinds: dict[int, Content]
) -> list[tuple[str, int, bool]]:
    found = []
    for name, node in sorted(names.get(folder, {}).items()):
        below = os.path.join(path, name)
        found.append((below, node, kinds[node] is None))
        if kinds[node] is None:
            found += _walk(node, below, names, kinds)
    return found


def _variants(written: list[bytes]) -> list[bytes]:
    """What a file may hold: as synced, as written since, the last of it cut, or zeros in its place."""
    if len(written) == 1:
        return written
    last = written[-1]
    kept = next(
        (i for i, (a, b) in enumerate(zip(written[0], last, strict=False)) if a != b), len(written[0])
    )
    kept = min(kept, len(last))
    half = kept + (len(last) - kept) // 2
    return list(dict.fromkeys([*written, last[:half], last[:kept] + bytes(len(last) - kept)]))


def build(root: Path, tree: Tree) -> None:
    """Puts a state into an empty folder."""
    for path, content in tree:
        if content is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(content)


def without(log: Log, drops: Callable[[Op], bool]) -> Log:
    """The same program with some of its operations left out: a planted bug."""
    before, after = log.ops[: log.start], log.ops[log.start :]
    return Log([*before, *(op for op in after if not drops(op))], log.nodes, log.held, log.start)
