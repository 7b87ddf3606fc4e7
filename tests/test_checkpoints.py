"""Checkpoints: they return what was written, and damaged ones are recognised."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from infogan.runs.checkpoints import (
    checksum,
    newest_checkpoint,
    read_checkpoint,
    read_newest_valid,
    read_safetensors,
    rename_damaged,
    write_checkpoint,
)
from infogan.utils.errors import InfoganError

ABOUT = {"config": '{"seed": 3}', "images": "12 abc"}
STATE = {
    "G.weight": torch.arange(12.0).view(3, 4),
    "half": torch.tensor([1.5, -2], dtype=torch.bfloat16),
    "rng": torch.arange(16, dtype=torch.uint8),
    "n": torch.tensor(7),
    "since_log": torch.empty(0, 6),
}


def written(folder: Path, *steps: int) -> None:
    for n in steps:
        write_checkpoint(folder, n, STATE | {"n": torch.tensor(n)}, ABOUT)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def damage(path: Path, at: int, flip: int = 1) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= flip
    path.write_bytes(content)


def test_reading_returns_what_was_written(tmp_path: Path) -> None:
    written(tmp_path, 7)
    path, state, about = read_checkpoint(tmp_path / "0000007.safetensors")
    assert path.name == "0000007.safetensors"
    assert about == ABOUT
    assert state.keys() == STATE.keys()
    for name, value in STATE.items():
        assert state[name].dtype == value.dtype
        assert torch.equal(state[name], value)


def test_the_newest_two_are_kept_beyond_seven_digits_too(tmp_path: Path) -> None:
    written(tmp_path, 9_999_998, 9_999_999, 10_000_000)
    assert names(tmp_path) == ["10000000.safetensors", "9999999.safetensors"]
    newest = newest_checkpoint(tmp_path)
    assert newest is not None
    assert newest.name == "10000000.safetensors"


def test_every_byte_is_checked(tmp_path: Path) -> None:
    written(tmp_path, 7)
    path = tmp_path / "0000007.safetensors"
    whole = path.read_bytes()
    undetected = []
    for at in range(len(whole)):
        damage(path, at, 1 << at % 8)
        try:
            found = read_checkpoint(path)
        except InfoganError:
            pass
        else:  # a change without effect, such as upper case in an escape
            same = found.metadata == ABOUT and found.state.keys() == STATE.keys()
            if not same or not all(
                torch.equal(found.state[k], v) for k, v in (STATE | {"n": torch.tensor(7)}).items()
            ):
                undetected.append(at)
        path.write_bytes(whole)
    assert not undetected


@pytest.mark.parametrize("keep", [0, 1, 8, 40, 0.5, -1])
def test_a_truncated_one_is_skipped_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], keep: float
) -> None:
    written(tmp_path, 5, 10)
    path = tmp_path / "0000010.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])
    found = read_newest_valid(tmp_path)
    assert found is not None
    assert int(found.state["n"]) == 5
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "0000010.safetensors" in printed
    assert "Using 0000005.safetensors, the one before." in printed
    (tmp_path / "0000015.safetensors.part").write_bytes(b"half")
    rename_damaged(tmp_path, found.path)
    assert names(tmp_path) == ["0000005.safetensors", "0000010.safetensors.damaged"]
    written(tmp_path, 10, 15)
    assert names(tmp_path)[-1] == "0000015.safetensors"


def test_if_all_are_damaged_it_is_an_error(tmp_path: Path) -> None:
    assert read_newest_valid(tmp_path) is None
    written(tmp_path, 5, 10)
    for path in tmp_path.iterdir():
        damage(path, len(path.read_bytes()) - 1)
    with pytest.raises(InfoganError, match=r"0000010\.safetensors is damaged.*All older ones are damaged"):
        read_newest_valid(tmp_path)


def test_weights_without_a_checksum_are_read(tmp_path: Path) -> None:
    import safetensors.torch

    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors.torch.save({"a": torch.ones(2)}))
    assert torch.equal(read_safetensors(path).state["a"], torch.ones(2))
    with pytest.raises(InfoganError, match="checksum"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "other",
    [
        {"b": torch.zeros(2)},
        {"a": torch.zeros(1, 2)},
        {"a": torch.zeros(2, dtype=torch.int32)},
        {"a": torch.tensor([0.0, -0.0])},
    ],
)
def test_checksum_covers_name_shape_type_and_bits(other: dict[str, Tensor]) -> None:
    assert checksum(other) != checksum({"a": torch.zeros(2)})
    assert checksum({"a": torch.zeros(2)}, {"x": "1"}) != checksum({"a": torch.zeros(2)})
    assert checksum({"a": torch.eye(2).T}) == checksum({"a": torch.eye(2)})
