"""What threads decode lies in the order of the pile, however many there are and however long each takes."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from infogan.data import LoadOptions, load
from infogan.data.formats import collection
from infogan.data.formats.folder import find_image_files
from infogan.data.loading.batches import EpochSampler
from infogan.data.pixels import ToPixels

N = 300
BROKEN = (0, 17, 150, 151, 299)
Late = Callable[[int], None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 pictures of noise, five of which are cut short or no picture."""
    path = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(N):
        file = path / f"{i:03}.png"
        Image.fromarray(rng.integers(0, 256, (10, 10), dtype=np.uint8)).save(file)
        if i in BROKEN:
            file.write_bytes(file.read_bytes()[:60] if i % 2 else b"no picture")
    return path


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Late:
    """Has that many threads decode, each picture a while later than it would be."""
    read_one, delays = collection._decode_one, random.Random(0)

    def read_late(item: collection.LazyImage, decode: Callable[[Image.Image], object]) -> object:
        time.sleep(delays.choice((0.0, 0.0, 0.001, 0.01)))
        return read_one(item, decode)

    def with_threads(n: int) -> None:
        monkeypatch.setattr("os.cpu_count", lambda: n)
        monkeypatch.setattr(collection, "MAX_THREADS", n)
        monkeypatch.setattr(collection, "_decode_one", read_late)

    return with_threads


@pytest.mark.parametrize("threads", [1, 8])
def test_pictures_in_memory_lie_in_order(folder: Path, late: Late, threads: int) -> None:
    pictures = find_image_files(folder).collection()
    late(threads)
    x, names, bad, _ = collection.read_images(pictures, ToPixels(None), skip_bad=True)
    good = [i for i in range(N) if i not in BROKEN]
    assert bad == list(BROKEN)
    assert list(names) == [f"{i:03}.png" for i in good]
    expected = [np.asarray(Image.open(folder / name)) for name in names]
    assert np.array_equal(x[:, 0], np.stack(expected))


def test_threads_change_no_byte_of_the_cache(
    folder: Path, late: Late, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept(threads: int) -> tuple[dict[str, bytes], np.ndarray, tuple[str, ...] | None]:
        cache = tmp_path / str(threads)
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        late(threads)
        images = load(f"folder:{folder}", load_options=LoadOptions(skip_bad=True, shape=(1, 8, 8)))
        files = {
            str(file.relative_to(cache)): file.read_bytes() for file in cache.rglob("*") if file.is_file()
        }
        return files, images.x, images.names

    files, x, names = kept(1)
    files_of_eight, x_of_eight, names_of_eight = kept(8)
    assert {Path(file).name for file in files} == {"pixels.npy", "about.json"}
    assert files_of_eight == files
    assert len(x) == N - len(BROKEN)
    assert np.array_equal(x_of_eight, x)
    assert names_of_eight == names


def test_order_of_epochs_goes_by_seed_update_and_number_alone() -> None:
    device = torch.device("cpu")

    def order(steps: list[int], n_images: int = 50, seed: int = 3) -> dict[int, list[int]]:
        epochs = EpochSampler(n_images, 8, seed, device)
        return {n: epochs.indices(n).tolist() for n in steps}

    straight = order(list(range(30)))
    torch.manual_seed(7)
    torch.rand(5)
    np.random.default_rng(7).random(5)
    assert order(list(reversed(range(30)))) == straight  # nor by what was asked before
    for n in (0, 5, 6, 29):
        assert order([n])[n] == straight[n]
    assert order([0], seed=4)[0] != straight[0]
    assert order([0], n_images=51)[0] != straight[0]
