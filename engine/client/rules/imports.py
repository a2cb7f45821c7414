"""Files of models that import others: where the models of the namespaces are that they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.rules.errors import ModelError
from engine.rules.files import Problem, RuleFileError, is_checked, read_rules
from engine.rules.imports import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from engine.rules.model import Model

BESIDE: Final = (".dmn", ".xml")
"""What files next to a model that imports others may end with to be looked into."""


def with_imports(path: Path, model: Model, given: Sequence[Path]) -> Model:
    """Return the model of a file with all that it imports within it: from files that are given, or that are next to it.

    Raises RuleFileError, which names the file and the namespace that is missing.
    """
    library = _Library(path, given)
    # A stored form has within it what it imports.
    kept = {one.namespace: one for one in model.imported}
    return folded(model, lambda namespace, importing: kept.get(namespace) or library.find(namespace, importing))


def roots(files: Sequence[Path]) -> list[Path]:
    """Return the files whose models no other of these files imports: those that are rules by themselves."""
    # Tables in cells and graphs import nothing, and take long to read: that is for where something is imported.
    models = dict(_readable(file for file in files if not is_checked(file.name)))
    imported = {one.namespace for model in models.values() for one in model.imports}
    if imported:
        models |= _readable(file for file in files if is_checked(file.name))
    found = [file for file in files if file not in models or models[file].namespace not in imported]
    # Those that all import each other are told so, each by itself.
    return found or list(files)


class _Library:
    """The models that one file may import."""

    def __init__(self, path: Path, given: Sequence[Path]) -> None:
        self._path = path
        self._given = [file for file in given if file != path]
        self._beside: list[Path] | None = None
        self._unreadable: list[str] = []

    def find(self, namespace: str, importing: Model) -> Model:
        """Return the model of a namespace. Raises RuleFileError."""
        found = self._of(namespace, self._given) or self._of(namespace, self._siblings())
        if len(found) == 1:
            return found[0][1]
        if found:
            files = " and ".join(str(file) for file, _ in found)
            why = f"{files} have this namespace: give the one that is meant"
        else:
            why = "no file that was given or is next to it has this namespace: give the file of that model too"
        text = f"model {importing.name!r} imports {namespace!r}, and {why}"
        raise RuleFileError(self._path.name, [Problem("; ".join([text, *(() if found else self._unreadable)]))])

    def _of(self, namespace: str, files: Iterable[Path]) -> list[tuple[Path, Model]]:
        return [(file, model) for file, model in _readable(files, self._unreadable) if model.namespace == namespace]

    def _siblings(self) -> list[Path]:
        if self._beside is None:
            known = {self._path, *self._given}
            here = sorted(one for one in self._path.parent.iterdir() if one.suffix.lower() in BESIDE)
            self._beside = [one for one in here if one not in known and one.is_file()]
        return self._beside


def _readable(files: Iterable[Path], problems: list[str] | None = None) -> Iterator[tuple[Path, Model]]:
    for file in files:
        try:
            yield file, read_rules(file.name, file.read_bytes())
        except (OSError, ModelError) as error:
            text = f"{file.name} cannot be read: {error}"
            if problems is not None and text not in problems:
                problems.append(text)
