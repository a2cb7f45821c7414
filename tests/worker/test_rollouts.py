"""Rollouts, shadows and back-tests on workers: by key, once and for all, and without harm to what counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import AsyncClient, Client, Registry
from engine.errors import ArgumentsError, ExecutionNotFound, RuleNotFound
from engine.model.policy import RulePolicy
from engine.model.shares import bucket_of, parse_share
from engine.rules.backtest import Kind
from engine.rules.errors import RuleError
from engine.rules.stored import content_hash, write_model
from engine.store.rules.versions import add_version, set_shadow
from tests.worker.killing import FLOWS, kill_one_that_decides
from tests.worker.processes import Processes
from tests.worker.rollout_flows import keyed, patient
from tests.worker.rule_flows import RULES, bound, model
from tests.worker.serving import Store, serving

MANY = 200


class Rules:
    """The store with two versions of rules in it, of which the first is active, and a client of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.client = Client(store.url)
        self.client.import_rules(model("0.1"))
        self.client.activate_rules(RULES)
        self.client.import_rules(model("0.2"))

    def serving(self) -> Any:
        return serving(self.store.url, registry=Registry([keyed, patient]))

    def ask(self, *keys: str | None, amount: int = 5000) -> list[list[list[Any]]]:
        """Have an execution for each key decide, and return what they decided."""
        started = self.client.start_many(keyed, [(key, amount) for key in keys])
        return self.client.results(started, 120)


@pytest.fixture
def rules(store: Store) -> Iterator[Rules]:
    made = Rules(store)
    yield made
    made.client.close()


def test_a_share_of_many_decides_by_the_new_version_and_stays_in_as_it_grows(rules: Rules) -> None:
    keys = [f"customer {number}" for number in range(MANY)]
    with rules.serving(), rules.serving():
        for share in ("10%", "50%", "100%"):
            rules.client.activate_rules(RULES, 2, share=share)
            inside = {key for key in keys if bucket_of(RULES, key) < parse_share(share)}
            found = dict(zip(keys, rules.ask(*keys), strict=True))
            for key, decided in found.items():
                expected = [2, "0.2"] if key in inside else [1, "0.1"]
                assert decided == [expected, expected], (share, key)
        assert rules.client.rollback_rules(RULES) == 1
        assert rules.ask(*keys[:20]) == [[[1, "0.1"]] * 2] * 20


def test_without_a_key_each_execution_is_its_own_and_keeps_its_version_whatever_follows(rules: Rules) -> None:
    rules.client.activate_rules(RULES, 2, share="50%")
    with rules.serving():
        started = rules.client.start_many(patient, [()] * 40)
        for one in started:
            rules.store.wait_for_step(one.id, "waiting", 2)
        rules.client.rollback_rules(RULES)
        for one in started:
            one.signal("go")
        found = rules.client.results(started, 60)
    expected = [2 if bucket_of(RULES, one.id) < parse_share("50%") else 1 for one in started]
    assert [[version for version, _ in both] for both in found] == [[version] * 2 for version in expected]
    assert {1, 2} == set(expected), "both versions decided"
    # Other workers, and other executions that take over the past of these, decide as these did.
    with rules.serving():
        for one, both in list(zip(started, found, strict=True))[:12]:
            assert one.rerun(3).result(60) == both


def test_a_worker_that_is_killed_is_followed_by_one_that_decides_by_the_same_version(
    rules: Rules, tmp_path: Path
) -> None:
    rules.client.activate_rules(RULES, 2, share="50%")
    execution = rules.client.start(bound, {})
    kill_one_that_decides(rules.store.url, tmp_path / "deciding")
    rules.client.rollback_rules(RULES)
    with Processes(rules.store.url, ENGINE_FLOWS=FLOWS) as processes:
        processes.start()
        expected = [2, "0.2"] if bucket_of(RULES, execution.id) < parse_share("50%") else [1, "0.1"]
        assert execution.result(60) == expected


def test_a_shadow_is_recorded_and_counted_and_does_not_count(rules: Rules) -> None:
    with rules.serving():
        rules.ask("before")
        rules.client.shadow_rules(RULES, 2, comment="is it kinder?")
        assert rules.ask("a", "b") == [[[1, "0.1"]] * 2] * 2
        rules.ask("c", amount=5)
        rules.client.unshadow_rules(RULES)
        rules.ask("after")
    tried = rules.client.shadowed_rules(RULES)
    assert (tried.version, tried.tally.counts, tried.is_whole) == (2, {Kind.DIFFERS: 4, Kind.SAME: 2}, True)
    (group,) = tried.tally.groups
    assert (str(group.recorded["rate"]), str(group.other["rate"]), group.count) == ("0.1", "0.2", 4)
    execution_id, seq = group.example.split()
    found = rules.client.explain_decision(execution_id, int(seq))
    assert found.agrees
    assert found.answer.shadow is not None
    assert found.answer.shadow.hash == content_hash(model("0.2"))
    (one, _) = rules.client.decisions(execution_id)
    assert one.shadow is not None
    assert (str(one.outcome["rate"]), one.shadow.version, str(one.shadow.outcome["rate"]), one.shadow.agrees) == (
        "0.1", 2, "0.2", False,
    )  # fmt: skip
    # Looking back at it later, the other version decides what it decided as a shadow.
    again = rules.client.back_test_rules(RULES, 2)
    assert again.tally.counts == {Kind.DIFFERS: 8, Kind.SAME: 2}


def test_a_shadow_that_does_not_compile_harms_no_decision(rules: Rules) -> None:
    with pytest.raises(RuleNotFound):
        rules.client.shadowed_rules(RULES)
    with pytest.raises(RuleNotFound):
        rules.client.shadow_rules(RULES, 7)
    # It may have got there by a release that could compile it.
    broken = write_model(model("1 +"))
    with rules.store.database.write() as tx:
        add_version(tx, RULES, broken, content_hash(model("1 +")))
    with pytest.raises(RuleError, match="cannot"):
        rules.client.shadow_rules(RULES, 3)
    with rules.store.database.write() as tx:
        set_shadow(tx, RULES, 3)
    with rules.serving():
        assert rules.ask("a") == [[[1, "0.1"]] * 2]
    (one, _) = rules.client.shadowed_rules(RULES).tally.changed
    assert (one.kind, "cannot be used by this release" in (one.other.error or "")) == (Kind.UNDECIDED, True)


def test_recorded_decisions_are_taken_again_by_a_version_or_a_draft(rules: Rules, tmp_path: Path) -> None:
    with rules.serving():
        rules.ask("a", "b")
        rules.ask("c", amount=5)
    client = rules.client
    tried = client.back_test_rules(RULES)
    assert (tried.version, tried.tally.counts) == (2, {Kind.DIFFERS: 4, Kind.SAME: 2})
    first = tried.tally.changed[0]
    assert [str(one.outcome["rate"]) for one in (first.record.decided, first.other)] == ["0.1", "0.2"]
    assert (first.record.decided.matched, first.other.matched) == ((("rate", (1,)),),) * 2
    assert client.back_test_rules(RULES, 1).tally.counts == {Kind.SAME: 6}
    assert client.back_test_rules(RULES, draft=model("0.3"), keep=1).tally.would_change == 4
    # The steps ask without naming a decision, so the draft decides by its own.
    draft = tmp_path / "draft.csv"
    draft.write_text("U,in: amount,out: rate,out: since\n1,>= 1000,null,null\n2,< 1000,0,null\n")
    found = client.back_test_rules(RULES, draft=draft)
    assert (found.version, found.tally.counts) == (None, {Kind.DIFFERS: 4, Kind.SAME: 2})
    assert [name for name, _ in found.tally.changed[0].other.matched] == [RULES]
    cut = client.back_test_rules(RULES, limit=3)
    assert (cut.tally.total, cut.is_whole) == (3, False)
    assert client.back_test_rules(RULES, limit=6).is_whole
    now = datetime.fromtimestamp(client.now_us() / 1e6, UTC)
    for meant, count in (({"flow": "keyed"}, 6), ({"flow": "other"}, 0), ({"since": now + timedelta(hours=1)}, 0)):
        assert client.back_test_rules(RULES, **meant).tally.total == count  # type: ignore[arg-type]
    with pytest.raises(ArgumentsError):
        client.back_test_rules(RULES, 1, draft=draft)
    with pytest.raises(RuleNotFound):
        client.back_test_rules("other")


def test_a_damaged_record_is_counted_and_the_others_are_compared(rules: Rules) -> None:
    with rules.serving():
        rules.ask("a")
    rules.store.execute("UPDATE milepost_steps SET output = '{' WHERE seq = 1")
    tried = rules.client.back_test_rules(RULES, 1)
    assert (tried.unreadable, tried.tally.counts) == (1, {Kind.SAME: 1})


def test_many_decisions_are_read_part_by_part(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.client.rules.backtests.EXECUTIONS", 3)
    monkeypatch.setattr("engine.client.rules.backtests.DECISIONS", 4)
    with rules.serving():
        rules.ask(*map(str, range(7)))
    heard: list[tuple[int, int]] = []
    tried = rules.client.back_test_rules(RULES, looked=lambda *counts: heard.append(counts))
    assert (tried.tally.total, heard) == (14, [(3, 6), (6, 12), (7, 14)])


def test_what_is_required_is_looked_for_in_the_newest_executions_only(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store with a million executions would keep whoever activates waiting for minutes."""
    monkeypatch.setattr("engine.client.rules.backtests.EXECUTIONS", 3)
    with rules.serving():
        rules.ask("old")
        rules.ask(*map(str, range(6)), amount=5)
    rules.client.require_rules(RULES, RulePolicy(backtest_changes=0.0))
    assert [one.requirement for one in rules.client.unmet_requirements(RULES)] == ["backtest_changes"]
    monkeypatch.setattr("engine.client.rules.backtests.MOST_EXECUTIONS", 6)
    assert rules.client.unmet_requirements(RULES) == ()
    assert rules.client.activate_rules(RULES).number == 2
    # Who asks for it by himself is told how far it is, and may wait.
    assert rules.client.back_test_rules(RULES).tally.total == 14


def test_coroutines_do_the_same(rules: Rules) -> None:
    with rules.serving():
        decided = rules.client.start(keyed, "Ada")
        decided.result(60)

    async def trying() -> None:
        async with AsyncClient(rules.store.url) as client:
            await client.activate_rules(RULES, 2, share="10%")
            await client.shadow_rules(RULES, 2, share="20%")
            await client.unshadow_rules(RULES)
            assert (await client.back_test_rules(RULES)).tally.total == 2
            assert (await client.shadowed_rules(RULES)).version == 2
            # In the order it asked, and the same as without coroutines.
            taken = await client.decisions(decided.id)
            assert [(one.seq, one.version, one.inputs) for one in taken] == [(n, 1, {"amount": 5000}) for n in (1, 2)]
            assert taken == rules.client.decisions(decided.id)
            assert (await client.explain_decision(decided.id, 2)).agrees
            with pytest.raises(ExecutionNotFound):
                await client.decisions(decided.id[:-1] + ("0" if decided.id[-1] != "0" else "1"))

    asyncio.run(trying())
    shelf = rules.client.rules()[RULES]
    assert shelf.split(rules.client.now_us()) == {2: 1000, 1: 9000}
    assert [(one.number, one.share) for one in shelf.shadows] == [(2, 2000), (None, 10_000)]
