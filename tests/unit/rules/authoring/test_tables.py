"""Decision tables over the signatures of functions."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from engine.errors import DefinitionError
from engine.rules.authoring import (
    Undecided,
    anything,
    at_least,
    at_most,
    between,
    decision_table,
    feel,
    less_than,
    matrix,
    more_than,
    none_of,
    one_of,
    truth_table,
)
from engine.rules.authoring.cells import split_row
from engine.rules.errors import ModelError, RuleError
from engine.rules.feel.compiler import compile_node
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.exchange import from_python
from engine.rules.feel.parser import parse_expression
from engine.rules.feel.scope import Scope
from engine.rules.literals import literal
from engine.rules.model import HitPolicy
from engine.rules.scenarios import Scenario, run_scenarios
from tests.unit.rules.feel.strategies import ATOMS

NOW = datetime(2026, 1, 31, tzinfo=UTC)


class Tier(enum.Enum):
    GOLD = "gold"
    SILVER = "silver"


@dataclass(frozen=True)
class Customer:
    age: int
    tier: Tier


@dataclass(frozen=True)
class Offer:
    rate: Decimal
    note: str


class StructOffer(msgspec.Struct):
    rate: Decimal
    note: str


class ModelOffer(BaseModel):
    rate: Decimal
    note: str


class TupleOffer(NamedTuple):
    rate: Decimal
    note: str


@decision_table(
    [
        (less_than(18), anything, 0),
        (at_least(18), Tier.GOLD, Decimal("0.2")),
        (at_least(18), "silver", feel("customer.age / 100")),
    ]
)
def discount(customer: Customer) -> Decimal:
    """The discount of a customer."""
    raise AssertionError("the body is never run")


def test_a_table_is_called_like_the_function() -> None:
    assert discount(Customer(20, Tier.GOLD)) == Decimal("0.2")
    assert discount(customer=Customer(50, Tier.SILVER)) == Decimal("0.5")
    assert type(discount(Customer(10, Tier.GOLD))) is Decimal
    assert discount.__doc__ == "The discount of a customer."
    assert repr(discount) == "<decision table discount>"
    with pytest.raises(TypeError):
        discount()  # type: ignore[call-arg]


def test_the_table_is_data_and_is_analysed_as_such() -> None:
    assert [(one.expression, one.type, one.allowed) for one in discount.source.inputs] == [
        ("customer.age", "number", None), ("customer.tier", "string", '"gold", "silver"'),
    ]  # fmt: skip
    assert discount.analyse().findings == ()
    explained = discount.explain(Customer(20, Tier.SILVER))
    assert [rule.matched for rule in explained.rules] == [False, False, True]
    assert discount.cover([{"customer": Customer(10, Tier.GOLD)}]).never_matched == ("2", "3")


def test_the_trace_names_the_rule_and_what_it_set() -> None:
    traced = discount.trace(Customer(20, Tier.GOLD))
    assert traced.outcome == Decimal("0.2")
    assert traced.rules == ("discount 2",)
    assert [(change.path, change.after) for change in traced.fired[0].changes] == [("discount", Decimal("0.2"))]


def test_scenarios_run_against_a_table() -> None:
    scenario = Scenario("gold", {"customer": {"age": 20, "tier": "gold"}}, 0.2)
    assert run_scenarios(discount.decide, [scenario])[0].passed


@pytest.mark.parametrize("kind", [Offer, StructOffer, ModelOffer, TupleOffer])
def test_an_outcome_of_several_fields_is_of_the_declared_type(kind: Any) -> None:
    def offer(age: int) -> Any: ...

    offer.__annotations__["return"] = kind
    made = decision_table(
        [(less_than(18), kind(rate=Decimal(0), note="young")), (between(18, 60), 1.5, "grown"), '> 60 | 2 | "a|b"']
    )(offer)
    assert made(10) == kind(rate=Decimal(0), note="young")
    assert made(18) == kind(rate=Decimal("1.5"), note="grown")
    assert made(61) == kind(rate=Decimal(2), note="a|b")
    assert [change.path for change in made.trace(61).fired[0].changes] == ["rate", "note"]


@pytest.mark.parametrize(
    "cell, holds, fails",
    [
        (anything, 5, None), (less_than(3), 2, 3), (at_most(3), 3, 4), (more_than(3), 4, 3), (at_least(3), 3, 2),
        (between(1, 5), 5, 6), (one_of(1, more_than(5)), 7, 5), (none_of(1, between(3, 5)), 2, 4), (3, 3, 2),
        (feel("> limit - 1"), 10, 9),
    ],
)  # fmt: skip
def test_cells_test(cell: object, holds: int, fails: int | None) -> None:
    @decision_table([(cell, True)], inputs=["number"], default=False)
    def tested(number: int, limit: int = 10) -> bool: ...

    assert tested(holds)
    assert fails is None or not tested(fails)


def test_every_kind_of_value_stands_for_itself() -> None:
    @decision_table([(date(2026, 1, 31), timedelta(days=1), None, ["a", {"b c": 'x"y'}])])
    def kinds(day: date, span: timedelta, note: str | None) -> list[Any]: ...

    assert kinds(date(2026, 1, 31), timedelta(days=1), None) == ["a", {"b c": 'x"y'}]


@given(ATOMS | st.lists(ATOMS, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), ATOMS, max_size=3))
def test_a_literal_comes_to_its_value(value: Any) -> None:
    known = from_python(value)
    scope = Scope({})
    assert compile_node("", parse_expression(literal(known), scope), scope)(Evaluation(NOW), {}) == known


@given(st.lists(st.lists(st.sampled_from(["a", '"', "\\", "|", " "]), max_size=6).map("".join), min_size=1, max_size=4))
def test_rows_are_split_outside_of_strings(texts: list[str]) -> None:
    cells = [literal(text) for text in texts]
    assert split_row(" | ".join(cells)) == cells


# -- nothing, several, defaults ----------------------------------------------------------------------------------------


def test_what_comes_to_nothing_is_an_error_unless_none_may_be_returned() -> None:
    @decision_table([(1, "one")])
    def strict(number: int) -> str: ...

    @decision_table([(1, "one"), (at_most(1), "less")])
    def lenient(number: int) -> str | None: ...

    with pytest.raises(Undecided, match=r"strict\(number: the int 2\) came to nothing: no rule of the table"):
        strict(2)
    assert lenient(2) is None
    with pytest.raises(Undecided, match="rules 1, 2 do; let only one"):
        lenient(1)


def test_a_default_may_be_given_for_all_fields() -> None:
    @decision_table([(1, 1, "one")], default=Offer(Decimal(0), "none"))
    def offer(number: int) -> Offer: ...

    assert offer(2) == Offer(Decimal(0), "none")


@pytest.mark.parametrize("default", [(1,), {"rate": 1}, 5])
def test_a_default_has_all_fields(default: object) -> None:
    def offer(number: int) -> Offer: ...

    with pytest.raises(ModelError, match="rate, note"):
        decision_table([(1, 1, "one")], default=default)(offer)


def test_policies_of_several_rules() -> None:
    rows = [(more_than(1), "low"), (more_than(2), "high")]

    @decision_table(rows, policy="RULE ORDER")
    def listed(number: int) -> list[Literal["high", "low"]]: ...

    @decision_table(rows, policy="OUTPUT ORDER")
    def ordered(number: int) -> list[Literal["high", "low"]]: ...

    @decision_table(rows, policy="PRIORITY")
    def first(number: int) -> Literal["high", "low"]: ...

    @decision_table(rows, policy="COLLECT", aggregation="COUNT")
    def counted(number: int) -> int: ...

    assert (listed(3), ordered(3), first(3), counted(3)) == (["low", "high"], ["high", "low"], "high", 2)
    assert listed.trace(3).rules == ("listed 1", "listed 2")
    assert [(one.rule, one.by) for one in first.analyse().shadowed] == []


def test_time_is_told_by_who_defines_the_table() -> None:
    def days_left(due: date) -> int: ...

    rows = [(anything, feel("(due - today()).days"))]
    assert decision_table(rows, now=lambda: NOW)(days_left)(date(2026, 2, 2)) == 2
    with pytest.raises(ModelError, match="days_left asks what time it is"):
        decision_table(rows)(days_left)(date(2026, 2, 2))


# -- truth tables and matrices -----------------------------------------------------------------------------------------


@truth_table({"Y Y": "ship", "Y N": "order", "N -": "refuse"}, inputs=["amount <= credit", "in_stock"])
def handle(amount: int, credit: int, in_stock: bool) -> Literal["ship", "order", "refuse"]: ...


def test_a_truth_table_tests_conditions() -> None:
    assert [handle(5, 10, True), handle(5, 10, False), handle(11, 10, True)] == ["ship", "order", "refuse"]
    assert handle.source.inputs[0].type == "boolean"


@pytest.mark.parametrize(
    "rows, problem",
    [
        ({"Y Y": 1, "N -": 2}, "no rule matches true | false"),
        ({"Y -": 1, "N -": 2, "- N": 3}, "rules 1 and 3 both match"),
        ({"Y X": 1}, "'Y X' is made of Y, N and -"),
        ({"Y": 1}, "rule 1 has 2 cells, and there are 2 inputs"),
    ],
)
def test_a_truth_table_has_to_be_complete_and_clear(rows: dict[str, int], problem: str) -> None:
    def both(one: bool, other: bool) -> int: ...

    with pytest.raises(ModelError) as caught:
        truth_table(rows)(both)
    assert problem in str(caught.value)


@matrix(
    rows=[less_than(18), between(18, 64), at_least(65)],
    columns=["EU", one_of("US", "UK")],
    cells=[[1, 2], [3, 4], [5, feel("age - 60")]],
)
def price(age: int, region: Literal["EU", "US", "UK"]) -> int: ...


def test_a_matrix_crosses_two_axes() -> None:
    assert [price(10, "EU"), price(20, "UK"), price(65, "EU"), price(70, "US")] == [1, 4, 5, 10]
    assert price.analyse().findings == ()
    with pytest.raises(ModelError, match=r"a matrix of these axes has 1 lines of 2 cells; lines have \[1\]"):
        matrix([anything], ["EU", "US"], [[1]])(price.__wrapped__)  # type: ignore[attr-defined]


# -- what is wrong is told when it is defined --------------------------------------------------------------------------


def rate(age: int, tier: Literal["gold", "silver"]) -> int: ...


@pytest.mark.parametrize(
    "row, advice",
    [
        (("< 5", "gold", 1), "rule 1, age: '< 5' is a string, and the input is a number; write feel('< 5')"),
        ((5, "golds", 1), '"golds" in \'tier\' is true of nothing that is allowed'),
        ((True, "gold", 1), "true in 'age' is true of no number"),
        ((feel("< agee"), "gold", 1), "rule 1, age: there is no 'agee'; did you mean 'age'?"),
        ((feel("< <"), "gold", 1), "rule 1, age: expected a value"),
        ((5, 1), "rule 1 has 2 cells, and there are 2 inputs (age, tier) and 1 outputs (rate)"),
        ((abs, "gold", 1), "for a condition in Python, write a rule"),
        (([1, 2], "gold", 1), "write one_of(...)"),
        ((5, "gold", "x"), 'rule 1, rate: "x" is not of the type number'),
        ((5, "gold", feel("agee")), "rule 1, rate: there is no 'agee'"),
        ("5 | gold | 1", "there is no 'gold'"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_place(row: Sequence[object] | str, advice: str) -> None:
    with pytest.raises(ModelError) as caught:
        decision_table([row])(rate)
    assert advice in str(caught.value)


def no_list(age: int) -> int: ...


def no_parameters() -> int: ...


def no_such_hint(age: Missing) -> int: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    "function, policy, inputs, advice",
    [
        (no_list, "COLLECT", None, "a COLLECT table comes to a list"),
        (no_list, "PRIORITY", None, "let no_list be a Literal or an enumeration"),
        (no_parameters, "UNIQUE", None, "no_parameters has no parameters"),
        (no_such_hint, "UNIQUE", None, "define or import the name at the top of the module"),
        (no_list, "UNIQUE", ["agee"], "no_list, input 'agee': there is no 'agee'; did you mean 'age'?"),
        (discount.__wrapped__, "UNIQUE", ["customer.agee"], "there is no field 'agee'; did you mean 'age'?"),  # type: ignore[attr-defined]
    ],
)
def test_signatures_that_cannot_work_are_refused(
    function: Callable[..., Any], policy: HitPolicy, inputs: list[str] | None, advice: str
) -> None:
    with pytest.raises((ModelError, DefinitionError)) as caught:
        decision_table([(anything, 1)], policy=policy, inputs=inputs)(function)
    assert advice in str(caught.value)


def test_an_outcome_of_another_type_is_an_error() -> None:
    @decision_table([(anything, feel("number / 2"))])
    def half(number: int) -> int: ...

    assert half(4) == 2
    with pytest.raises(RuleError, match="half came to a Decimal, which is not of the declared type: Expected `int`"):
        half(5)


def test_helpers_refuse_what_cannot_be_joined() -> None:
    for make in (one_of, lambda: one_of(anything), lambda: none_of(none_of(1))):
        with pytest.raises(ModelError, match="takes values, comparisons and ranges"):
            make()
