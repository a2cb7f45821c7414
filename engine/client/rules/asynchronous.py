"""What a client on an event loop can do with rules: the same methods as coroutines, with threads underneath."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.client.rules.amounts import KEPT, MOST_DECISIONS
from engine.model.rulebook import LATEST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from os import PathLike

    from engine.client.rules.backtests import Looked, Tried
    from engine.client.rules.decisions import DecisionTaken, Explained
    from engine.client.rules.guarding import GuardedRulebook
    from engine.client.rules.trials import StoredScenario
    from engine.model.policy import Required, RulePolicy
    from engine.model.rulebook import RuleVersion, Shelf
    from engine.rules.model import Model
    from engine.rules.policy import Unmet
    from engine.rules.scenarios import Scenario
    from engine.rules.trial import Trial


class AsyncRulebook:
    """Rules in the store; see :class:`Client` for every method."""

    def __init__(self, client: GuardedRulebook) -> None:
        self._rulebook = client

    async def rules(self) -> dict[str, Shelf]:
        """Return all rules by name."""
        return await asyncio.to_thread(self._rulebook.rules)

    async def rule_version(self, name: str, version: int | str | None = None) -> RuleVersion:
        """Return a version with its content; see :meth:`Client.rule_version`."""
        return await asyncio.to_thread(self._rulebook.rule_version, name, version)

    async def rule_model(self, name: str, version: int | str | None = None) -> Model:
        """Return the model of a version; see :meth:`Client.rule_version`."""
        return await asyncio.to_thread(self._rulebook.rule_model, name, version)

    async def import_rules(
        self, source: Model | str | PathLike[str], name: str | None = None, *, author: str | None = None,
        comment: str | None = None, effective_from: date | None = None, effective_until: date | None = None,
    ) -> tuple[RuleVersion, bool]:  # fmt: skip
        """Add a version from a model or a file; see :meth:`Client.import_rules`."""
        return await asyncio.to_thread(
            self._rulebook.import_rules, source, name, author=author, comment=comment, effective_from=effective_from,
            effective_until=effective_until,
        )  # fmt: skip

    async def import_all_rules(
        self, sources: Sequence[Model | str | PathLike[str]], name: str | None = None, *, author: str | None = None,
        comment: str | None = None, effective_from: date | None = None, effective_until: date | None = None,
    ) -> tuple[tuple[RuleVersion, bool], ...]:  # fmt: skip
        """Add a version from each of several models or files, or none; see :meth:`Client.import_all_rules`."""
        return await asyncio.to_thread(
            self._rulebook.import_all_rules, sources, name, author=author, comment=comment,
            effective_from=effective_from, effective_until=effective_until,
        )  # fmt: skip

    async def rule_scenarios(self, name: str) -> dict[str, StoredScenario]:
        """Return the stored scenarios of rules by their names."""
        return await asyncio.to_thread(self._rulebook.rule_scenarios, name)

    async def rule_scenario(self, name: str, scenario: str) -> StoredScenario:
        """Return one stored scenario of rules."""
        return await asyncio.to_thread(self._rulebook.rule_scenario, name, scenario)

    async def add_scenarios(
        self,
        name: str,
        *sources: Scenario | str | PathLike[str],
        version: int | str = LATEST,
        replace: bool = False,
        author: str | None = None,
    ) -> tuple[str, ...]:
        """Store scenarios, or those of files, for all versions of rules; see :meth:`Client.add_scenarios`."""
        return await asyncio.to_thread(
            self._rulebook.add_scenarios, name, *sources, version=version, replace=replace, author=author
        )

    async def record_scenario(
        self, execution_id: str, seq: int, name: str, *, replace: bool = False, author: str | None = None
    ) -> tuple[str, StoredScenario]:
        """Store what rules decided in a step as a scenario; see :meth:`Client.record_scenario`."""
        return await asyncio.to_thread(
            self._rulebook.record_scenario, execution_id, seq, name, replace=replace, author=author
        )

    async def remove_scenarios(self, name: str, *names: str) -> None:
        """Delete stored scenarios: all of these or none."""
        await asyncio.to_thread(self._rulebook.remove_scenarios, name, *names)

    async def test_rules(
        self, name: str, *sources: Scenario | str | PathLike[str], version: int | str = LATEST
    ) -> Trial:
        """Run the stored scenarios through a version, and these; see :meth:`Client.test_rules`."""
        return await asyncio.to_thread(self._rulebook.test_rules, name, *sources, version=version)

    async def rule_policy(self, name: str) -> Required:
        """Return what is required of rules before a version is activated; see :meth:`Client.rule_policy`."""
        return await asyncio.to_thread(self._rulebook.rule_policy, name)

    async def require_rules(self, name: str, policy: RulePolicy | None, *, author: str | None = None) -> None:
        """Say what is required of rules before a version is activated; see :meth:`Client.require_rules`."""
        await asyncio.to_thread(self._rulebook.require_rules, name, policy, author=author)

    async def unmet_requirements(self, name: str, version: int | str = LATEST) -> tuple[Unmet, ...]:
        """Return what keeps a version from being activated; see :meth:`Client.unmet_requirements`."""
        return await asyncio.to_thread(self._rulebook.unmet_requirements, name, version)

    async def back_test_rules(
        self, name: str, version: int | str | None = None, *, draft: Model | str | PathLike[str] | None = None,
        since: datetime | None = None, flow: str | None = None, limit: int = MOST_DECISIONS, keep: int = KEPT,
        looked: Looked | None = None,
    ) -> Tried:  # fmt: skip
        """Say what a version would change of what was decided; ``looked`` is called on another thread.

        See :meth:`Client.back_test_rules`.
        """
        return await asyncio.to_thread(
            self._rulebook.back_test_rules, name, version, draft=draft, since=since, flow=flow, limit=limit, keep=keep,
            looked=looked,
        )  # fmt: skip

    async def shadow_rules(
        self, name: str, version: int | str = LATEST, *, share: str = "100%", author: str | None = None,
        comment: str | None = None,
    ) -> RuleVersion:  # fmt: skip
        """Have a version decide as well, without its outcome counting; see :meth:`Client.shadow_rules`."""
        return await asyncio.to_thread(
            self._rulebook.shadow_rules, name, version, share=share, author=author, comment=comment
        )

    async def unshadow_rules(self, name: str, *, author: str | None = None, comment: str | None = None) -> None:
        """Have no version decide as well; see :meth:`Client.unshadow_rules`."""
        await asyncio.to_thread(self._rulebook.unshadow_rules, name, author=author, comment=comment)

    async def shadowed_rules(
        self, name: str, version: int | str | None = None, *, since: datetime | None = None, flow: str | None = None,
        limit: int = MOST_DECISIONS, keep: int = KEPT, looked: Looked | None = None,
    ) -> Tried:  # fmt: skip
        """Say how a shadow decided beside what counted; see :meth:`Client.shadowed_rules`."""
        return await asyncio.to_thread(
            self._rulebook.shadowed_rules, name, version, since=since, flow=flow, limit=limit, keep=keep, looked=looked
        )

    async def activate_rules(
        self, name: str, version: int | str = LATEST, *, share: str = "100%", author: str | None = None,
        comment: str | None = None,
    ) -> RuleVersion:  # fmt: skip
        """Have executions that begin from now on decide by a version; see :meth:`Client.activate_rules`."""
        return await asyncio.to_thread(
            self._rulebook.activate_rules, name, version, share=share, author=author, comment=comment
        )

    async def rollback_rules(self, name: str, *, author: str | None = None, comment: str | None = None) -> int:
        """Take back the latest activation; see :meth:`Client.rollback_rules`."""
        return await asyncio.to_thread(self._rulebook.rollback_rules, name, author=author, comment=comment)

    async def tag_rules(self, name: str, tag: str, version: int | str = LATEST) -> RuleVersion:
        """Give a version a tag; see :meth:`Client.tag_rules`."""
        return await asyncio.to_thread(self._rulebook.tag_rules, name, tag, version)

    async def decisions(self, execution_id: str) -> tuple[DecisionTaken, ...]:
        """Return what rules decided in an execution; see :meth:`Client.decisions`."""
        return await asyncio.to_thread(self._rulebook.decisions, execution_id)

    async def explain_decision(self, execution_id: str, seq: int) -> Explained:
        """Return why rules decided as they did in a step; see :meth:`Client.explain_decision`."""
        return await asyncio.to_thread(self._rulebook.explain_decision, execution_id, seq)
