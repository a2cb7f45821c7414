"""What a client on an event loop can do with rules: the same methods as coroutines, with threads underneath."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.model.rulebook import LATEST

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from os import PathLike

    from engine.client.decisions import Explained
    from engine.client.guarding import GuardedRulebook
    from engine.model.rulebook import RuleVersion, Shelf
    from engine.rules.model import Model
    from engine.rules.scenarios import Run, Scenario


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

    async def test_rules(
        self, name: str, scenarios: Iterable[Scenario], version: int | str = LATEST, *, decision: str | None = None
    ) -> tuple[Run, ...]:
        """Run scenarios through a version; see :meth:`Client.test_rules`."""
        return await asyncio.to_thread(self._rulebook.test_rules, name, scenarios, version, decision=decision)

    async def activate_rules(
        self, name: str, version: int | str = LATEST, *, author: str | None = None, comment: str | None = None
    ) -> RuleVersion:
        """Have executions that begin from now on decide by a version; see :meth:`Client.activate_rules`."""
        return await asyncio.to_thread(self._rulebook.activate_rules, name, version, author=author, comment=comment)

    async def rollback_rules(self, name: str, *, author: str | None = None, comment: str | None = None) -> int:
        """Take back the latest activation; see :meth:`Client.rollback_rules`."""
        return await asyncio.to_thread(self._rulebook.rollback_rules, name, author=author, comment=comment)

    async def tag_rules(self, name: str, tag: str, version: int | str = LATEST) -> RuleVersion:
        """Give a version a tag; see :meth:`Client.tag_rules`."""
        return await asyncio.to_thread(self._rulebook.tag_rules, name, tag, version)

    async def explain_decision(self, execution_id: str, seq: int) -> Explained:
        """Return why rules decided as they did in a step; see :meth:`Client.explain_decision`."""
        return await asyncio.to_thread(self._rulebook.explain_decision, execution_id, seq)
