"""What can be wrong with the text of an expression, shown with a caret under the place."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from engine.errors import MilepostError

_SHOWN = 70


class FeelSyntaxError(MilepostError):
    """The text is no FEEL. ``position`` is the index of the sign at which that shows."""

    def __init__(self, text: str, position: int, reason: str) -> None:
        self.text = text
        self.position = min(max(position, 0), len(text))
        self.reason = reason
        self.line = text.count("\n", 0, self.position) + 1
        self.column = self.position - (text.rfind("\n", 0, self.position) + 1) + 1
        super().__init__(f"{reason}\n{_picture(text, self.position)}")


class FeelTooComplex(FeelSyntaxError):
    """The text is longer or nested deeper than expressions may be."""


@contextmanager
def bounded_text(text: str) -> Generator[None]:
    """Have an expression refused that is nested deeper than Python can follow, such as a sum of thousands of terms.

    Raises FeelTooComplex.
    """
    try:
        yield
    except RecursionError:
        raise FeelTooComplex(text, 0, "the expression is nested too deep, or joins too many terms: split it") from None


def _picture(text: str, position: int) -> str:
    """Return the line with the position, cut to a width that fits, and a caret below it."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)].replace("\t", " ")
    column = position - start
    if len(line) > _SHOWN:
        cut = max(0, min(column - _SHOWN // 2, len(line) - _SHOWN))
        line, column = line[cut : cut + _SHOWN], column - cut
    return f"  {line}\n  {' ' * column}^"
