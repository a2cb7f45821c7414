"""Flows that messages of other programs start, and a signal; the broker ``shop`` is in the settings."""

from __future__ import annotations

import os
from dataclasses import dataclass

from engine import ByKey, MessageInfo, by_key, flow, header, on_message, step, wait_for_event

ORDERS = os.environ.get("MILEPOST_TEST_ORDERS", "orders")
DECISIONS = "decisions"


@dataclass
class Order:
    id: str
    pieces: int = 1


@dataclass
class Decision:
    order: str
    granted: bool


@step
def note(text: str) -> str:
    return text


@on_message(f"broker://shop/{ORDERS}", name="orders", filter=lambda order: order.pieces > 0)
@flow
async def fulfil(order: Order, info: MessageInfo) -> str:
    return await note(f"{order.pieces} of {order.id} by {info.id}")


@on_message("broker://shop/requests", name="requests", key=header("request"))
@flow
async def ask(what: str) -> bool:
    decision = await wait_for_event("decided", type=Decision)
    return decision.granted


@on_message(f"broker://shop/{DECISIONS}", signal="decided")
def decide(decision: Decision) -> ByKey:
    return by_key(f"requests:{decision.order}")
