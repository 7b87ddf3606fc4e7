"""The names that people give, in JSON files of a run: {"c1": "digit", "c1=4": "seven"}, {"a.jpg": "owl"}."""

import json
from collections.abc import Collection
from pathlib import Path
from threading import Lock
from typing import final

from infogan.method.latent import Latent
from infogan.utils.errors import InfoganError
from infogan.utils.io import write_atomic

MAX_LENGTH = 60  # characters


def codes_and_categories(latent: Latent) -> set[str]:
    """What of a latent has a name: every code, such as c1, and its categories, such as c1=4."""
    known = set(latent.names)
    for i, (name, code) in enumerate(zip(latent.names, latent.codes, strict=True)):
        if i not in latent.parents:  # else a category means something else under each of the parent's
            known |= {f"{name}={k}" for k in range(code.categories or 0)}
    return known


@final
class SavedNames:
    """A file of names; read again each time, as another explorer may show the same run.

    Args:
        known: what can be named.
    """

    def __init__(self, path: Path, known: Collection[str]) -> None:
        self.path = path
        self.known = known
        self._lock = Lock()

    def read(self) -> dict[str, str]:
        """The names by what they name. Raises InfoganError if the file is damaged, or has another form."""
        try:
            names = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise InfoganError(f"{self.path} cannot be read ({error}); mend it or delete it.") from error
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise InfoganError(f'{self.path} is not of the form {{"c1": "smile"}}; mend it or delete it.')
        return names

    def set(self, what: str, name: str) -> dict[str, str]:
        """Saves a name, or removes it if it is empty, and returns all names.

        Raises:
            InfoganError: if there is nothing of the kind to name, the name is too long or has invisible
                characters, or the file cannot be written, in which case it stays as it was.
        """
        if what not in self.known:
            raise InfoganError(f"There is no code, category or image {what!r} in this run.")
        name = " ".join(name.split())
        if len(name) > MAX_LENGTH:
            raise InfoganError(f"A name has at most {MAX_LENGTH} characters; this one has {len(name)}.")
        if not name.isprintable():
            raise InfoganError("A name must not contain invisible characters.")
        with self._lock:
            names = {what: name for what, name in {**self.read(), what: name}.items() if name}
            try:
                write_atomic(self.path, (json.dumps(names, indent=2, ensure_ascii=False) + "\n").encode())
            except OSError as error:
                raise InfoganError(
                    f"The name is not saved: {self.path} cannot be written ({error.strerror or error})."
                ) from error
        return names
