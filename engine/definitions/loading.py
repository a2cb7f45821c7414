"""Importing the modules in which flows, steps and triggers are defined."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import cast

from engine.definitions.flow import Flow
from engine.definitions.registry import AnyFlow, AnyStep, Registry
from engine.definitions.step import Step
from engine.definitions.trigger import Trigger
from engine.errors import ConfigError, DefinitionError


def load_modules(names: Iterable[str]) -> Registry:
    """Import modules and return every flow, step and trigger in their namespaces, also those they import themselves.

    A name is that of a module, ``shop.flows``, found as Python finds it or from the current directory; or the path of a
    file, ``flows/orders.py``. Raises ``ConfigError``, in one line, for a module that is missing, cannot be imported or
    holds no flow and no step, and ``DefinitionError`` for two definitions under one name.
    """
    registry = Registry()
    for name in names:
        module = _import_file(name) if name.endswith(".py") else _import_module(name)
        found = [
            cast("AnyFlow | AnyStep | Trigger", value)
            for value in vars(module).values()
            if isinstance(value, (Flow, Step, Trigger))
        ]
        if not found:
            raise ConfigError(
                f"module {name!r} ({_file_of(module)}) holds no flow and no step; decorate functions with @flow or "
                f"@step, or name the module that does"
            )
        for definition in found:
            registry.add(definition)
    return registry


def _import_module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(
            f"{name!r} is not the name of a module; write it as 'package.module', or as a path that ends in .py"
        )
    _make_importable(Path.cwd())
    return _import(name, name)


def _import_file(name: str) -> ModuleType:
    path = Path(name).resolve()
    if not path.is_file():
        raise ConfigError(f"there is no file {name!r} (looked at {path}); check the path of the module to load")
    root, dotted = _module_name(path)
    if not all(part.isidentifier() for part in dotted.split(".")):
        raise ConfigError(f"the file {name!r} cannot be imported as module {dotted!r}; rename it to a plain identifier")
    _make_importable(root)
    module = _import(dotted, name)
    if Path(_file_of(module)).resolve() != path:
        raise ConfigError(
            f"the file {name!r} would be module {dotted!r}, but that is already {_file_of(module)}; rename the file"
        )
    return module


def _module_name(path: Path) -> tuple[Path, str]:
    """Return the directory to import from, and the module's name from there, in its packages."""
    parts = [] if path.stem == "__init__" else [path.stem]
    root = path.parent
    while (root / "__init__.py").is_file() and root.parent != root:
        parts.insert(0, root.name)
        root = root.parent
    return root, ".".join(parts)


def _make_importable(directory: Path) -> None:
    # At the end, so that a file of the user's cannot take the place of an installed package.
    if str(directory) not in sys.path:
        sys.path.append(str(directory))


def _import(dotted: str, name: str) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError as error:
        if error.name is not None and (dotted == error.name or dotted.startswith(error.name + ".")):
            raise ConfigError(
                f"there is no module {error.name!r} (asked for: {name!r}); check its name, and that it is installed or "
                f"below the current directory {Path.cwd()}"
            ) from error
        raise _broken(name, error) from error
    except DefinitionError as error:
        raise ConfigError(f"module {name!r} has an invalid definition: {error}") from error
    except Exception as error:
        raise _broken(name, error) from error


def _broken(name: str, error: BaseException) -> ConfigError:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    if isinstance(error, SyntaxError) and error.filename:
        where = f" at {error.filename}:{error.lineno}"
    text = " ".join(str(error).split())
    return ConfigError(
        f"module {name!r} cannot be imported: {type(error).__name__}{where}: {text}; import it in a Python shell to "
        f"see the whole traceback"
    )


def _file_of(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or "no file"
