"""Whether what is read back is what was written: the check behind every refusal of a value that would change.

Most values are equal to what is read back, which one comparison shows. Only for the others the two are walked.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, cast

import msgspec

from engine.codec.hooks import is_model

_SHOWN_LENGTH: Final = 60
_SEQUENCES: Final = (list, tuple, deque)
_SETS: Final = (set, frozenset)


def same(value: object, read: object) -> bool:
    """Tell whether the two are equal, by their own idea of equality, whatever that may raise or return."""
    try:
        return (value == read) is True
    except Exception:  # noqa: BLE001 - the comparison is the user's code
        return False


def find_change(value: Any, read: Any, *, as_json: bool = False) -> str | None:
    """Return where and how ``read`` differs from the ``value`` that was written, or None if nothing is lost.

    Not counted as lost: the class of an object that is read as a dict, which single kind of list, tuple or set it was,
    and a whole number read as an equal float. With ``as_json``, dates, decimals and the like may also be read as the
    text they are written as, for a reader that knows better.
    """
    try:
        return _change(value, read, "$", as_json)
    except RecursionError:
        return "it is nested too deeply to be compared with what would be read back"


def find_non_finite(value: Any) -> str | None:
    """Return where ``value`` has a float that is NaN or infinite, which JSON has no sign for; None if nowhere."""
    try:
        json.dumps(msgspec.to_builtins(value), allow_nan=False)
    except (TypeError, ValueError, msgspec.MsgspecError):
        pass  # either there is one, or there is something that only the walk can pass over
    except RecursionError:
        return None
    else:
        return None
    try:
        return _non_finite(value, "$")
    except RecursionError:
        return None


def describe_value(value: object) -> str:
    """Return how messages call a value: its type, and the value too if it is a short plain one."""
    if value is None:
        return "None"
    name = type(value).__qualname__.rpartition("<locals>.")[2]
    if isinstance(value, Enum) or not isinstance(value, str | int | float):
        return f"{'an' if name[0] in 'AEIOaeiou' else 'a'} {name}"
    if isinstance(value, str) and len(value) > _SHOWN_LENGTH:
        return f"the {name} {value[:_SHOWN_LENGTH]!r}..."
    if isinstance(value, int) and value.bit_length() > _SHOWN_LENGTH * 3:
        return f"the {name} of {value.bit_length()} bits"
    return f"the {name} {value!r}"


def _change(value: Any, read: Any, path: str, as_json: bool) -> str | None:
    if same(value, read):
        return None
    if _both(value, read, Mapping):
        return _change_in_mapping(value, read, path, as_json)
    if _both(value, read, _SEQUENCES + _SETS):
        return _change_in_collection(value, read, path, as_json)
    names = _field_names(value)
    if names is not None:
        if type(read) is type(value):
            return _change_in_fields(value, read, names, path, as_json)
        if isinstance(read, (dict, list)) or (is_model(type(value)) and isinstance(read, (str, int, float))):
            return None
    elif _same_instant(value, read) or (as_json and isinstance(read, str | int | float)):
        return None
    return f"at `{path}`: {describe_value(value)} would be read back as {describe_value(read)}"


def _both(value: object, read: object, kinds: Any) -> bool:
    return isinstance(value, kinds) and isinstance(read, kinds)


def _change_in_mapping(value: Mapping[Any, Any], read: Mapping[Any, Any], path: str, as_json: bool) -> str | None:
    if as_json and len(value) == len(read) and value.keys() != read.keys():
        read = dict(zip(value, read.values(), strict=True))
    for key, item in value.items():
        if key not in read:
            other = next((name for name in read if str(name) == str(key)), None)
            return f"at `{path}`: the key {describe_value(key)} would be " + (
                "lost" if other is None else f"read back as {describe_value(other)}"
            )
        change = _change(item, read[key], _inside(path, key), as_json)
        if change is not None:
            return change
    if len(value) != len(read):
        return f"at `{path}`: a dict of {len(value)} would be read back as one of {len(read)}"
    return None


def _change_in_collection(value: Any, read: Any, path: str, as_json: bool) -> str | None:
    if len(value) != len(read):
        return f"at `{path}`: {len(value)} items would be read back as {len(read)}"
    if isinstance(read, _SETS):
        if same(set(value), cast(object, read)):
            return None
        return f"at `{path}`: the items of {describe_value(value)} would not be read back as they are"
    for index, (item, other) in enumerate(zip(value, read, strict=True)):
        change = _change(item, other, f"{path}[{index}]", as_json)
        if change is not None:
            return change
    return None


def _change_in_fields(value: Any, read: Any, names: tuple[str, ...], path: str, as_json: bool) -> str | None:
    for name in names:
        change = _change(getattr(value, name), getattr(read, name, msgspec.UNSET), f"{path}.{name}", as_json)
        if change is not None:
            return change
    return None


def _same_instant(value: Any, read: Any) -> bool:
    """Compare by the clock of UTC: in an hour that a zone repeats, Python calls no two datetimes equal."""
    if not isinstance(value, datetime) or not isinstance(read, datetime):
        return False
    if value.tzinfo is None or read.tzinfo is None:
        return False
    return value.astimezone(UTC) == read.astimezone(UTC)


def _field_names(value: object) -> tuple[str, ...] | None:
    """Return the fields of an object that is written as a JSON object, None if it is no such object."""
    cls = cast(Any, type(value))
    if issubclass(cls, msgspec.Struct):
        return cls.__struct_fields__
    if dataclasses.is_dataclass(cls):
        return tuple(one.name for one in dataclasses.fields(cls) if one.compare)
    if is_model(cls):
        return (*cls.model_fields, *(getattr(value, "model_extra", None) or ()))
    attributes = getattr(cls, "__attrs_attrs__", None)
    return None if attributes is None else tuple(one.name for one in attributes)


def _non_finite(value: Any, path: str) -> str | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else f"at `{path}`: {value!r}"
    names = _field_names(value)
    if names is not None:
        parts = ((f"{path}.{name}", getattr(value, name, None)) for name in names)
    elif isinstance(value, Mapping):
        items = cast(Mapping[Any, Any], value).items()
        parts = ((_inside(path, key), item) for key, item in items)
    elif isinstance(value, _SEQUENCES + _SETS):
        parts = ((f"{path}[{index}]", item) for index, item in enumerate(cast(Any, value)))
    else:
        return None
    return next((found for where, part in parts if (found := _non_finite(part, where))), None)


def _inside(path: str, key: object) -> str:
    return f"{path}.{key}" if isinstance(key, str) and key.isidentifier() else f"{path}[{key!r}]"
