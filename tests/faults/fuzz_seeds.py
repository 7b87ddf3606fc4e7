"""Small valid files of every format, the same bytes each time, which the fuzzer's mutations begin from."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import fuzz_mutations as m
import numpy as np
import safetensors.torch
import torch
from PIL import Image

from infogan.config import Config
from infogan.data import Images
from infogan.method.model import make_model
from infogan.runs.checkpoints import METADATA_KEY, checksum
from infogan.training.state import state_of
from infogan.training.trainer import Trainer


def idx() -> list[bytes]:
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, shape, np.uint8) for shape in ((20,), (5, 8, 8), (0, 3), (2, 2, 2, 2))]
    return [struct.pack(f">BBBB{a.ndim}I", 0, 0, 8, a.ndim, *a.shape) + a.tobytes() for a in arrays]


def npy() -> list[bytes]:
    rng = np.random.default_rng(0)
    found = []
    for version in ((1, 0), (2, 0), (3, 0)):
        for shape in ((5, 8, 8), (4, 8, 8, 3), (3, 3, 8, 8)):
            array = rng.integers(0, 256, shape, np.uint8)
            file = io.BytesIO()
            np.lib.format.write_array(file, np.asfortranarray(array) if version[0] == 2 else array, version)
            found.append(file.getvalue())
    return found


def npz() -> list[bytes]:
    arrays: dict[str, Any] = {
        "images": np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8),
        "labels": np.arange(6),
        "factors": np.arange(12.0).reshape(6, 2),
        "factor_names": np.array(["size", "shape"]),
        "factor_kinds": np.array(["number", "category"]),
    }
    entries = []
    for name, array in arrays.items():
        file = io.BytesIO()
        np.lib.format.write_array(file, array)
        entries.append((f"{name}.npy", file.getvalue()))
    return [m.zipped(entries), m.zipped(entries, zipfile.ZIP_DEFLATED), m.zipped(entries[:2])]


def mat() -> list[bytes]:
    from scipy.io import savemat

    found = []
    for compressed in (False, True):
        file = io.BytesIO()
        X = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 2), np.uint8)
        savemat(file, {"X": X, "y": np.array([[1], [10]], np.uint8)}, do_compression=compressed)
        found.append(b"MATLAB 5.0 MAT-file".ljust(116) + file.getvalue()[116:])  # without the time
    return found


def pictures(kind: str, **options: Any) -> list[bytes]:
    """Of several modes and sizes, with metadata, and of several frames where the format has these."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 20, 4), np.uint8)
    smooth = np.linspace(0, 255, 24 * 20).astype(np.uint8).reshape(24, 20)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "about"
    pictures = [
        Image.fromarray(smooth),
        Image.fromarray(noise[..., :3]),
        Image.fromarray(noise),
        Image.fromarray(smooth).convert("P"),
        Image.fromarray(smooth > 100),
        Image.fromarray(smooth.astype(np.uint16) * 257),
    ]
    found = []
    for i, picture in enumerate(pictures):
        file = io.BytesIO()
        frames = {"save_all": True, "append_images": pictures[:2]} if i == 1 and kind in MOVING else {}
        more: dict[str, Any] = {"exif": exif} if kind in ("PNG", "JPEG", "WEBP") else {}
        try:
            picture.save(file, kind, **options, **frames, **more)
        except (OSError, ValueError):  # a mode that the format has not
            continue
        found.append(file.getvalue())
    return found


MOVING = ("GIF", "TIFF", "WEBP", "PNG", "AVIF")


def jpeg() -> list[bytes]:
    return pictures("JPEG") + pictures("JPEG", progressive=True, subsampling=2)[:2]


def tiff() -> list[bytes]:
    kinds = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4")
    return [file for kind in kinds for file in pictures("TIFF", compression=kind)]


def zips() -> list[bytes]:
    entries = [
        ("a.png", pictures("PNG")[0]),
        ("b/c.jpg", pictures("JPEG")[1]),
        ("d.gif", pictures("GIF")[0]),
        ("about.txt", b"text"),
    ]
    return [m.zipped(entries), m.zipped(entries, zipfile.ZIP_DEFLATED), m.zipped(entries[:1])]


CONFIG = Config.from_options(  # the smallest networks there are
    images="folder:x",
    architecture="small",
    shape=(3, 2, 2),
    codes="cat:3 unif:1 noise:2",
    device="cpu",
    precision="32-true",
    batch_size=4,
    ema_decay=0.9,
)


@cache
def small_trainer() -> tuple[Trainer, Images]:
    images = Images.from_arrays(np.random.default_rng(0).integers(0, 256, (8, 3, 2, 2), np.uint8))
    return Trainer(CONFIG, make_model(CONFIG), images), images


@cache
def state_of_trainer() -> dict[str, torch.Tensor]:
    trainer, _ = small_trainer()
    for _ in zip(range(1), trainer.fit(), strict=False):
        pass
    return {**state_of(trainer), "since_log": torch.zeros(1, 5)}


def checkpoint(state: dict[str, torch.Tensor], about: dict[str, str]) -> bytes:
    """As `write_checkpoint` leaves it, without a disk."""
    said = json.dumps({**about, "checksum": checksum(state, about)}, sort_keys=True)
    return safetensors.torch.save(state, {METADATA_KEY: said})


def odd_checkpoint(data: bytes, inner: m.Inner, rng: Random) -> bytes:
    """A checkpoint whose checksum is right, of a state that is none."""
    state = {**state_of_trainer()}
    for _ in range(rng.choice((1, 1, 2, 5))):
        name = rng.choice(sorted(state))
        value, how = state[name], rng.randrange(8)
        if how == 0:
            del state[name]
        elif how == 1:
            state[rng.choice((name + ".", "adam_g.99.step", "adam_g.x.y", "adam_d.0", "G.", "é", ""))] = (
                value.clone()
            )
        elif how == 2:
            state[name] = state[rng.choice(sorted(state))].clone()
        elif how == 3:
            kinds = (torch.float64, torch.int8, torch.bool, torch.bfloat16, torch.uint8, torch.int64)
            state[name] = value.to(rng.choice(kinds))
        elif how == 4:
            state[name] = value.reshape(-1)[: rng.choice((0, 1, 2))].clone()
        elif how == 5:
            state[name] = torch.full_like(value, rng.choice((0, 1, 255)))
        elif how == 6 and value.is_floating_point():
            state[name] = torch.full_like(value, rng.choice((float("nan"), float("inf"), -1.0, 1e38)))
        else:
            state["n"] = torch.tensor(rng.choice((-1, 0, 2**31, 2**63 - 1, 7)))
    about = rng.choice(
        ({}, {"config": "{}", "images": "1"}, {"config": CONFIG.to_json(), "images": "\x1b[2J\n"})
    )
    return checkpoint(state, about)


def checkpoints() -> list[bytes]:
    whole = checkpoint(state_of_trainer(), {"config": CONFIG.to_json(), "images": "8 a"})
    few = {name: value for name, value in state_of_trainer().items() if name[:2] in ("G.", "D.")}
    return [whole, safetensors.torch.save(few)]


def json_of(*values: Any) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps(value, indent=2).encode() for value in values]


def metrics() -> list[bytes]:
    rows = [{"step": n, "L_I_c1": 0.5, "loss_d": 1.0, "images_per_s": 100.0} for n in (1, 2, 20)]
    return [b"".join(json.dumps(row).encode() + b"\n" for row in rows), json.dumps(rows[0]).encode()]


RUN_JSON = {
    "begun": "2026-01-01",
    "images": 3,
    "versions": {"infogan": "0.0", "torch": "2"},
    "machine": {"threads": 1},
}
SCORE = {"value": 0.5, "low": 0.1, "high": 0.9, "protocol": {"n": 3}}
CONFIGS = (CONFIG, CONFIG.replace(architecture="small", shape=(3, 32, 32), lam=(1.0, 0.5)))
