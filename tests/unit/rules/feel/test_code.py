"""The one place where code is made: from trees of allowed nodes, which can reach nothing but what they are given."""

from __future__ import annotations

import ast

import pytest

from engine.rules.feel import code


def built(*statements: str, **names: object) -> object:
    body = [statement for text in statements for statement in ast.parse(text).body]
    return code.build("<test>", code.function("f", ["ev"], body), names)("x")


def test_what_it_was_given_is_all_it_can_reach() -> None:
    assert built("g1 = helper(ev)", "return g1", helper=str.upper) == "X"
    with pytest.raises(NameError):
        built("return open")


@pytest.mark.parametrize(
    "text",
    [
        "return ev.upper()",
        "import os",
        "return [one for one in ev]",
        "return lambda: 1",
        "return f'{ev}'",
        "while ev: pass",
        "return __import__('os')",
        "return 1.5",
        "return b'x'",
        "try: pass\nfinally: pass",
        "global g",
        "return (g := 1)",
        "return ev ** 9",
        "return ev(*ev)",
    ],
)
def test_nothing_else_becomes_code(text: str) -> None:
    with pytest.raises(code.NotAllowed):
        built(text)
