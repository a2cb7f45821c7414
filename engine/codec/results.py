"""The codec of what a function returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.codec.hints import result_hint
from engine.codec.types import TypeCodec


class _ResultCodec(TypeCodec):
    """Finds its hint on first use, when the names that the hint uses exist."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(what=f"the result of {function.__name__}")
        self._function = function

    def _resolve(self) -> Any:
        return result_hint(self._function)


def result_codec(function: Callable[..., Any]) -> TypeCodec:
    """Return the codec for the results of ``function``, by its return hint; of a coroutine function, what it gives.

    The hint is looked at on first use, which raises ``DefinitionError`` if it cannot be resolved or stored.
    """
    return _ResultCodec(function)
