"""The kinds of value that settings are made of, beyond the plain ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from engine.definitions.options import check_queue
from engine.errors import MilepostError
from engine.masking import mask_secrets
from engine.model.durations import format_duration, parse_duration


class Duration(int):
    """A length of time in microseconds, read from "10s", "1h30m" or a number of seconds."""

    @property
    def seconds(self) -> float:
        """The same length in seconds."""
        return self / 1_000_000

    def __repr__(self) -> str:
        return f"Duration({format_duration(self)!r})"

    def __str__(self) -> str:
        return format_duration(self)

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Read a duration; ValueError on nonsense."""
        if isinstance(value, Duration):
            return value
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError('must be a duration such as "250ms", "10s" or "1h30m", or a number of seconds')
        try:
            return cls(parse_duration(value))
        except MilepostError as error:
            raise ValueError(f"is not usable: {error}") from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """Where a store or a broker is. Whatever prints it prints no password; :meth:`reveal` is for connecting."""

    _text: str

    @property
    def scheme(self) -> str:
        """What comes before the first colon."""
        return self._text.partition(":")[0]

    @property
    def masked(self) -> str:
        """The URL with ``***`` in place of its secrets."""
        return mask_secrets(self._text)

    def reveal(self) -> str:
        """Return the URL as it was given, secrets included."""
        return self._text

    def __repr__(self) -> str:
        return repr(self.masked)

    def __str__(self) -> str:
        return self.masked

    @classmethod
    def checked_by(cls, check: Callable[[str], None]) -> Any:
        """Return a validator for a field: text becomes a Url if ``check`` raises no ValueError."""

        def validate(value: object) -> Url:
            if isinstance(value, Url):
                return value
            if not isinstance(value, str) or not value.strip():
                raise ValueError("must be a URL, as text")
            check(value.strip())
            return cls(value.strip())

        return BeforeValidator(validate)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(cls)


def _whole_number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a whole number, not a truth value")
    return value


def _names(value: object) -> tuple[str, ...]:
    """Read a list of names: a list of text, or text with commas, which is all that the environment can hold."""
    parts: Iterable[object] = value.split(",") if isinstance(value, str) else cast("Iterable[object]", value)
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError('must be a list of names, such as ["one", "two"], or text with commas')
    names = tuple(part.strip() for part in cast("Iterable[str]", parts))
    if any(not name for name in names):
        raise ValueError("must not hold an empty name")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"must not name {name!r} twice")
    return names


def _queue_names(value: object) -> tuple[str, ...]:
    names = _names(value)
    if not names:
        raise ValueError("must name at least one queue")
    for name in names:
        try:
            check_queue("must hold names of queues", name)
        except MilepostError as error:
            raise ValueError(str(error)) from None
    return names


def _auto_or_boolean(value: object) -> object:
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    if isinstance(value, bool):
        return value
    raise ValueError(f'must be "auto", true or false, not {value!r}')


_WORDS: dict[str, str | bool] = {"auto": "auto", "true": True, "1": True, "false": False, "0": False}


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Count = Annotated[int, BeforeValidator(_whole_number)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
QueueNames = Annotated[tuple[str, ...], BeforeValidator(_queue_names)]
AutoOrBoolean = BeforeValidator(_auto_or_boolean)
AnyCase = BeforeValidator(_lower)
