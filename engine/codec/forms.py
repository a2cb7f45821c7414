"""The JSON form of one type: how its values are written and read, by msgspec or, where that refuses, by pydantic."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.codec.hints import describe_hint
from engine.codec.hooks import from_json_form, is_model, make_adapter, to_json_form, write_adapted
from engine.codec.reasons import explain
from engine.errors import DefinitionError

ENCODER: Final = msgspec.json.Encoder(enc_hook=to_json_form)


class Form:
    """How values of one type hint are written and read; both raise whatever goes wrong."""

    __slots__ = ("hint", "native", "read", "write")

    def __init__(
        self, hint: Any, native: bool, write: Callable[[Any], bytes], read: Callable[[str | bytes], Any]
    ) -> None:
        self.hint = hint
        self.native = native
        """Whether msgspec does it, so that the type may be a part of other types of msgspec's."""
        self.write = write
        self.read = read


def make_form(hint: Any, what: str) -> Form:
    """Return the form of ``hint``; ``what`` is for the message of the ``DefinitionError`` if it cannot have one."""
    if hint is None or hint is object:
        hint = Any if hint is object else type(None)
    makers = (_by_pydantic, _by_msgspec) if _has_model(hint) else (_by_msgspec, _by_pydantic)
    refusals: list[str] = []
    for maker in makers:
        try:
            return maker(hint)
        except Exception as error:  # noqa: BLE001 - both libraries let through whatever the hint's own code raises
            refusals.append(explain(error))
    raise DefinitionError(
        f"{what}: values of the type {describe_hint(hint)} cannot be stored as JSON ({'; '.join(refusals)}); use a "
        f"dataclass, a msgspec.Struct, a pydantic model or built-in types"
    )


def _by_msgspec(hint: Any) -> Form:
    decoder = msgspec.json.Decoder(hint, dec_hook=from_json_form)
    return Form(hint, True, ENCODER.encode, decoder.decode)


def _by_pydantic(hint: Any) -> Form:
    adapter = make_adapter(hint)

    def write(value: Any) -> bytes:
        return write_adapted(adapter, value)

    def read(text: str | bytes) -> Any:
        return adapter.validate_json(text, strict=True)

    return Form(hint, False, write, read)


def _has_model(hint: Any) -> bool:
    """Tell whether a pydantic model is named in ``hint`` itself: then pydantic reads the whole in one go."""
    return is_model(hint) or any(_has_model(argument) for argument in typing.get_args(hint))
