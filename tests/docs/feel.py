"""The examples of FEEL on the pages: expressions, each with ``//`` and what it comes to behind it.

A line without ``//`` goes on in the next one. ``// given NAME = EXPRESSION`` is a value for the rest of the block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.rules.feel.compiler import compile_expression
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.reference.page import NOW, outcome
from engine.rules.feel.scope import Scope
from engine.rules.feel.values import Value
from tests.docs.pages import Block

GIVEN = re.compile(r"// given (\S[^=]*?) = (.*)")


@dataclass(frozen=True)
class Example:
    """An expression, the values it may use, and what the page says that it comes to."""

    expression: str
    given: dict[str, Value]
    shown: str

    @property
    def found(self) -> str:
        """What it does come to."""
        return outcome(self.expression, self.given)


def examples(block: Block) -> Iterator[Example]:
    """Yield the examples of a block."""
    given: dict[str, Value] = {}
    lines: list[str] = []
    for line in block.text.splitlines():
        if found := GIVEN.fullmatch(line):
            given[found[1]] = compile_expression(found[2], Scope({}))(Evaluation(NOW), {})
            continue
        expression, comment, shown = line.rpartition("//")
        lines.append(expression if comment else line)
        if comment:
            yield Example("\n".join(lines).strip(), dict(given), shown.strip())
            lines = []
    assert not lines, f"{block.page.name}, line {block.line}: nothing is said to come of {lines}"
