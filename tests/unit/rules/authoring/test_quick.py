"""Typed tables decide the quick way what they decide by the reference, whatever the models, and whatever is given."""

from __future__ import annotations

import copy
import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple, TypedDict

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from engine.errors import MilepostError
from engine.rules.authoring import Table, Undecided, anything, decision_table, feel, less_than, one_of
from engine.rules.errors import ModelError
from engine.rules.model import HitPolicy
from engine.rules.tables.quick import NO_CASE


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


class Region(enum.StrEnum):
    EU = "eu"
    US = "us"


@dataclass(frozen=True)
class Home:
    region: Region
    size: Decimal | None


@dataclass
class Person:
    kind: ClassVar[str] = "person"
    age: int
    tier: Literal["gold", "silver"]
    member: bool
    level: Level
    home: Home
    since: dt.date | None = None


class PersonStruct(msgspec.Struct):
    age: int
    tier: Literal["gold", "silver"]
    member: bool
    level: Level
    home: Home


class PersonModel(BaseModel):
    age: int
    tier: Literal["gold", "silver"]
    member: bool
    level: Level
    home: Home


class PersonTuple(NamedTuple):
    age: int
    tier: Literal["gold", "silver"]
    member: bool
    level: Level
    home: Home


class PersonDict(TypedDict):
    age: int
    tier: Literal["gold", "silver"]
    member: bool
    level: Level
    home: Home


@dataclass
class WithPhoto:
    age: int
    photo: bytes


@dataclass(frozen=True)
class Offer:
    rate: Decimal
    notes: str


def plain_result(person: Person, limit: int = 3) -> int: ...
def optional_result(person: PersonStruct, limit: int = 3) -> Decimal | None: ...
def model_result(person: PersonModel, limit: int = 3) -> Offer: ...
def list_result(person: PersonTuple, limit: int = 3) -> Any: ...
def dict_result(person: PersonDict, limit: int = 3) -> dict[str, object] | None: ...


FUNCTIONS: dict[Callable[..., Any], type] = {
    plain_result: Person,
    optional_result: PersonStruct,
    model_result: PersonModel,
    list_result: PersonTuple,
    dict_result: PersonDict,
}
INPUTS = [
    "person.age",
    "person.tier",
    "person.member",
    "person.level",
    "person.home.region",
    "person.home.size",
    "limit",
]
CELLS = [
    ["-", "< 18", ">= 18", "[18..65]", "1, 2", "not(1)"],
    ["-", '"gold"', 'not("gold")', '"gold", "silver"'],
    ["-", "true", "not(true)"],
    ["-", "1", "> 1"],
    ["-", '"eu"', '"us"'],
    ["-", "< 2.5", ">= 2.5", "0.5"],
    ["-", "3", "> 3"],
]
ages = st.sampled_from([17, 18, 1, 65, 66, True, None, 10**34 + 1, 18.5, Decimal("17.5"), Decimal("NaN"), "x"])
persons = st.fixed_dictionaries({
    "age": ages,
    "tier": st.sampled_from(["gold", "silver", "bronze", None]),
    "member": st.sampled_from([True, False, None, 1]),
    "level": st.sampled_from([Level.LOW, Level.HIGH, 2, None]),
    "home": st.sampled_from([Home(Region.EU, Decimal("2.5")), Home(Region.US, None), Home("eu", Decimal(1)), None]),  # type: ignore[arg-type]
})  # fmt: skip
outcomes: dict[Callable[..., Any], st.SearchStrategy[Any]] = {
    plain_result: st.sampled_from([1, 2, feel("person.age + limit"), feel("null"), feel('"no"')]),
    optional_result: st.sampled_from([Decimal("0.5"), None, feel("limit / 2")]),
    model_result: st.sampled_from([Offer(Decimal("0.5"), "a"), (feel("limit"), "b"), (feel("null"), "c")]),
    list_result: st.sampled_from([1, "a", feel("[1, limit]")]),
    dict_result: st.sampled_from([feel("{a: limit}"), feel("null")]),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[Table[Any, Any], type]:
    function = draw(st.sampled_from(list(FUNCTIONS)))
    columns = draw(st.lists(st.integers(0, len(INPUTS) - 1), min_size=1, max_size=4, unique=True))
    rows = [
        (*(feel(draw(st.sampled_from(CELLS[one]))) for one in columns), draw(outcomes[function]))
        for _ in range(draw(st.sampled_from([1, 2, 3, 8])))
    ]
    rows = [(*row[:-1], *row[-1]) if type(row[-1]) is tuple else row for row in rows]
    policy: HitPolicy = draw(st.sampled_from(["UNIQUE", "FIRST"]))
    options: dict[str, Any] = {"default": draw(outcomes[function])} if draw(st.booleans()) else {}
    try:
        return decision_table(rows, inputs=[INPUTS[one] for one in columns], policy=policy, **options)(function), (
            FUNCTIONS[function]
        )
    except ModelError:
        # A rule that never matches, a constant of another type: refused, with reason.
        assume(False)
        raise


def by_reference(table: Table[Any, Any]) -> Table[Any, Any]:
    """Return the same table without any quick way."""
    slow = copy.copy(table)
    slow._quick = None
    slow._decider = copy.copy(table._decider)
    slow._decider._quick = None
    slow._decider.table = replace(table._decider.table, quick=None)
    return slow


def told(decide: Callable[[], Any]) -> Any:
    try:
        result = decide()
    except MilepostError as error:
        return type(error), str(error)
    return result, type(result)


def made(kind: type, fields: dict[str, Any]) -> Any:
    if kind is PersonModel:
        return PersonModel.model_construct(**fields)
    return kind(**fields)


@given(tables(), st.lists(st.tuples(persons, st.sampled_from([3, 4, None, 2.5])), min_size=1, max_size=4))
@settings(max_examples=150)
def test_both_ways_return_and_raise_the_same(
    table_and_kind: tuple[Table[Any, Any], type], given: list[tuple[dict[str, Any], Any]]
) -> None:
    table, kind = table_and_kind
    slow = by_reference(table)
    assert table._quick is not None
    for fields, limit in given:
        person = made(kind, fields)
        expected = told(lambda: slow(person, limit))  # noqa: B023 - it is called at once
        assert told(lambda: table(person, limit)) == expected  # noqa: B023
        assert told(lambda: table(limit=limit, person=person)) == expected  # noqa: B023
        assert told(lambda: table.trace(person, limit)) == told(lambda: slow.trace(person, limit))  # noqa: B023
        named = {"person": person, "limit": limit}
        assert told(lambda: table.decide(named)) == expected  # noqa: B023


def test_what_is_called_wrongly_raises_as_the_function_would() -> None:
    table = decision_table([(anything, 1)], inputs=["limit"], policy="FIRST")(plain_result)
    person = Person(1, "gold", True, Level.LOW, Home(Region.EU, None))
    assert table(person) == table(person=person) == table(person, 4) == 1
    for args, kwargs in [((), {}), ((person, 1, 2), {}), ((person,), {"person": person}), ((), {"limit": 3, "who": 1})]:
        with pytest.raises(TypeError):
            table(*args, **kwargs)


def test_outcomes_that_can_be_changed_are_made_anew() -> None:
    def notes(age: int) -> dict[str, object]: ...

    table = decision_table([(less_than(5), feel('{a: "b"}')), (one_of(7, 8), feel("{}"))])(notes)
    table(3)["c"] = 1
    assert table(3) == {"a": "b"}
    assert table(8) is not table(8)


def test_models_with_what_rules_do_not_know_are_left_to_the_reference() -> None:
    def odd(given: WithPhoto) -> int: ...

    assert decision_table([(less_than(5), feel("-1"))], inputs=["given.age"])(odd)._quick is None


def test_subclasses_and_missing_fields_are_left_to_the_reference() -> None:
    class Younger(Person): ...

    def junior(person: Person) -> int: ...

    def pair(person: PersonDict) -> int: ...

    table = decision_table([(less_than(5), 1)], inputs=["person.age"])(junior)
    home = Home(Region.EU, None)
    assert table._hit((Person(3, "gold", True, Level.LOW, home),)) == 0
    assert table._hit((Younger(3, "gold", True, Level.LOW, home),)) == NO_CASE
    assert table(Younger(3, "gold", True, Level.LOW, home)) == 1
    with pytest.raises(Undecided):
        decision_table([(less_than(5), 1)], inputs=["person.age"])(pair)({})  # type: ignore[typeddict-item]
