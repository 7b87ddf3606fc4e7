"""The names that people give to codes, in names.json of the run folder: {"c1": "smile"}."""

import json
from pathlib import Path
from threading import Lock
from typing import final

from infogan.utils.errors import InfoganError
from infogan.utils.io import write_atomic

MAX_LENGTH = 60  # characters


@final
class CodeNames:
    """names.json of one run; read again each time, as another explorer may show the same run."""

    def __init__(self, folder: Path, codes: tuple[str, ...]) -> None:
        self.path = folder / "names.json"
        self.codes = codes
        self._lock = Lock()

    def read(self) -> dict[str, str]:
        """The names by code. Raises InfoganError if the file cannot be read, or has another form."""
        try:
            names = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise InfoganError(f"{self.path} cannot be read ({error}); mend it or delete it.") from error
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise InfoganError(f'{self.path} is not of the form {{"c1": "smile"}}; mend it or delete it.')
        return names

    def set(self, code: str, name: str) -> dict[str, str]:
        """Saves a name, or removes it if it is empty, and returns all names.

        Raises:
            InfoganError: if the code is unknown, the name is too long or has invisible characters, or the
                file cannot be written, in which case it stays as it was.
        """
        if code not in self.codes:
            raise InfoganError(f"There is no code {code!r} in this run.")
        name = " ".join(name.split())
        if len(name) > MAX_LENGTH:
            raise InfoganError(f"A name has at most {MAX_LENGTH} characters; this one has {len(name)}.")
        if not name.isprintable():
            raise InfoganError("A name must not contain invisible characters.")
        with self._lock:
            names = {code: name for code, name in {**self.read(), code: name}.items() if name}
            try:
                write_atomic(self.path, (json.dumps(names, indent=2, ensure_ascii=False) + "\n").encode())
            except OSError as error:
                raise InfoganError(
                    f"The name is not saved: {self.path} cannot be written ({error.strerror or error})."
                ) from error
        return names
