"""The names that people give to codes, in names.json of the run folder: {"c1": "smile"}."""

import json
from pathlib import Path
from threading import Lock
from typing import final

from infogan.utils.errors import InfoganError
from infogan.utils.io import write_atomic

LONGEST = 60  # characters


@final
class Names:
    """names.json of one run; read anew each time, as two explorers may show one run."""

    def __init__(self, folder: Path, codes: tuple[str, ...]) -> None:
        self.path = folder / "names.json"
        self.codes = codes
        self._lock = Lock()

    def read(self) -> dict[str, str]:
        """Raises InfoganError where the file is there, but holds something else."""
        try:
            names = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise InfoganError(f"{self.path} cannot be read ({error}); mend it or delete it.") from error
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise InfoganError(f'{self.path} is not of the form {{"c1": "smile"}}; mend it or delete it.')
        return names

    def give(self, code: str, name: str) -> dict[str, str]:
        """Keeps a name, or takes it away where it is empty; all names there are then.

        Raises:
            InfoganError: for an unknown code, a name that is too long or has characters that cannot be
                seen, and where the file cannot be written; what was there is still there.
        """
        if code not in self.codes:
            raise InfoganError(f"There is no code {code!r} in this run.")
        name = " ".join(name.split())
        if len(name) > LONGEST:
            raise InfoganError(f"A name has at most {LONGEST} characters; this one has {len(name)}.")
        if not name.isprintable():
            raise InfoganError("A name has letters that can be seen only.")
        with self._lock:
            names = {**self.read(), code: name}
            names = {code: name for code, name in names.items() if name}
            try:
                write_atomic(self.path, (json.dumps(names, indent=2, ensure_ascii=False) + "\n").encode())
            except OSError as error:
                raise InfoganError(
                    f"The name cannot be kept: {self.path} cannot be written ({error.strerror or error})."
                ) from error
        return names
