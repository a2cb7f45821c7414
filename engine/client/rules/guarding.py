"""Trying versions of rules out, what is required of them, and activating them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.client.checks import step_number, whole_id, word
from engine.client.rules.backtests import TriedRulebook
from engine.client.rules.rulebook import author_text, comment_text
from engine.errors import ArgumentsError, StoreError
from engine.model.rulebook import LATEST
from engine.model.shares import parse_share
from engine.model.topics import RULES
from engine.store.rules import policies, scenarios
from engine.store.rules import versions as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from engine.client.rules.trials import Given, StoredScenario
    from engine.model.policy import Guard, Required, RulePolicy, RuleScenario
    from engine.model.rulebook import RuleVersion
    from engine.rules.policy import Unmet
    from engine.rules.prepared import Prepared
    from engine.rules.scenarios import Scenario
    from engine.rules.trial import Trial

_TRIES: Final = 10


class _GuardMoved(Exception):
    """What an activation depends on was changed since it was looked at."""


class GuardedRulebook(TriedRulebook):
    """What a client does before a version decides."""

    # -- scenarios ----------------------------------------------------------------------------------------------------

    def rule_scenarios(self, name: str) -> dict[str, StoredScenario]:
        """Return the stored scenarios of rules by their names. Raises RuleNotFound."""
        from engine.client.rules.trials import from_record

        with self._access.read() as tx:
            store.read_shelf(tx, name)
            return {one.name: from_record(one) for one in scenarios.find_scenarios(tx, name)}

    def rule_scenario(self, name: str, scenario: str) -> StoredScenario:
        """Return one stored scenario of rules. Raises RuleNotFound."""
        found = self.rule_scenarios(name).get(scenario)
        if found is None:
            raise scenarios.no_scenario(name, scenario)
        return found

    def add_scenarios(
        self,
        name: str,
        *sources: Scenario | str | PathLike[str],
        version: int | str = LATEST,
        replace: bool = False,
        author: str | None = None,
    ) -> tuple[str, ...]:
        """Store scenarios, or those of files, for all versions of rules; return their names.

        They have to fit one version: its inputs, and the values that it allows. ``replace``: those of the same names.
        Raises ScenariosRefused, which says all that is wrong and where; then nothing is stored. Raises RuleNotFound.
        """
        from engine.client.rules.trials import ScenariosRefused, misfits, read_sources
        from engine.rules.prepared import Prepared

        prepared = Prepared.from_text(self.rule_version(name, version).content or "")
        given = read_sources(sources)
        problems = misfits(prepared, given)
        if problems:
            raise ScenariosRefused(problems)
        self._add(name, prepared, given, replace=replace, author=author)
        return tuple(one.scenario.name for one in given)

    def record_scenario(
        self, execution_id: str, seq: int, name: str, *, replace: bool = False, author: str | None = None
    ) -> tuple[str, StoredScenario]:
        """Store what rules decided in a step of an execution as a scenario; return the name of the rules, and it.

        Raises ExecutionNotFound, ArgumentsError if the step is no decision that was taken, and ScenariosRefused.
        """
        from engine.client.rules.decisions import asked_in
        from engine.client.rules.trials import Given, scenario_of
        from engine.rules.prepared import Prepared

        step_number("seq", seq)
        word("the name of a scenario", name)
        found = [one for one in self.history(whole_id(execution_id), after=seq - 1, limit=1) if one.seq == seq]
        asked = asked_in(found[0] if found else None, seq)
        rule = asked.answer.rule
        prepared = Prepared.from_text(self.rule_version(rule, asked.answer.version).content or "")
        # Values are not looked at: what was asked once can be asked again.
        given = Given(scenario_of(asked, prepared, name), f"scenario {name!r}")
        self._add(rule, prepared, [given], replace=replace, author=author)
        return rule, self.rule_scenario(rule, name)

    def remove_scenarios(self, name: str, *names: str) -> None:
        """Delete stored scenarios: all of these or none. Raises RuleNotFound."""
        with self._write() as tx:
            scenarios.remove_scenarios(tx, name, names)

    def _add(self, name: str, prepared: Prepared, given: Sequence[Given], *, replace: bool, author: str | None) -> None:
        from engine.client.rules.trials import ScenariosRefused, clashes, to_record

        def admit(there: Sequence[RuleScenario]) -> None:
            found = clashes(prepared, given, there)
            if found:
                raise ScenariosRefused(found)

        records = [to_record(name, one.scenario, author_text(author)) for one in given]
        with self._write() as tx:
            scenarios.add_scenarios(tx, name, records, replace=replace, admit=admit)

    def test_rules(self, name: str, *sources: Scenario | str | PathLike[str], version: int | str = LATEST) -> Trial:
        """Run the stored scenarios through a version, and these; a draft that passes all of them is tested.

        Raises RuleNotFound, ScenariosRefused for a file that cannot be read, ArgumentsError if there is no scenario.
        """
        from engine.client.rules.trials import read_sources, try_out

        found = self.rule_version(name, version)
        given = [one.scenario for one in read_sources(sources)]
        stored = [one.scenario for one in self.rule_scenarios(name).values()]
        if not given and not stored:
            raise ArgumentsError(
                f"the rules {name!r} have no scenarios: name a file of some, or store them by `engine rules scenarios "
                f"add {name} FILE`"
            )
        trial = try_out(found.content or "", [*stored, *given])
        if trial.passed:
            with self._write() as tx:
                store.mark_tested(tx, name, found.number)
            self._announcer.tell(RULES)
        return trial

    # -- requirements -------------------------------------------------------------------------------------------------

    def rule_policy(self, name: str) -> Required:
        """Return what is required of rules before a version is activated; ``"*"``: of all without their own."""
        with self._access.read() as tx:
            return policies.read_required(tx, name)

    def require_rules(self, name: str, policy: RulePolicy | None, *, author: str | None = None) -> None:
        """Say what is required of rules before a version is activated, instead of what was.

        ``"*"`` is for all without a policy of their own. None takes a policy away. What is active stays so.
        Raises RuleNotFound.
        """
        from engine.client.rules.trials import checked

        with self._write() as tx:
            policies.require(tx, name, None if policy is None else checked(policy), author=author_text(author))

    def unmet_requirements(self, name: str, version: int | str = LATEST) -> tuple[Unmet, ...]:
        """Return what keeps a version from being activated. Raises RuleNotFound."""
        from engine.client.rules.trials import unmet_by

        found = self.rule_version(name, version)
        return unmet_by(found, self._guard(name), lambda: self._newest_again(found))

    def _guard(self, name: str) -> Guard:
        with self._access.read() as tx:
            return policies.read_guard(tx, name)

    # -- activation ---------------------------------------------------------------------------------------------------

    def activate_rules(
        self,
        name: str,
        version: int | str = LATEST,
        *,
        share: str = "100%",
        author: str | None = None,
        comment: str | None = None,
    ) -> RuleVersion:
        """Have executions that begin from now on decide by a version: a number, a tag, or the latest.

        With a ``share``, as ``"10%"``, some of them do, by the key that rules are asked with, and the others decide
        by what is active already. Executions that have begun go on with what was active then. Raises RuleNotFound,
        RequirementsUnmet, and ModelError for a version that this release cannot compile; then what is active stays so.
        """
        from engine.client.rules.trials import require_met

        found = self.rule_version(name, version)
        author, comment, buckets = author_text(author), comment_text(comment), parse_share(share)
        for _ in range(_TRIES):
            # A version never changes, so it is looked at before the turn of the activation, which others wait for. What
            # can change meanwhile is compared within that turn, and then it is looked at again.
            guard = self._guard(name)
            require_met(found, guard, lambda: self._newest_again(found))
            try:
                with self._write() as tx:
                    store.activate(tx, name, found.number, share=buckets, author=author, comment=comment)
                    if policies.read_guard(tx, name) != guard:
                        raise _GuardMoved
                    activated = store.read_shelf(tx, name).versions[found.number]
            except _GuardMoved:
                continue
            self._announcer.tell(RULES)
            return activated
        raise StoreError(
            f"version {found.number} of the rules {name!r} was not activated: its scenarios, or what is required of "
            f"it, were changed {_TRIES} times while it was looked at; try again"
        )
