"""The reference of FEEL's functions is made from the functions, up to date, and shows every way to call each."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.rules.feel import nodes
from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.builtins.forms import Builtin, Form
from engine.rules.feel.compiler import compile_node
from engine.rules.feel.parser import parse_expression
from engine.rules.feel.reference.page import GROUPS, reference
from engine.rules.feel.scope import Scope
from tests.unit.rules.feel.feeling import evaluation

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "feel.md"
TOLD = {name: told for group in GROUPS.values() for name, told in group.items()}
NOTHING = Scope({})


def meant(function: Builtin, example: str) -> tuple[Form | None, bool]:
    """Return the form that a call means, and whether its arguments have names."""
    call = parse_expression(example, NOTHING)
    if not isinstance(call, nodes.Call) or call.function != nodes.Name(0, function.name):
        return None, False
    args = [compile_node(example, one, NOTHING)(evaluation(), {}) for one in call.arguments]
    named = dict(zip(call.names, args, strict=False))
    fitting = (
        form for form in function.forms if (form.by_name(named) if named else form.by_position(args)) is not None
    )
    return next(fitting, None), bool(named)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "python -m engine.rules.feel.reference > docs/reference/feel.md"


def test_every_function_is_told_of_once() -> None:
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(BUILTINS)
    assert all(told.meaning.endswith(".") for told in TOLD.values())


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_every_form_is_shown_and_a_call_by_name(name: str) -> None:
    function = BUILTINS[name]
    calls = [meant(function, example) for example in TOLD[name].examples]
    shown = {id(form) for form, _ in calls}
    assert [str(form) for form in function.forms if id(form) not in shown] == []
    if any(form.parameters for form in function.forms):
        assert any(named for _, named in calls)
