"""Flows that rules guard and start; the broker ``shop`` is in the settings."""

from __future__ import annotations

import os
from dataclasses import dataclass

from engine import MessageInfo, flow, on_message, rules, step, wait_for_event
from engine.rules.model import Decision, DecisionTable, InputClause, InputData, Model, OutputClause, Rule

INTAKE, ROUTING = "intake", "routing"
ORDERS = os.environ.get("MILEPOST_TEST_ORDERS", "orders")
EVENTS = os.environ.get("MILEPOST_TEST_EVENTS", "events")


def intake(least: int) -> Model:
    """Rules that let orders in from this number of pieces on."""
    table = DecisionTable(
        (InputClause("pieces"),),
        (OutputClause("accept"), OutputClause("reason")),
        (Rule((f">= {least}",), ("true", "null")), Rule((f"< {least}",), ("false", f'"fewer than {least}"'))),
    )
    return Model(INTAKE, "urn:test", (), (InputData("i", "pieces"), Decision("d", INTAKE, None, table, ("i",))))


def routing(*rows: tuple[str, str, str, str], does: str = "flow") -> Model:
    """Rules that collect what events of a kind do: kind, flow or signal, key, input."""
    table = DecisionTable(
        (InputClause("kind"),),
        (OutputClause(does), OutputClause("key"), OutputClause("input")),
        tuple(Rule((kind,), cells) for kind, *cells in rows),  # type: ignore[arg-type]
        hit_policy="RULE ORDER",
    )
    known = tuple(InputData(name, name) for name in ("kind", "pieces", "id"))
    return Model(ROUTING, "urn:test", (), (*known, Decision("d", ROUTING, None, table, ("kind", "pieces", "id"))))


@dataclass
class Order:
    id: str
    pieces: int = 1


@dataclass
class Event:
    id: str
    kind: str
    pieces: int = 1


@step
def note(text: str) -> str:
    return text


@on_message(f"broker://shop/{ORDERS}", name="orders", filter=rules.guard(INTAKE))
@flow
async def fulfil(order: Order, info: MessageInfo) -> str:
    return await note(f"{order.pieces} of {order.id} by {info.id}")


@flow(guard=rules.guard(INTAKE))
async def guarded(order: Order, express: bool = False) -> str:
    return await note(order.id)


@flow
async def parent(order: Order) -> str:
    return await guarded(order)


@flow
async def ship(id: str, pieces: int) -> str:
    return await note(f"{pieces} of {id}")


@flow
async def tell(event: Event) -> str:
    return await note(event.kind)


@flow
async def waiting(event: Event) -> str:
    return await wait_for_event("go", type=str)


@on_message(f"broker://shop/{EVENTS}", name="events", route=rules.route(ROUTING))
def events(event: Event) -> Event:
    return event


WAYS = (
    ('"ship"', '"ship"', "null", "{id: id, pieces: pieces}"),
    ('"ship","tell"', '"tell"', "null", "null"),
)
"""Events of one kind start two flows, and of another kind one of them."""
