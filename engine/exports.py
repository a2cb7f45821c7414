"""Names that a package exports, imported when they are first asked for.

Whoever needs one module of a package then pays for that module alone: the help of commands stands before all the rest
has been imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def exports(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package that exports these names, by the modules they are in.

    A module of the package itself may be exported, too. For type checkers, the package imports the same names under
    ``TYPE_CHECKING``.
    """
    modules = {name: module for module, names in homes.items() for name in names.split()}

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(modules[name])
        found = module if module.__name__ == f"{package}.{name}" else getattr(module, name)
        # From now on it is found without asking.
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return get, names
