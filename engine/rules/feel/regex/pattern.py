"""Patterns ready for use: with Python's ``re`` where that is sure to be quick, and with our own machine elsewhere.

``re`` tries the ways to match one after the other, and there can be more of them than anybody can wait for. How many
there are at most for a text of some length follows from the pattern; up to a limit ``re`` may try them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.regex.machine import Machine, Spans
from engine.rules.feel.regex.nodes import BadPattern
from engine.rules.feel.regex.parser import parse
from engine.rules.feel.regex.translation import source_of, ways

MAX_TRIES: Final = 20_000_000
"""How many steps ``re`` may take at worst: about a second."""


class Pattern:
    """A pattern with its flags. Raises ``BadPattern`` if there is something wrong with it."""

    def __init__(self, pattern: str, flags: str) -> None:
        self._node, self.groups = parse(pattern, flags)
        self._compiled: re.Pattern[str] | None = None
        self._machine: Machine | None = None
        # The longest text so far for which ``re`` is sure to be quick.
        self._quick_length = -1

    def is_in(self, ev: Evaluation, text: str) -> bool:
        """Tell whether some part of the text matches."""
        return self._search(ev, text, 0) is not None

    def replaced(self, ev: Evaluation, text: str, replacement: str) -> str:
        """Return the text with every match replaced; ``$1`` in the replacement is the text of a group."""
        parts = _parts_of(replacement, self.groups)
        made: list[str] = []
        last = 0
        for spans in self._each(ev, text):
            made.append(text[last : spans[0]])
            for part in parts:
                if isinstance(part, str):
                    made.append(part)
                elif spans[2 * part] >= 0:
                    made.append(text[spans[2 * part] : spans[2 * part + 1]])
            last = spans[1]
        made.append(text[last:])
        ev.room_for_text(sum(map(len, made)))
        return "".join(made)

    def split(self, ev: Evaluation, text: str) -> Iterator[str]:
        """Return what is between the matches."""
        last = 0
        for spans in self._each(ev, text):
            yield text[last : spans[0]]
            last = spans[1]
        yield text[last:]

    def _each(self, ev: Evaluation, text: str) -> Iterator[Spans]:
        """Return the matches, one after the other. Raises ``BadPattern`` if a match could be empty."""
        if self._search(ev, "", 0) is not None:
            raise BadPattern("the pattern matches an empty string, which there is no end of")
        start = 0
        while (spans := self._search(ev, text, start)) is not None:
            yield spans
            start = spans[1]

    def _search(self, ev: Evaluation, text: str, start: int) -> Spans | None:
        length = len(text) - start
        if self._is_quick(length):
            match = self._re().search(text, start)
            ev.spend(((length if match is None else match.end() - start) >> 6) + 1)
            return None if match is None else tuple(edge for span in match.regs for edge in span)
        if self._machine is None:
            self._machine = Machine(self._node, self.groups)
        return self._machine.search(ev, text, start)

    def _is_quick(self, length: int) -> bool:
        if length > self._quick_length and ways(self._node, length) * (length + 1) <= MAX_TRIES:
            self._quick_length = length
        return length <= self._quick_length

    def _re(self) -> re.Pattern[str]:
        if self._compiled is None:
            try:
                self._compiled = re.compile(source_of(self._node))
            except (re.error, OverflowError, RecursionError) as problem:
                raise BadPattern(f"the pattern cannot be used: {problem}") from problem
        return self._compiled


@lru_cache(maxsize=512)
def pattern_of(pattern: str, flags: str) -> Pattern:
    """Return the pattern ready for use. Raises ``BadPattern`` if it is none."""
    return Pattern(pattern, flags)


def _parts_of(replacement: str, groups: int) -> list[str | int]:
    """Return the texts of a replacement, and the numbers of the groups between them."""
    parts: list[str | int] = []
    at = 0
    while at < len(replacement):
        char, follower = replacement[at], replacement[at + 1 : at + 2]
        if char == "\\":
            if follower not in {"\\", "$"}:
                raise BadPattern("a backslash in a replacement stands before another one, or before a $")
            parts.append(follower)
            at += 2
        elif char == "$":
            if follower not in set("0123456789"):
                raise BadPattern("a $ in a replacement stands before the number of a group")
            number, at = int(follower), at + 2
            while replacement[at : at + 1] in set("0123456789") and number * 10 + int(replacement[at]) <= groups:
                number, at = number * 10 + int(replacement[at]), at + 1
            parts.append(number if number <= groups else "")
        else:
            parts.append(char)
            at += 1
    return parts
