"""Saying in one line what is wrong with a value: which setting, where it was given, and what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.config.layers import Layer
from engine.config.tree import FIELDS, Key, dotted, field_of, is_setting
from engine.config.values import Url
from engine.errors import ConfigError
from engine.masking import mask_secrets

_SHOWN_CHARACTERS: Final = 80

_WRONG: Final = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}


def first_problem(error: ValidationError, layers: Sequence[Layer]) -> ConfigError:
    """Return the first problem as an error of the engine's."""
    details = error.errors(include_url=False)[0]
    key = _key_of(details)
    value, origin = _given(key, layers)
    where = f" ({origin})" if origin else ""
    default = field_of(key).default
    # A URL may hide a password where no rule would look for it, so that none is ever quoted.
    hint = "" if isinstance(default, Url) or key not in FIELDS else f" (the default is {default_text(key)})"
    return ConfigError(f"{dotted(key)}{where} {_phrase(details, value)}{hint}")


def _key_of(details: ErrorDetails) -> Key:
    """Cut what pydantic adds behind the key of a setting: places in a list, members of a union."""
    location = tuple(str(part) for part in details["loc"])
    return next(
        (location[:length] for length in range(len(location), 0, -1) if is_setting(location[:length])), location
    )


def _given(key: Key, layers: Sequence[Layer]) -> tuple[Any, str | None]:
    for layer in layers:
        if key in layer.origins:
            return layer.values[key], layer.origins[key]
    return None, None


def _phrase(details: ErrorDetails, value: object) -> str:
    context: dict[str, Any] = details.get("ctx", {})
    if details["type"] == "value_error":
        return mask_secrets(str(context["error"]))
    template = _WRONG.get(details["type"])
    phrase = template.format(**context) if template else f"is not usable: {details['msg']}"
    return f"{phrase}, not {_quoted(value)}"


def _quoted(value: object) -> str:
    text = mask_secrets(repr(value))
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def default_text(key: Key) -> str:
    """Write a setting's default the way it would be written in ``engine.toml``."""
    field = FIELDS[key]
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default" in extra:
        return cast("str", extra["default"])
    return toml_text(field.default)


def toml_text(value: object) -> str:
    """Write a value of a setting as TOML."""
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return "[" + ", ".join(map(toml_text, cast("tuple[object, ...]", value))) + "]"
        case int() if type(value) is int:
            return str(value)
        case _:
            return f'"{value}"'
