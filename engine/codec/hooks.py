"""What msgspec does not know by itself: pydantic models, and the types that pydantic knows and msgspec does not."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Any, Final

import msgspec

from engine.codec.reasons import explain

_CLASSES_KEPT: Final = 1024
_PLAIN: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
)
"""Built-in types of whose subclasses msgspec wants to be told."""


def is_model(hint: Any) -> bool:
    """Tell whether ``hint`` is the class of a pydantic model, without importing pydantic for it."""
    return isinstance(hint, type) and hasattr(hint, "__pydantic_validator__") and hasattr(hint, "model_fields")


def make_adapter(hint: Any) -> Any:
    """Return pydantic's adapter for ``hint``, with bytes as base64. Raises what pydantic raises for what it refuses."""
    import pydantic

    try:
        adapter: Any = pydantic.TypeAdapter(hint, config={"ser_json_bytes": "base64", "val_json_bytes": "base64"})
    except pydantic.errors.PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        adapter = pydantic.TypeAdapter(hint)
    if not adapter.pydantic_complete:
        raise TypeError("it names a type that is not defined")
    return adapter


def write_adapted(adapter: Any, value: Any) -> bytes:
    """Return the JSON of ``value`` by pydantic's adapter; a value that is not of the adapter's type is an error."""
    return adapter.dump_json(value, by_alias=True, round_trip=True, warnings="error")


def to_json_form(value: object) -> Any:
    """Return what msgspec writes in the place of a value that it does not know."""
    return _writer(type(value))(value)


def from_json_form(hint: Any, form: Any) -> Any:
    """Return the value of type ``hint``, which msgspec does not know, from what was read in its place."""
    return form if hint is object else _reader(hint)(form)


def _write(value: Any) -> bytes:
    return msgspec.json.encode(value, enc_hook=to_json_form)


@lru_cache(_CLASSES_KEPT)
def _writer(cls: type) -> Callable[[Any], Any]:
    if not issubclass(cls, Enum):
        for base, convert in _PLAIN:
            if issubclass(cls, base):
                return convert
    if cls is msgspec.Raw:  # it was written already, and is asked for again because it is a key
        raise TypeError("a dict has a key that cannot be written as text")
    adapter = _adapter_of(cls)
    return lambda value: msgspec.Raw(write_adapted(adapter, value))


@lru_cache(_CLASSES_KEPT)
def _reader(hint: Any) -> Callable[[Any], Any]:
    adapter = _adapter_of(hint)

    def read(form: Any) -> Any:
        try:
            return adapter.validate_json(_write(form), strict=True)
        except Exception as error:
            raise ValueError(explain(error)) from error  # to which msgspec adds the place

    return read


def _adapter_of(hint: Any) -> Any:
    try:
        return make_adapter(hint)
    except Exception as error:
        name = getattr(hint, "__qualname__", hint)
        raise TypeError(
            f"a {name} has no JSON form; use a dataclass, a msgspec.Struct, a pydantic model or built-in types"
        ) from error
