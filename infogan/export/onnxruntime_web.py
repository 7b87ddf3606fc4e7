"""The files of onnxruntime-web, a JavaScript package that runs ONNX graphs in a browser.

These are three files, 14 MB together. infogan does not contain them: npm downloads them once, and they are
kept in the user's cache folder.
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
NPM_TIMEOUT = 300  # seconds
SHA256 = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
# The files' names in the site, without .mjs: browsers refuse a script if the web host does not send it with
# the type of JavaScript, and some hosts do not know that type for .mjs.
SITE_NAMES = dict(zip(SHA256, ("ort.js", "ort-wasm.js", "ort-wasm.wasm"), strict=True))
LICENCE = Path(__file__).with_name("runtime-licence.txt")

ARCHIVE_ERRORS = (OSError, EOFError, tarfile.TarError, zlib.error)  # raised for a damaged archive

Files = dict[str, bytes]


def find_runtime(source: Path | None = None, on_progress: Callable[[str], None] = lambda _: None) -> Files:
    """The contents of onnxruntime-web's files and of its licence, by their names in the site.

    Args:
        source: an archive made by `npm pack`, or a folder that holds the files. By default they are taken
            from the cache, and downloaded by npm if they are not there.
        on_progress: called with a message before a download.

    Raises:
        InfoganError: if a file is missing or has another checksum, or npm fails.
    """
    files = _from_source(source) if source else _verified(cache_folder() / PACKAGE) or _from_npm(on_progress)
    return {SITE_NAMES[name]: files[name] for name in SHA256} | {"LICENSE.txt": LICENCE.read_bytes()}


def _from_source(source: Path) -> Files:
    try:
        files = _verified_archive(source) if source.is_file() else _verified(source)
    except ARCHIVE_ERRORS as error:
        raise InfoganError(f"export: {source} cannot be read ({error}).") from error
    if files is None:
        raise InfoganError(
            f"export: {source} does not hold exactly the files {', '.join(SHA256)} of {PACKAGE}; download "
            f"the archive with `npm pack {PACKAGE}`."
        )
    return files


def _from_npm(on_progress: Callable[[str], None]) -> Files:
    on_progress(f"downloading {PACKAGE} with npm, once")
    npm = shutil.which("npm")
    if npm is None:
        raise _unavailable("npm, which downloads it, is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", PACKAGE, "--ignore-scripts", "--pack-destination", folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=NPM_TIMEOUT, check=False)
        except subprocess.TimeoutExpired as error:
            raise _unavailable(f"npm did not download it within {NPM_TIMEOUT} s") from error
        archive = next(Path(folder).glob("*.tgz"), None)
        if done.returncode or archive is None:
            reasons = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()]
            raise _unavailable(f"npm failed ({next(iter(reasons), 'without an error message')})")
        try:
            files = _verified_archive(archive)
        except ARCHIVE_ERRORS:
            files = None
    if files is None:
        raise _unavailable("npm downloaded files with other checksums")
    with suppress(OSError):  # without a cache the next export downloads them again
        cache = cache_folder() / PACKAGE
        cache.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomic(cache / name, content)
    return files


def _unavailable(reason: str) -> InfoganError:
    return InfoganError(
        f"export: the page needs {PACKAGE}, but {reason}; install npm and go online once, or download the "
        f"archive elsewhere with `npm pack {PACKAGE}` and set runtime to its path."
    )


def _verified(folder: Path) -> Files | None:
    """The files in a folder or its subfolder `dist`; None if one is missing or has another checksum."""
    for place in (folder, folder / "dist", folder / "package" / "dist"):
        with suppress(FileNotFoundError, NotADirectoryError):
            return _if_verified({name: (place / name).read_bytes() for name in SHA256})
    return None


def _verified_archive(archive: Path) -> Files | None:
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
        members = {
            name: tar.extractfile(f"package/dist/{name}")
            for name in SHA256
            if f"package/dist/{name}" in names
        }
        return _if_verified({name: member.read() for name, member in members.items() if member is not None})


def _if_verified(files: Files) -> Files | None:
    return (
        files
        if {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} == SHA256
        else None
    )
