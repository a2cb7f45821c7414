"""Whom messages and starts ask: the rules of one moment for a whole batch, by the version that their keys lead to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from engine import StoreUnavailable, rules
from engine.model.shares import bucket_of
from engine.rulebook.judging import RulebookJudge
from engine.rulebook.rulebook import Rulebook
from engine.rules.errors import Undecidable
from engine.rules.stored import content_hash, write_model
from engine.store.database import Database
from engine.store.rules.versions import activate, add_version, tag_version
from engine.store.schema import metadata
from tests.worker.edge_flows import INTAKE, ROUTING, WAYS, intake, routing

GUARD = rules.guard(INTAKE)


class Counting(Rulebook):
    """Counts how often it is looked at."""

    looks = 0

    def look(self) -> int:
        self.looks += 1
        return super().look()


class Shop:
    """A store with rules, and a rulebook of it."""

    def __init__(self, path: Path) -> None:
        self.database = Database(f"sqlite:///{path / 'rules.db'}")
        metadata.create_all(self.database.engine)
        self.rulebook = Counting(self.database)

    def judge(self) -> RulebookJudge:
        return RulebookJudge(self.rulebook)

    def put(self, least: int, share: int = 10_000) -> int:
        model = intake(least)
        with self.database.write() as tx:
            number, _ = add_version(tx, INTAKE, write_model(model), content_hash(model))
            activate(tx, INTAKE, number, share=share)
        return number


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.database.close()


def test_a_batch_is_judged_by_the_rules_of_one_moment(shop: Shop) -> None:
    shop.put(1)
    judge = shop.judge()
    assert shop.rulebook.looks == 0, "who asks nothing costs nothing"
    assert judge.verdict(GUARD, {"pieces": 2}, {}, "a").basis.version == 1
    shop.put(5)
    Rulebook.look(shop.rulebook)
    assert judge.verdict(GUARD, {"pieces": 2}, {}, "b").basis.version == 1
    assert shop.rulebook.looks == 1
    later = shop.judge().verdict(GUARD, {"pieces": 2}, {}, "c")
    assert (later.basis.version, later.accepted) == (2, False)


def test_a_version_and_a_tag_can_be_named(shop: Shop) -> None:
    for least in (1, 3):
        shop.put(least)
    with shop.database.write() as tx:
        tag_version(tx, INTAKE, "strict", 2)
        tag_version(tx, INTAKE, "old", 1)
    guards = [rules.guard(INTAKE, version=1), rules.guard(INTAKE, version="latest"), rules.guard(INTAKE, tag="old")]
    judge = shop.judge()
    assert [judge.verdict(one, {"pieces": 2}, {}, None).basis.version for one in guards] == [1, 2, 1]
    with pytest.raises(Undecidable, match="no version 9 of the rules 'intake'"):
        judge.verdict(rules.guard(INTAKE, version=9), {"pieces": 2}, {}, None)
    with pytest.raises(Undecidable, match="no decision 'other'"):
        judge.verdict(rules.guard(INTAKE, decision="other"), {"pieces": 2}, {}, None)


def test_a_share_goes_by_the_key(shop: Shop) -> None:
    shop.put(1)
    shop.put(5, share=3000)
    judge = shop.judge()
    keys = [f"orders:m{n}" for n in range(300)]
    found = {key: judge.verdict(GUARD, {"pieces": 2}, {}, key).basis.version for key in keys}
    assert found == {key: 2 if bucket_of(INTAKE, key) < 3000 else 1 for key in keys}
    assert min(Counter(found.values()).values()) > 50
    assert judge.verdict(GUARD, {"pieces": 2}, {}, None).basis.version == 1


def test_an_event_needs_entries_and_a_guard_does_not(shop: Shop) -> None:
    shop.put(1)
    model = routing(*WAYS)
    with shop.database.write() as tx:
        number, _ = add_version(tx, ROUTING, write_model(model), content_hash(model))
        activate(tx, ROUTING, number)
    judge = shop.judge()
    assert judge.verdict(GUARD, 5, {"pieces": 5}, None).accepted
    with pytest.raises(Undecidable, match="the rules 'routing' cannot be asked: a value of type int has no entries"):
        judge.actions(rules.route(ROUTING), 5, {}, None)
    found = judge.actions(rules.route(ROUTING), {"id": "e", "kind": "ship", "pieces": 2}, {}, None)
    assert [one.flow for one in found.actions] == ["ship", "tell"]


def test_a_store_that_fails_however_it_does_is_none_of_a_messages_faults(shop: Shop) -> None:
    shop.put(1)
    with shop.database.write() as tx:
        tx.connection.execute(text("ALTER TABLE milepost_rule_shadows RENAME TO away"))
    with pytest.raises(StoreUnavailable, match="the rules 'intake' cannot be read from the store: no such table"):
        shop.judge().verdict(GUARD, {"pieces": 2}, {}, "a")
    with shop.database.write() as tx:
        tx.connection.execute(text("ALTER TABLE away RENAME TO milepost_rule_shadows"))
    assert shop.judge().verdict(GUARD, {"pieces": 2}, {}, "a").accepted
