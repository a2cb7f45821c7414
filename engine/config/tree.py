"""The shape of the settings: which keys there are, and the tables they are in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.config.model import Settings

Key = tuple[str, ...]

SHORTHANDS: Final[dict[Key, Key]] = {("store",): ("store", "url"), ("broker",): ("broker", "url")}
"""Tables that may be given as one text, which is their URL: ``ENGINE_STORE=sqlite:///file.db``."""

PREFIX: Final = "ENGINE_"
CONFIG_VARIABLE: Final = "ENGINE_CONFIG"


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that is a table, else None."""
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def is_named_table(field: FieldInfo) -> bool:
    """Tell whether a field is a table whose keys are names that users give."""
    return get_origin(field.annotation) is dict


def fields(model: type[BaseModel] = Settings, prefix: Key = ()) -> Iterator[tuple[Key, FieldInfo]]:
    """Yield every setting that holds a value and has a name of ours, with its key."""
    for name, field in model.model_fields.items():
        section = section_of(field)
        if is_named_table(field):
            continue
        if section is None:
            yield (*prefix, name), field
        else:
            yield from fields(section, (*prefix, name))


FIELDS: Final = dict(fields())
NAMED_TABLES: Final[dict[Key, FieldInfo]] = {
    (name,): field for name, field in Settings.model_fields.items() if is_named_table(field)
}
"""Tables whose keys are names that users give."""
TABLES: Final = frozenset(key[:length] for key in FIELDS for length in range(1, len(key))) | NAMED_TABLES.keys()
# Names that an environment variable can hold, whatever their case there: two underscores would begin another table.
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def is_setting(key: Key) -> bool:
    """Tell whether there is a setting of this key, or may be one under a name that a user gives."""
    return key in FIELDS or (key[:-1] in NAMED_TABLES and _NAME.fullmatch(key[-1]) is not None)


def field_of(key: Key) -> FieldInfo:
    """Return the field of a setting; for one whose name a user gave, that of its table."""
    return FIELDS[key] if key in FIELDS else NAMED_TABLES[key[:-1]]


def values_of(settings: Settings) -> dict[Key, Any]:
    """Return the value of every setting."""
    values: dict[Key, Any] = {}
    for key in FIELDS:
        value: Any = settings
        for name in key:
            value = getattr(value, name)
        values[key] = value
    for table in NAMED_TABLES:
        named: dict[str, Any] = getattr(settings, table[-1])
        values |= {(*table, name): value for name, value in named.items()}
    return values


def dotted(key: Key) -> str:
    """Write a key the way people do: ``worker.concurrency``."""
    return ".".join(key)


def variable(key: Key) -> str:
    """Return the environment variable that sets a key, in its shortest form."""
    short = next((table for table, target in SHORTHANDS.items() if target == key), key)
    return PREFIX + "__".join(short).upper()
