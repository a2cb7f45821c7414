"""Values to JSON text and back by a type hint, without any loss: what would change is refused when it is written."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from engine.codec.fidelity import describe_value, find_change, find_non_finite, same
from engine.codec.forms import ENCODER, Form, make_form
from engine.codec.hints import describe_hint
from engine.codec.reasons import explain
from engine.errors import CodecError


class TypeCodec:
    """Writes the values of one type hint as JSON text, and reads them back.

    Dataclasses, ``msgspec.Struct``, pydantic models, ``TypedDict``, ``NamedTuple``, enums, dates, times, durations,
    decimals (as text, every digit kept), UUIDs, bytes (as base64), containers and unions of them come back as what they
    were. Without a hint, or with ``Any``, plain JSON values come back: an object as a dict, a tuple or a set as a list;
    a value that would come back as something else than it was, such as a ``datetime``, is refused.
    """

    __slots__ = ("_form", "_hint", "_what")

    def __init__(self, hint: Any = Any, what: str = "a value") -> None:
        """Make a codec for ``hint``. ``what`` is how messages call the values, such as ``the result of charge``."""
        self._hint = hint
        self._what = what
        self._form: Form | None = None

    @property
    def hint(self) -> Any:
        """The type hint. Raises ``DefinitionError`` if it cannot be resolved."""
        return (self._form or self._prepare()).hint

    @property
    def native(self) -> bool:
        """Whether msgspec reads the type, so that it may be a part of other types of msgspec's."""
        return (self._form or self._prepare()).native

    def round_trip(self, value: Any) -> tuple[str, Any]:
        """Return the JSON text of ``value``, and what any reader of that text will get.

        Raises ``CodecError`` if ``value`` is not of the declared type, or would not be read back as it is.
        """
        form = self._form or self._prepare()
        try:
            written = form.write(value)
            read = form.read(written)
            text = written.decode()
        except Exception as error:  # noqa: BLE001 - validators and the like are the user's code; it is raised again
            self._refuse(value, error)
        if not same(value, read):
            self._refuse_change(value, read)
        if "null" in text:
            refuse_non_finite(value, self._what)
        return text, read

    def encode(self, value: Any) -> str:
        """Return the JSON text of ``value``. Raises ``CodecError`` like ``round_trip``."""
        return self.round_trip(value)[0]

    def decode(self, text: str | bytes) -> Any:
        """Return the value that a JSON text stands for. Raises ``CodecError`` if it is not of the declared type."""
        form = self._form or self._prepare()
        try:
            return form.read(text)
        except Exception as error:
            raise CodecError(
                f"{self._what}: the stored text cannot be read as {describe_hint(self._hint)}: {explain(error)}; "
                f"it was written for another form of the type: give new fields a default, and keep reading old forms"
            ) from error

    def write(self, value: Any) -> bytes:
        """Return the JSON of ``value``, for a caller that checks it himself. Raises whatever goes wrong."""
        return (self._form or self._prepare()).write(value)

    def _resolve(self) -> Any:
        return self._hint

    def _prepare(self) -> Form:
        self._hint = self._resolve()
        form = self._form = make_form(self._hint, self._what)
        return form

    def _refuse(self, value: Any, error: Exception) -> NoReturn:
        refuse_non_finite(value, self._what)
        raise CodecError(
            f"{self._what} is declared {describe_hint(self._hint)}, and {describe_value(value)} was given: "
            f"{explain(error)}; give a value of the declared type, or correct the type hint"
        ) from error

    def _refuse_change(self, value: Any, read: Any) -> None:
        refuse_non_finite(value, self._what)
        change = find_change(value, read)
        if change is not None:
            raise CodecError(
                f"{self._what} is declared {describe_hint(self._hint)}, and {describe_value(value)} was given: "
                f"{change}; declare the type it is to have, or convert it before"
            )


def encode_payload(value: Any) -> str:
    """Return the JSON text of a value for a reader that declares its type, where the sender does not know that type.

    Unlike ``TypeCodec(Any).encode`` it lets dates, decimals, bytes and keys that are no text be written as text.
    Raises ``CodecError`` for what has no JSON form at all, or would lose something in it.
    """
    what = "the payload"
    try:
        written = ENCODER.encode(value)
        text = written.decode()
        read = msgspec.json.decode(written)
    except Exception as error:
        raise CodecError(f"{what}, {describe_value(value)}, cannot be written as JSON: {explain(error)}") from error
    if "null" in text:
        refuse_non_finite(value, what)
    change = None if same(value, read) else find_change(value, read, as_json=True)
    if change is not None:
        raise CodecError(f"{what}, {describe_value(value)}, cannot be written as JSON: {change}; convert it before")
    return text


def refuse_non_finite(value: Any, what: str) -> None:
    """Raise ``CodecError`` if there is a NaN or an infinity in ``value``; ``what`` is for the message."""
    found = find_non_finite(value)
    if found is not None:
        raise CodecError(f"{what} cannot be written as JSON, which has no NaN or infinity: {found}; use None or a text")
