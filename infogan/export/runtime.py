"""onnxruntime-web, which runs ONNX in a browser: three files of 14 MB that no release of this project holds.

They come from the package's own archive by npm, once, and stay in the user's cache folder.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from infogan.data.cache import cache_folder
from infogan.utils.errors import InfoganError
from infogan.utils.io import write_atomic

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"
PATIENCE = 300  # seconds that npm is given
SHA256 = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
# As the page calls them: some web hosts know no .mjs, and a browser runs no script of an unknown type.
NAMES = dict(zip(SHA256, ("ort.js", "ort-wasm.js", "ort-wasm.wasm"), strict=True))
LICENCE = Path(__file__).with_name("runtime-licence.txt")

BROKEN = (OSError, EOFError, tarfile.TarError, zlib.error)  # what an archive that is cut or altered raises

Files = dict[str, bytes]


def find_runtime(source: Path | None = None, say: Callable[[str], None] = lambda _: None) -> Files:
    """The runtime's files, by the names that the page calls them, and their licence.

    Args:
        source: the archive that `npm pack` makes, or a folder with the package; else the cache, else npm.

    Raises:
        InfoganError: where a file is missing or other than the one whose checksum is known, or npm fails.
    """
    files = _from_source(source) if source else _from_cache() or _from_npm(say)
    return {NAMES[name]: files[name] for name in SHA256} | {"LICENSE.txt": LICENCE.read_bytes()}


def _from_source(source: Path) -> Files:
    try:
        files = _unpack(source) if source.is_file() else _read(source)
    except BROKEN as error:
        raise InfoganError(f"--runtime: {source} cannot be read ({error}).") from error
    if files is None:
        raise InfoganError(
            f"--runtime: {source} does not hold {', '.join(SHA256)} of {PACKAGE}, byte by byte; "
            f"`npm pack {PACKAGE}` fetches the archive."
        )
    return files


def _from_cache() -> Files | None:
    return _read(cache_folder() / PACKAGE)


def _from_npm(say: Callable[[str], None]) -> Files:
    say(f"fetching {PACKAGE} by npm, once")
    npm = shutil.which("npm")
    if npm is None:
        raise _out_of_reach("npm, which would fetch it, is missing")
    with tempfile.TemporaryDirectory() as folder:
        # Its own check of the archive's integrity aside, no script of the package runs.
        command = [npm, "pack", PACKAGE, "--ignore-scripts", "--pack-destination", folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired as error:
            raise _out_of_reach(f"npm did not fetch it within {PATIENCE} s") from error
        archive = next(Path(folder).glob("*.tgz"), None)
        if done.returncode or archive is None:
            said = [line for line in done.stderr.splitlines() if "error" in line.lower()] or [
                "no reason given"
            ]
            raise _out_of_reach(f"npm did not fetch it ({said[0].strip()})")
        try:
            files = _unpack(archive)
        except BROKEN:
            files = None
    if files is None:
        raise _out_of_reach("npm fetched something else")
    with suppress(OSError):  # a cache that cannot be written costs time, no more
        kept = cache_folder() / PACKAGE
        kept.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomic(kept / name, content)
    return files


def _out_of_reach(why: str) -> InfoganError:
    return InfoganError(
        f"export: the page runs on {PACKAGE}, and {why}; install npm and be online once, or fetch the "
        f"archive elsewhere by `npm pack {PACKAGE}` and name it by --runtime."
    )


def _read(folder: Path) -> Files | None:
    """The files in a folder, or in the folder `dist` of the package."""
    for place in (folder, folder / "dist", folder / "package" / "dist"):
        with suppress(FileNotFoundError, NotADirectoryError):
            return _checked({name: (place / name).read_bytes() for name in SHA256})
    return None


def _unpack(archive: Path) -> Files | None:
    with tarfile.open(archive) as packed:
        members = [packed.extractfile(f"package/dist/{name}") for name in SHA256 if _has(packed, name)]
        return _checked({name: m.read() for name, m in zip(SHA256, members, strict=False) if m is not None})


def _has(packed: tarfile.TarFile, name: str) -> bool:
    return f"package/dist/{name}" in packed.getnames()


def _checked(files: Files) -> Files | None:
    """These files, if they are all, and exactly those whose checksums are known."""
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return files if found == SHA256 else None
