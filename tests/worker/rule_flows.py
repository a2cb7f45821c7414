"""Flows that ask rules, and the rules that they ask."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine import flow, rules, wait_for_event
from engine.rules.model import (
    Decision,
    DecisionTable,
    InputClause,
    InputData,
    Model,
    OutputClause,
    Rule,
)

RULES = "credit"
HOLD = "MILEPOST_TEST_HOLD"
"""The variable that names the file by which a worker says that it is in the middle of a decision, which it then never
ends: for the tests that kill it there."""


def model(rate: str, name: str = RULES) -> Model:
    """Rules that come to this rate from an amount of 1000 on."""
    table = DecisionTable(
        (InputClause("amount"),),
        (OutputClause("rate"), OutputClause("since")),
        (Rule((">= 1000",), (rate, '@"2026-11-30"')), Rule(("< 1000",), ("0", "null"))),
    )
    return Model(name, "urn:test", (), (InputData("i", "amount"), Decision("d", "rate", None, table, ("i",))))


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


if HOLD in os.environ:
    from engine.rules.prepared import Prepared

    def _never_ends(*_args: Any, **_more: Any) -> None:
        Path(os.environ[HOLD]).touch()
        threading.Event().wait()

    Prepared.decide = _never_ends  # type: ignore[method-assign, assignment]
