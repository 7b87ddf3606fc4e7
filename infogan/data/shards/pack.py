"""Images from anywhere as tar shards, which WebDataset reads too, with their index beside them.

000000.tar, 000001.tar, ...  the samples: a picture, 000000000.png, and its label, 000000000.cls, if any
pack.json                    what they are made of, so that a pack that was interrupted goes on
"""

import hashlib
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, final

import PIL
from PIL import Image

from infogan.data.formats.collection import ImageCollection, decoded
from infogan.data.formats.resize import Shaper, as_array
from infogan.data.formats.unreadable import Unreadable, complain
from infogan.data.shards.files import find_shards
from infogan.data.shards.index import ABOUT, make_index
from infogan.data.shards.writer import TAR, PerShard, Sample, last_number, shards_of, write_shards
from infogan.utils.errors import InfoganError, shown
from infogan.utils.io import make_folder, write_whole

ABOUT_PACK = "pack.json"
OURS = re.compile(
    rf"{TAR}(\.[0-9]+\.part)?|(pack|index)\.json(\.part)?|index-[0-9a-f]{{12}}\.npy|index\.[0-9]+\.part"
)
SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif"}


class Packed(NamedTuple):
    """What came of it."""

    shards: int
    images: int
    bytes: int


def pack(
    collection: ImageCollection, out: Path, per_shard: PerShard, shaper: Shaper | None, skip_bad: bool
) -> Packed:
    """Writes the pictures of a pile to shards: the bytes of their files, or PNG where a shaper changes them.

    What was interrupted goes on, to the same bytes. Memory holds a few pictures at a time.

    Args:
        skip_bad: leaves out pictures that cannot be read, and says on standard error how many.

    Raises:
        InfoganError: where a picture cannot be read, the folder holds something else, or the disk is full.
    """
    made_of = f"{collection.fingerprint()}; {per_shard}; {shaper}; Pillow {PIL.__version__}"
    recipe = json.dumps({"made_of": hashlib.sha256(made_of.encode(errors="replace")).hexdigest()}).encode()
    with _telling(out):
        _require_ours(out, recipe)
        make_folder(out)
        for part in out.glob("*.part"):
            part.unlink()
        write_whole(out / ABOUT_PACK, recipe)
        done = shards_of(out)
        start = last_number(done[-1]) + 1 if done else 0
        bad: list[Unreadable] = []
        if start < collection.n and not (out / ABOUT).exists():
            index = range(start, collection.n) if start else None
            with closing(decoded(collection, _Encoder(shaper), index, doing="packing")) as outcomes:
                write_shards(_samples(outcomes, start, collection, skip_bad, bad), out, len(done), per_shard)
            done = shards_of(out)
        if not done:
            complain(collection.where, len(bad), bad, skip_bad=True)
        if not (out / ABOUT).exists():
            make_index([replace(shard, state="") for shard in find_shards(str(out))], out)
        images = sum(shard[3] for shard in json.loads((out / ABOUT).read_bytes())["shards"])
    complain(collection.where, images + len(bad), bad, skip_bad=True)
    return Packed(len(done), images, sum(path.stat().st_size for path in done))


@final
@dataclass(frozen=True)
class _Encoder:
    """The suffix and the bytes of an open picture: those of its file, once it turns out to be whole."""

    shaper: Shaper | None

    def __call__(self, picture: Image.Image) -> tuple[str, bytes]:
        if self.shaper is not None:
            x = self.shaper(picture)
            return "png", _as_png(Image.fromarray(x[0] if len(x) == 1 else x.transpose(1, 2, 0)))
        file = getattr(picture, "fp", None)
        if file is None:  # not of a file, but of an array
            return "png", _as_png(picture)
        at = file.tell()
        file.seek(0)
        content: bytes = file.read()
        file.seek(at)
        as_array(picture)
        assert picture.format is not None
        return SUFFIXES.get(picture.format, picture.format.lower()), content


def _as_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _samples(
    outcomes: Iterator[tuple[str, tuple[str, bytes] | Unreadable]],
    start: int,
    collection: ImageCollection,
    skip_bad: bool,
    bad: list[Unreadable],
) -> Iterator[Sample]:
    """The pictures that can be read; the others are added to `bad`, or end it all."""
    for number, (_, outcome) in enumerate(outcomes, start):
        if not isinstance(outcome, Unreadable):
            yield Sample(
                number, *outcome, None if collection.labels is None else int(collection.labels[number])
            )
        elif skip_bad:
            bad.append(outcome)
        else:
            raise InfoganError(
                f"{outcome} in {shown(collection.where)} cannot be read; mend it, or leave such pictures out by "
                "--skip-bad."
            )


def _require_ours(out: Path, recipe: bytes) -> None:
    """The folder is new, empty, or of a pack of the same pictures."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InfoganError(f"{out} is a file; name a folder for the shards.")
    names = sorted(path.name for path in out.iterdir())
    foreign = [name for name in names if not OURS.fullmatch(name)]
    if foreign or (names and ABOUT_PACK not in names):
        raise InfoganError(
            f"{out} holds {shown((foreign or names)[0])}, which no pack wrote; name a new folder."
        )
    if names and (out / ABOUT_PACK).read_bytes() != recipe:
        raise InfoganError(f"{out} holds shards of other pictures or sizes; name a new folder, or delete it.")


@contextmanager
def _telling(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InfoganError(
            f"{out} cannot be written ({error.strerror or error}); make room, and the same command goes on."
        ) from error
