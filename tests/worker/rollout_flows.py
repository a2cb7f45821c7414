"""Flows that ask rules by a key."""

from __future__ import annotations

from typing import Any

from engine import flow, rules, wait_for_event
from tests.worker.rule_flows import RULES


def told(ruling: rules.Ruling[Any]) -> list[Any]:
    return [ruling.version, str(ruling.outcome["rate"])]


@flow
async def keyed(key: str | None, amount: int = 5000) -> list[list[Any]]:
    """Decide twice by one key, the second time inline."""
    first = await rules.decide(RULES, {"amount": amount}, key=key)
    return [told(first), told(await rules.decide(RULES, {"amount": amount}, key=key, inline=True))]


@flow
async def patient() -> list[list[Any]]:
    """Decide, wait, and decide again, by the key that each execution is itself."""
    first = await rules.decide(RULES, {"amount": 5000})
    await wait_for_event("go")
    return [told(first), told(await rules.decide(RULES, {"amount": 5000}))]
