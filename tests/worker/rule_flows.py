"""Flows that ask rules, and the rules that they ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from engine import flow, rules, wait_for_event
from engine.rules.model import (
    Decision,
    DecisionTable,
    InputClause,
    InputData,
    LiteralExpression,
    Model,
    OutputClause,
    Rule,
)

RULES = "credit"
SLOW = 'count(for i in 1..60 return count(for j in 1..1000 return matches(string(j), "[a-z]+9$")))'
"""It takes long enough for a worker to be killed meanwhile."""


def model(rate: str, name: str = RULES) -> Model:
    """Rules that come to this rate from an amount of 1000 on."""
    table = DecisionTable(
        (InputClause("amount"),),
        (OutputClause("rate"), OutputClause("since")),
        (Rule((">= 1000",), (rate, '@"2026-11-30"')), Rule(("< 1000",), ("0", "null"))),
    )
    return Model(name, "urn:test", (), (InputData("i", "amount"), Decision("d", "rate", None, table, ("i",))))


def slow_model(outcome: str) -> Model:
    """Rules that take their time."""
    expression = LiteralExpression(f"if {SLOW} > 0 then {outcome} else null")
    return Model(RULES, "urn:test", (), (Decision("d", "rate", None, expression),))


@dataclass
class Order:
    amount: Decimal
    note: str = ""


@dataclass
class Terms:
    rate: Decimal
    since: date | None


def said(ruling: rules.Ruling[Any]) -> list[Any]:
    return [ruling.version, str(ruling.outcome["rate"])]


@flow
async def twice(amount: Decimal) -> list[list[Any]]:
    """Decide, wait, and decide again."""
    first = await rules.decide(RULES, Order(amount))
    await wait_for_event("go")
    return [said(first), said(await rules.decide(RULES, Order(amount)))]


@flow
async def typed(amount: Decimal) -> Terms:
    """Decide inline, with a typed outcome."""
    ruling = await rules.decide(RULES, {"amount": amount}, type=Terms, inline=True)
    assert ruling.matched == (("rate", (1,)),)
    return ruling.outcome


@flow
async def bound(how: dict[str, Any]) -> list[Any]:
    """Decide by a version that is named."""
    given = dict(how)
    if "as_of" in given:
        given["as_of"] = date.fromisoformat(given["as_of"])
    return said(await rules.decide(RULES, {"amount": 5000}, **given))


@flow
async def slowly() -> list[Any]:
    """Decide by rules that take their time."""
    ruling = await rules.decide(RULES, {})
    return [ruling.version, ruling.outcome]
