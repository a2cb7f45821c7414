"""What a client does before a version decides: scenarios, requirements, and activation that depends on both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from engine import AsyncClient, Client
from engine.client.rules.trials import ScenariosRefused
from engine.errors import ArgumentsError, DefinitionError, RuleNotFound, StoreError
from engine.model.policy import EVERY, Guard, RulePolicy
from engine.rules.model import Decision, DecisionTable, InputClause, InputData, Model, OutputClause, Rule
from engine.rules.policy import RequirementsUnmet
from engine.rules.scenarios import Scenario

NAME = "credit"
FEW = Scenario("few", {"amount": 5}, 0)
MANY = Scenario("many", {"amount": 5000}, Decimal("0.1"))
WRONG = Scenario("wrong", {"amount": 7}, 9)
TESTED = RulePolicy(tested=True)


def model(*rules: tuple[str, str]) -> Model:
    table = DecisionTable(
        (InputClause("amount", type="number"),),
        (OutputClause("rate"),),
        tuple(Rule((condition,), (rate,)) for condition, rate in rules or ((">= 1000", "0.1"), ("< 1000", "0"))),
    )
    return Model(NAME, "urn:test", (), (InputData("i", "amount", "number"), Decision("d", "rate", None, table, ("i",))))


@pytest.fixture
def rules(client: Client) -> Client:
    client.import_rules(model())
    return client


def test_scenarios_are_stored_as_they_are_and_run_with_further_ones(rules: Client, tmp_path: Path) -> None:
    assert rules.add_scenarios(NAME, FEW, MANY, author="eva") == ("few", "many")
    found = rules.rule_scenario(NAME, "many")
    assert (found.scenario, found.author) == (replace(MANY, inputs={"amount": Decimal(5000)}), "eva")
    (tmp_path / "more.json").write_text('[{"name": "wrong", "inputs": {"amount": 7}, "expected": 9}]')
    trial = rules.test_rules(NAME, tmp_path / "more.json")
    assert [run.scenario.name for run in trial.runs] == ["few", "many", "wrong"]
    assert [run.scenario.name for run in trial.failed] == ["wrong"]
    assert rules.rule_version(NAME).state == "draft"
    assert rules.test_rules(NAME).passed
    assert rules.rule_version(NAME).state == "tested"
    rules.remove_scenarios(NAME, "few", "many")
    with pytest.raises(ArgumentsError, match="no scenarios"):
        rules.test_rules(NAME)
    with pytest.raises(RuleNotFound, match="'few'"):
        rules.rule_scenario(NAME, "few")


def test_nothing_is_stored_where_one_scenario_is_wrong(rules: Client, tmp_path: Path) -> None:
    rules.add_scenarios(NAME, FEW)
    (tmp_path / "new.json").write_text(
        '[{"name": "a", "inputs": {"amountt": 5}, "expected": 0},'
        ' {"name": "b", "inputs": {"amount": "x"}, "expected": 0}]'
    )
    with pytest.raises(ScenariosRefused) as caught:
        rules.add_scenarios(NAME, MANY, tmp_path / "new.json")
    assert caught.value.problems == (
        "new.json: scenario 'a': there is no input 'amountt'; the inputs of 'rate' are 'amount'",
        "new.json: scenario 'b': 'amount' is \"x\", which its type 'number' does not allow",
    )
    same = replace(FEW, name="same")
    for sources, said in (
        ([MANY, FEW], "scenario 'few': a scenario of this name is stored already"),
        ([MANY, MANY], "scenario 'many': a scenario of this name was given before"),
        ([MANY, same], "scenario 'same': it has the same inputs as scenario 'few'"),
        ([MANY, replace(MANY, name="x\n")], "the name of a scenario is 'x"),
        ([MANY, tmp_path / "none.json"], "it cannot be read"),
    ):
        with pytest.raises(ScenariosRefused, match=said):
            rules.add_scenarios(NAME, *sources)
    assert [*rules.rule_scenarios(NAME)] == ["few"]
    assert rules.add_scenarios(NAME, replace(FEW, expected=1), replace=True) == ("few",)
    assert rules.rule_scenario(NAME, "few").scenario.expected == 1
    with pytest.raises(RuleNotFound):
        rules.add_scenarios("other", FEW)


def test_a_version_is_activated_only_if_it_meets_what_is_required(rules: Client) -> None:
    rules.require_rules(NAME, RulePolicy(tested=True, row_coverage=1.0, no_gaps=True))
    rules.add_scenarios(NAME, FEW, WRONG)
    with pytest.raises(RequirementsUnmet) as caught:
        rules.activate_rules(NAME)
    assert [one.requirement for one in caught.value.unmet] == ["tested", "row_coverage"]
    assert caught.value.unmet == rules.unmet_requirements(NAME)
    assert rules.rules()[NAME].activations == []
    rules.remove_scenarios(NAME, "wrong")
    rules.add_scenarios(NAME, MANY)
    assert rules.unmet_requirements(NAME) == ()
    assert rules.activate_rules(NAME).state == "active"
    rules.import_rules(model((">= 1000", "0.1"), ("< 900", "0")))
    with pytest.raises(RequirementsUnmet, match=r"no gaps: .*such as amount = 900"):
        rules.activate_rules(NAME)
    assert rules.rule_version(NAME).number == 1


def test_a_share_of_executions_is_guarded_as_all_are(rules: Client) -> None:
    rules.activate_rules(NAME)
    rules.import_rules(model((">= 1000", "0.2"), ("< 1000", "0")))
    rules.require_rules(EVERY, TESTED)
    with pytest.raises(RequirementsUnmet):
        rules.activate_rules(NAME, share="10%")


def test_a_rollback_needs_nothing(rules: Client) -> None:
    rules.import_rules(model((">= 1000", "0.2"), ("< 1000", "0")))
    rules.activate_rules(NAME, 1)
    rules.activate_rules(NAME, 2)
    rules.require_rules(NAME, RulePolicy(tested=True))
    assert rules.rollback_rules(NAME) == 1
    with pytest.raises(RequirementsUnmet):
        rules.activate_rules(NAME, 2)


def test_what_is_required_of_every_name_is_so_until_a_name_has_its_own(rules: Client) -> None:
    rules.require_rules(EVERY, TESTED, author="eva")
    assert (rules.rule_policy(NAME).policy, rules.rule_policy(NAME).author) == (TESTED, "eva")
    rules.require_rules(NAME, RulePolicy())
    assert rules.activate_rules(NAME).state == "active"
    rules.require_rules(NAME, None)
    assert rules.rule_policy(NAME).name == EVERY
    with pytest.raises(RuleNotFound):
        rules.require_rules("other", TESTED)
    with pytest.raises(ArgumentsError, match="from 0 to 1"):
        rules.require_rules(NAME, RulePolicy(row_coverage=80))
    with pytest.raises(ArgumentsError, match="every name"):
        rules.import_rules(model(), EVERY)
    with pytest.raises(DefinitionError):
        rules.require_rules(NAME, TESTED, author="")


class Meddled(Client):
    """A client that is slow between looking at what an activation depends on and its turn."""

    meddle: Callable[[], object]
    looked = 0

    def _guard(self, name: str) -> Guard:
        found = super()._guard(name)
        self.looked += 1
        self.meddle()
        return found


def test_a_change_between_the_look_and_the_turn_is_looked_at(rules: Client, store_url: str) -> None:
    rules.require_rules(NAME, TESTED)
    rules.add_scenarios(NAME, FEW)
    slow = Meddled(store_url)
    with slow:
        slow.meddle = lambda: WRONG.name in rules.rule_scenarios(NAME) or rules.add_scenarios(NAME, WRONG)
        with pytest.raises(RequirementsUnmet, match="'wrong' fails"):
            slow.activate_rules(NAME)
        assert (slow.looked, rules.rules()[NAME].activations) == (2, [])
        slow.meddle = lambda: rules.remove_scenarios(NAME, "wrong") if "wrong" in rules.rule_scenarios(NAME) else None
        with pytest.raises(RequirementsUnmet):
            slow.activate_rules(NAME)
        assert slow.activate_rules(NAME).number == 1
        slow.meddle = lambda: rules.add_scenarios(NAME, FEW, replace=True)
        with pytest.raises(StoreError, match="changed 10 times"):
            slow.activate_rules(NAME)
    assert len(rules.rules()[NAME].activations) == 1


def test_a_client_for_event_loops_can_do_all_of_it(rules: Client, store_url: str) -> None:
    async def program() -> None:
        async with AsyncClient(store_url) as client:
            await client.require_rules(NAME, TESTED)
            assert (await client.rule_policy(NAME)).policy == TESTED
            assert await client.add_scenarios(NAME, FEW, WRONG) == ("few", "wrong")
            assert len(await client.unmet_requirements(NAME)) == 1
            assert not (await client.test_rules(NAME)).passed
            await client.remove_scenarios(NAME, "wrong")
            assert [*await client.rule_scenarios(NAME)] == ["few"]
            assert (await client.rule_scenario(NAME, "few")).scenario.expected == 0
            assert (await client.activate_rules(NAME)).state == "active"

    asyncio.run(program())
    assert rules.rule_version(NAME).state == "active"
