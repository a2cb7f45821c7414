"""What is required of versions of rules before they are activated: of each name, or of every one without its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, select

from engine.model.policy import EVERY, Guard, Required, RulePolicy
from engine.model.topics import RULES
from engine.store.batches import Upsert
from engine.store.generations import bump
from engine.store.rules.scenarios import find_scenarios
from engine.store.rules.versions import read_shelf
from engine.store.schema import rule_policies

if TYPE_CHECKING:
    from engine.store.database import Transaction

REQUIRE = Upsert(rule_policies, keys=("name",), sets=("required", "author", "changed_us"))


def read_required(tx: Transaction, name: str) -> Required:
    """Return what is required of the rules of a name: by their own policy, or else by that of every name."""
    of = rule_policies.c
    found = {row.name: row for row in tx.connection.execute(select(rule_policies).where(of.name.in_((name, EVERY))))}
    row = found.get(name) or found.get(EVERY)
    if row is None:
        return Required(RulePolicy())
    return Required(msgspec.json.decode(row.required, type=RulePolicy), row.name, row.author, row.changed_us)


def require(tx: Transaction, name: str, policy: RulePolicy | None, *, author: str | None = None) -> None:
    """Say what is required of the rules of a name; None: what is required of every name. Raises RuleNotFound."""
    bump(tx, RULES)
    if name != EVERY:
        read_shelf(tx, name)
    if policy is None:
        tx.connection.execute(delete(rule_policies).where(rule_policies.c.name == name))
        return
    text = msgspec.json.encode(policy).decode()
    tx.dialect.upsert(tx.connection, REQUIRE, (name, text, author, tx.now_us))


def read_guard(tx: Transaction, name: str) -> Guard:
    """Return what an activation of rules of a name depends on, beside the version.

    Within the turn of an activation it cannot change any more.
    """
    policy = read_required(tx, name).policy
    return Guard(policy, tuple(find_scenarios(tx, name)) if policy.asks_scenarios else ())
