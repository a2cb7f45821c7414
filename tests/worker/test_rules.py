"""Flows that ask rules, on workers: each execution keeps its version, whatever is activated and whoever decides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine import Client, Registry
from engine.definitions.deciding import DECIDE
from engine.errors import ArgumentsError, ExecutionNotFound
from engine.rules.errors import ModelError, RuleError
from engine.rules.model import Decision, LiteralExpression, Model
from engine.rules.stored import content_hash, write_model
from engine.store.rules.versions import activate, add_version
from tests.worker.killing import FLOWS, kill_one_that_decides
from tests.worker.processes import Processes
from tests.worker.rule_flows import RULES, bound, model, twice, typed
from tests.worker.serving import Store, serving, wait_until


class Rules:
    """The store with rules in it, and a client of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.client = Client(store.url)

    def add(self, *rates: str, active: bool = True) -> None:
        for rate in rates:
            self.client.import_rules(model(rate))
            if active:
                self.client.activate_rules(RULES)

    def serving(self) -> Any:
        return serving(self.store.url, registry=Registry([bound, twice, typed]))


@pytest.fixture
def rules(store: Store) -> Iterator[Rules]:
    made = Rules(store)
    yield made
    made.client.close()


def test_who_has_begun_keeps_the_version_and_who_begins_gets_the_new_one(rules: Rules) -> None:
    rules.add("0.1")
    with rules.serving():
        old = rules.client.start(twice, Decimal(1000))
        rules.store.wait_for_step(old.id, "waiting", 2)
        rules.add("0.2")
        new = rules.client.start(twice, Decimal(1000))
        rules.store.wait_for_step(new.id, "waiting", 2)
        for one in (old, new):
            one.signal("go")
        assert old.result(30) == [[1, "0.1"], [1, "0.1"]]
        assert new.result(30) == [[2, "0.2"], [2, "0.2"]]
    # Another worker, which has none of it in memory, reads the same.
    with rules.serving():
        again = old.rerun(3)
        assert again.result(30) == [[1, "0.1"], [1, "0.1"]]
        rules.client.rollback_rules(RULES)
        assert rules.client.start(bound, {}).result(30) == [1, "0.1"]
        # A rerun is a replay: it has the time at which the first one began, and so its rules.
        assert new.rerun(3).result(30) == [[2, "0.2"], [2, "0.2"]]


def test_many_who_begin_around_activations_each_decide_alike_throughout(rules: Rules) -> None:
    rules.add("0.1")
    with rules.serving(), rules.serving():
        handles = []
        for rate in ("0.2", "0.3", "0.4"):
            handles += [rules.client.start(twice, Decimal(1000)) for _ in range(8)]
            rules.add(rate)
            handles += [rules.client.start(twice, Decimal(1000)) for _ in range(8)]
        for one in handles:
            one.signal("go")
        found = [one.result(60) for one in handles]
    assert all(first == second for first, second in found)
    versions = [first[0] for first, _ in found]
    assert versions == sorted(versions), "who begins later decides by no older version"
    assert versions == [1] * 8 + [2] * 16 + [3] * 16 + [4] * 8


def test_outcomes_are_typed_and_exact(rules: Rules) -> None:
    rules.add("0.10000000000000000000000000001")
    with rules.serving():
        terms = rules.client.start(typed, Decimal(1000)).result(30)
        assert (str(terms.rate), str(terms.since)) == ("0.10000000000000000000000000001", "2026-11-30")


def test_a_version_can_be_named(rules: Rules) -> None:
    rules.add("0.1", "0.2")
    rules.add("0.3", active=False)
    rules.client.tag_rules(RULES, "pilot", 1)
    with rules.serving():
        ways: list[dict[str, Any]] = [{"version": 1}, {"version": "latest"}, {"tag": "pilot"}, {}]
        assert [rules.client.start(bound, how).result(30)[0] for how in ways] == [1, 3, 1, 2]
        rules.client.tag_rules(RULES, "pilot", 3)
        assert rules.client.start(bound, {"tag": "pilot"}).result(30)[0] == 3
        today = datetime.fromtimestamp(rules.client.now_us() / 1e6, UTC).date()
        # Not tomorrow, which may begin while this runs.
        soon = today + timedelta(days=2)
        rules.client.import_rules(model("0.4"), effective_from=soon)
        rules.client.activate_rules(RULES, 4)
        assert rules.client.start(bound, {}).result(30)[0] == 2
        assert rules.client.start(bound, {"as_of": soon.isoformat()}).result(30)[0] == 4


@pytest.mark.parametrize(
    "how, said",
    [
        ({}, "no version of the rules 'credit' was active when"),
        ({"version": 7}, "no version 7"),
        ({"tag": "pilot"}, "tag 'pilot'"),
        ({"version": 1, "decision": "nothing"}, "no decision 'nothing'; there are 'rate'"),
    ],
)
def test_what_cannot_be_decided_fails_at_once(rules: Rules, how: dict[str, Any], said: str) -> None:
    rules.add("0.1", active=False)
    with rules.serving():
        execution = rules.client.start(bound, how)
        error = rules.store.result(execution.id, "failed")
        assert said in error["message"]
        assert "Undecidable" in error["message"]
        assert rules.store.step(execution.id).attempt == 1


def test_rules_that_are_not_there_are_said(rules: Rules) -> None:
    with rules.serving():
        error = rules.store.result(rules.client.start(bound, {}).id, "failed")
        assert "there are no rules 'credit'" in error["message"]


def test_a_worker_that_is_killed_while_it_decides_is_followed_by_one_that_decides_the_same(
    rules: Rules, tmp_path: Path
) -> None:
    rules.add("0.1")
    execution = rules.client.start(bound, {})
    kill_one_that_decides(rules.store.url, tmp_path / "deciding")
    rules.add("0.2")
    assert rules.store.step(execution.id).state == "claimed", "it was killed while it decided"
    with Processes(rules.store.url, ENGINE_FLOWS=FLOWS) as processes:
        processes.start()
        assert execution.result(60) == [1, "0.1"]
        assert rules.store.step(execution.id).attempt == 2
        assert rules.client.start(bound, {}).result(60) == [2, "0.2"]


def test_what_does_not_work_is_neither_brought_in_nor_activated(rules: Rules) -> None:
    rules.add("0.1")
    broken = Model(RULES, "urn:test", (), (Decision("d", "rate", None, LiteralExpression("1 +")),))
    with pytest.raises(ModelError, match="rate"):
        rules.client.import_rules(broken)
    # It may have got there by a release that could compile it.
    with rules.store.database.write() as tx:
        add_version(tx, RULES, write_model(broken), content_hash(broken))
    with pytest.raises(ModelError, match="rate"):
        rules.client.activate_rules(RULES, 2)
    with rules.serving():
        assert rules.client.start(bound, {}).result(30) == [1, "0.1"]


def test_a_worker_that_cannot_compile_a_version_leaves_its_decisions_to_others(rules: Rules) -> None:
    rules.add("0.1")
    broken = Model(RULES, "urn:test", (), (Decision("d", "rate", None, LiteralExpression("1 +")),))
    with rules.store.database.write() as tx:
        add_version(tx, RULES, write_model(broken), content_hash(broken))
        activate(tx, RULES, 2)
    with rules.serving():
        execution = rules.client.start(bound, {})
        wait_until(lambda: rules.store.step(execution.id) and rules.store.step(execution.id).attempt > 0)
        step = rules.store.wait_for_step(execution.id, "waiting")
        assert "cannot be used by this release" in step.output
        # What was active before still decides for those that began then, and whoever names it.
        assert rules.client.start(bound, {"version": 1}).result(30) == [1, "0.1"]


def test_content_that_was_tampered_with_decides_nothing(rules: Rules) -> None:
    rules.add("0.1")
    other = write_model(model("0.9"))
    rules.store.execute("UPDATE milepost_rule_versions SET content = :content", content=other)
    with rules.serving():
        execution = rules.client.start(bound, {})
        assert "changed in the database" in rules.store.wait_for_step(execution.id, "waiting").output


def test_the_record_says_by_what_it_was_decided_and_explains_itself(rules: Rules) -> None:
    rules.add("0.1")
    with rules.serving():
        handle = rules.client.start(bound, {"version": 1})
        handle.result(30)
    step = handle.history()[1]
    digest = hashlib.sha256(b'{"amount":5000}').hexdigest()
    assert step.name == DECIDE
    for part in (content_hash(model("0.1")), digest, '"matched":[["rate",[1]]]', '"outcome":{"rate":0.1'):
        assert part in (step.output or "")
    rules.add("0.2")
    found = rules.client.explain_decision(handle.id, 1)
    assert (found.answer.version, found.agrees) == (1, True)
    (table,) = found.tables
    assert table.explanation.matched == (1,)
    assert [cell.text for cell in table.explanation.why_not(2)] == ["< 1000"]
    for seq in (0, 2):
        with pytest.raises(ArgumentsError, match=f"step {seq}"):
            rules.client.explain_decision(handle.id, seq)


def test_the_decisions_of_an_execution_are_listed_as_values(rules: Rules) -> None:
    rules.add("0.1")
    with rules.serving():
        handle = rules.client.start(bound, {"version": 1})
        handle.result(30)
    (found,) = rules.client.decisions(handle.id)
    assert (found.seq, found.rules, found.version, found.hash) == (1, RULES, 1, content_hash(model("0.1")))
    assert (found.decision, found.inputs) == ("rate", {"amount": 5000})
    assert found.outcome == {"rate": Decimal("0.1"), "since": date(2026, 11, 30)}
    assert (found.matched, found.problems, found.shadow) == ((("rate", (1,)),), (), None)
    with pytest.raises(ExecutionNotFound):
        rules.client.decisions(handle.id[:-1] + ("0" if handle.id[-1] != "0" else "1"))


def test_a_record_that_was_changed_is_found_out(rules: Rules) -> None:
    rules.add("0.1")
    with rules.serving():
        handle = rules.client.start(bound, {})
        handle.result(30)
    rules.store.execute("UPDATE milepost_steps SET output = REPLACE(output, '0.1', '0.7') WHERE seq = 1")
    assert not rules.client.explain_decision(handle.id, 1).agrees


def test_a_model_that_needs_others_is_refused(rules: Rules) -> None:
    from engine.rules.model import Import

    one = model("0.1")
    needy = Model(one.name, one.namespace, one.items, one.elements, (Import("other", "urn:other"),))
    with pytest.raises(RuleError, match="urn:other"):
        rules.client.import_rules(needy)
