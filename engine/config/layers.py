"""Where settings come from: a file, the environment, flags. Each becomes a layer of values that knows its origins."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from engine.config.suggestions import did_you_mean
from engine.config.tree import (
    CONFIG_VARIABLE,
    FIELDS,
    NAMED_TABLES,
    PREFIX,
    SHORTHANDS,
    TABLES,
    Key,
    dotted,
    is_setting,
    variable,
)
from engine.errors import ConfigError

# What Kubernetes sets in every container of a namespace that has a service called "engine" or "engine-...".
_SERVICE_LINK: Final = re.compile(
    r"ENGINE_(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_\d+_(?:TCP|UDP|SCTP)\w*)?)"
)


@dataclass
class Layer:
    """Values by key, and for each key where it was given, in words that fit behind its name."""

    values: dict[Key, Any] = field(default_factory=dict[Key, Any])
    origins: dict[Key, str] = field(default_factory=dict[Key, str])

    def put(self, key: Key, value: object, origin: str) -> None:
        """Add one setting; ConfigError if there is none of that name, or it was given twice in two spellings."""
        key = SHORTHANDS.get(key, key) if isinstance(value, str) else key
        if key in TABLES:
            inner = ", ".join(known[-1] for known in FIELDS if known[:-1] == key) or "names of your own"
            raise ConfigError(f"{dotted(key)} ({origin}) is a table, not a value: set one of its keys ({inner})")
        if not is_setting(key):
            raise unknown_key(key, origin)
        if key in self.values and self.values[key] != value:
            raise ConfigError(
                f"{dotted(key)} is set twice, by {self.origins[key]} and by {origin}, to different values: keep one"
            )
        self.values[key] = value
        self.origins[key] = origin

    def nested(self) -> dict[str, Any]:
        """Return the values as tables within tables."""
        tables: dict[str, Any] = {}
        for key, value in self.values.items():
            table = tables
            for part in key[:-1]:
                table = table.setdefault(part, {})
            table[key[-1]] = value
        return tables


def unknown_key(key: Key, origin: str) -> ConfigError:
    """Build the error for a key that does not exist."""
    name = dotted(key)
    if key[:-1] in NAMED_TABLES:
        return ConfigError(
            f"{name!r} ({origin}) cannot be used: a name in [{dotted(key[:-1])}] begins with a letter and has a-z, 0-9 "
            f"and single underscores, in lower case"
        )
    names = {dotted(known): None for known in (*FIELDS, *TABLES, *((*table, key[-1]) for table in NAMED_TABLES))}
    # The last part alone, so that a key in the wrong table is recognised as well.
    homes = [dotted(known) for known in FIELDS if known[-1] == key[-1]]
    hint = f"; did you mean {homes[0]!r}?" if homes else did_you_mean(name, names)
    return ConfigError(f"there is no setting {name!r} ({origin}){hint or '; remove it'}")


def read_file(path: Path) -> Layer:
    """Read a TOML file; ConfigError if it cannot be read or parsed, or has a key that does not exist."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}: create it, or name another one") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from None
    problem: str | None = None
    document: dict[str, Any] = {}
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
    if problem is not None:
        # Raised out here, so that the parser's error, which holds the whole text, does not travel with it.
        raise ConfigError(f"{path} is not valid TOML: {problem}; correct it there")
    layer = Layer()
    _put_table(layer, (), document, f"in {path}")
    return layer


def _put_table(layer: Layer, prefix: Key, table: Mapping[str, object], origin: str) -> None:
    for name, value in table.items():
        key = (*prefix, name)
        if key in TABLES and isinstance(value, Mapping):
            _put_table(layer, key, cast("Mapping[str, object]", value), origin)
        else:
            layer.put(key, value, origin)


def read_environment(environment: Mapping[str, str]) -> Layer:
    """Read every ENGINE_ variable; an empty one counts as not set. ConfigError for one that does not exist."""
    layer = Layer()
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE or not text or _SERVICE_LINK.fullmatch(name):
            continue
        key = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if not is_setting(key) and key not in TABLES:
            known = {variable(setting) for setting in (*FIELDS, *((*table, "name") for table in NAMED_TABLES))}
            known.add(CONFIG_VARIABLE)
            hint = did_you_mean(name, sorted(known)) or "; unset it, for the prefix ENGINE_ is the engine's"
            raise ConfigError(f"there is no setting for the environment variable {name}{hint}")
        layer.put(key, text, f"environment variable {name}")
    return layer


def read_flags(overrides: Mapping[str, Any]) -> Layer:
    """Read overrides: keys with dots or tables within tables. None means that the flag was not given."""
    layer = Layer()
    for name, value in overrides.items():
        _put_flag(layer, tuple(name.split(".")), value)
    return layer


def _put_flag(layer: Layer, key: Key, value: object) -> None:
    if isinstance(value, Mapping):
        for name, inner in cast("Mapping[str, Any]", value).items():
            _put_flag(layer, (*key, *name.split(".")), inner)
    elif value is not None:
        layer.put(key, value, "on the command line")
