"""Matching in a time that grows with the text and not beyond: all the ways to match are followed side by side.

It is slower than ``re`` where that does well, and takes what that could try for ever. The ways are kept in the order in
which ``re`` would try them, so that both find the same. It cannot ask for the text of a group again.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.regex.charsets import Charset, holds
from engine.rules.feel.regex.nodes import BadPattern, Choice, Edge, Group, Node, One, Repeat, Same, Sequence

MAX_INSTRUCTIONS: Final = 4_000
"""How long a program may become: numbers in braces are written out."""

Spans: TypeAlias = tuple[int, ...]
"""Where the match and each of its groups begin and end; -1 for a group that took no part."""


class _Instruction(NamedTuple):
    """What to do, and where to go on: at ``then``, or for a fork at ``otherwise`` too, which is tried later."""

    kind: Literal["one", "edge", "fork", "keep", "done"]
    then: int = 0
    otherwise: int = 0
    of: Charset = ()
    edge: str = ""


_DONE: Final = _Instruction("done")


class Machine:
    """A pattern that has been made into a program."""

    def __init__(self, node: Node, groups: int) -> None:
        self._program = [_DONE]
        self._slots = 2 * groups + 2
        self._known: dict[tuple[int, str], bool] = {}
        end = self._emit(_Instruction("keep", 0, 1))
        self._start = self._emit(_Instruction("keep", self._write(node, end), 0))

    def _emit(self, instruction: _Instruction) -> int:
        if len(self._program) >= MAX_INSTRUCTIONS:
            raise BadPattern("the pattern is too large with its repetitions written out")
        self._program.append(instruction)
        return len(self._program) - 1

    def _write(self, node: Node, then: int) -> int:
        """Write the program of the node that goes on at ``then``; return where it begins."""
        if isinstance(node, One):
            return self._emit(_Instruction("one", then, of=node.of))
        if isinstance(node, Edge):
            return self._emit(_Instruction("edge", then, edge=node.kind))
        if isinstance(node, Sequence):
            for part in reversed(node.parts):
                then = self._write(part, then)
            return then
        if isinstance(node, Choice):
            starts = [self._write(option, then) for option in node.options]
            start = starts[-1]
            for other in reversed(starts[:-1]):
                start = self._emit(_Instruction("fork", other, start))
            return start
        if isinstance(node, Group):
            end = self._emit(_Instruction("keep", then, 2 * node.number + 1))
            return self._emit(_Instruction("keep", self._write(node.part, end), 2 * node.number))
        if isinstance(node, Same):
            raise BadPattern("the pattern asks for the text of a group again, which could take too long on such a text")
        return self._write_repeat(node, then)

    def _write_repeat(self, node: Repeat, then: int) -> int:
        start = then
        if node.most is None:
            fork = self._emit(_DONE)
            part = self._write(node.part, fork)
            self._program[fork] = self._fork(part, then, lazy=node.lazy)
            start = fork
        else:
            for _ in range(node.most - node.least):
                part = self._write(node.part, start)
                start = self._emit(self._fork(part, then, lazy=node.lazy))
        for _ in range(node.least):
            start = self._write(node.part, start)
        return start

    @staticmethod
    def _fork(part: int, then: int, *, lazy: bool) -> _Instruction:
        return _Instruction("fork", then, part) if lazy else _Instruction("fork", part, then)

    def search(self, ev: Evaluation, text: str, start: int) -> Spans | None:
        """Return the first match at or after ``start``, or None. Raises ``BudgetExceeded``."""
        found: Spans | None = None
        empty = (-1,) * self._slots
        ways: list[tuple[int, Spans]] = []
        for position in range(start, len(text) + 1):
            seen: set[int] = set()
            here: list[tuple[int, Spans]] = []
            for at, spans in ways:
                self._follow(at, spans, text, position, seen, here)
            if found is None:
                self._follow(self._start, empty, text, position, seen, here)
            ev.spend(len(seen) + 1)
            ways = []
            for at, spans in here:
                instruction = self._program[at]
                if instruction.kind == "done":
                    # What comes after this in the order is less wanted than this match.
                    found = spans
                    break
                if position < len(text) and self._fits(at, text[position]):
                    ways.append((instruction.then, spans))
            if not ways and found is not None:
                break
        return found

    def _fits(self, at: int, char: str) -> bool:
        key = (at, char)
        known = self._known.get(key)
        if known is None:
            if len(self._known) > 10_000:
                self._known.clear()
            known = self._known[key] = holds(self._program[at].of, char)
        return known

    def _follow(
        self, at: int, spans: Spans, text: str, position: int, seen: set[int], here: list[tuple[int, Spans]]
    ) -> None:
        """Go on without taking a character, and add where a character would be taken, in the order of preference."""
        open_ways = [(at, spans)]
        while open_ways:
            at, spans = open_ways.pop()
            if at in seen:
                continue
            seen.add(at)
            instruction = self._program[at]
            if instruction.kind == "fork":
                open_ways.append((instruction.otherwise, spans))
                open_ways.append((instruction.then, spans))
            elif instruction.kind == "keep":
                slot = instruction.otherwise
                open_ways.append((instruction.then, (*spans[:slot], position, *spans[slot + 1 :])))
            elif instruction.kind == "edge":
                if _is_edge(instruction.edge, text, position):
                    open_ways.append((instruction.then, spans))
            else:
                here.append((at, spans))


def _is_edge(kind: str, text: str, position: int) -> bool:
    if kind == "start":
        return position == 0
    if kind == "end":
        return position == len(text)
    after_line_feed = position > 0 and text[position - 1] == "\n"
    if kind == "line start":
        return position == 0 or (after_line_feed and position < len(text))
    return text[position] == "\n" if position < len(text) else not after_line_feed
