"""The shape of the settings: which keys there are, and the tables they are in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

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


def fields(model: type[BaseModel] = Settings, prefix: Key = ()) -> Iterator[tuple[Key, FieldInfo]]:
    """Yield every setting that holds a value, with its key."""
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is None:
            yield (*prefix, name), field
        else:
            yield from fields(section, (*prefix, name))


FIELDS: Final = dict(fields())
TABLES: Final = frozenset(key[:length] for key in FIELDS for length in range(1, len(key)))


def dotted(key: Key) -> str:
    """Write a key the way people do: ``worker.concurrency``."""
    return ".".join(key)


def variable(key: Key) -> str:
    """Return the environment variable that sets a key, in its shortest form."""
    short = next((table for table, target in SHORTHANDS.items() if target == key), key)
    return PREFIX + "__".join(short).upper()
