"""Trying versions of rules out, and activating them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.client.rulebook import Rulebook, author_text, comment_text
from engine.model.rulebook import LATEST
from engine.model.topics import RULES
from engine.store import rules as store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.model.rulebook import RuleVersion
    from engine.rules.scenarios import Run, Scenario


class GuardedRulebook(Rulebook):
    """What a client does before a version decides."""

    def test_rules(
        self, name: str, scenarios: Iterable[Scenario], version: int | str = LATEST, *, decision: str | None = None
    ) -> tuple[Run, ...]:
        """Run scenarios through a version; a draft that passes all of them is tested. ``now()`` is 1970 to the rules.

        Raises RuleNotFound, and RuleError for a decision that it does not have.
        """
        from engine.client.decisions import try_out

        found = self.rule_version(name, version)
        runs = try_out(found.content or "", decision, scenarios)
        if runs and all(run.passed for run in runs):
            with self._write() as tx:
                store.mark_tested(tx, name, found.number)
            self._announcer.tell(RULES)
        return runs

    def activate_rules(
        self, name: str, version: int | str = LATEST, *, author: str | None = None, comment: str | None = None
    ) -> RuleVersion:
        """Have executions that begin from now on decide by a version: a number, a tag, or the latest.

        Executions that have begun go on with what was active then. Raises RuleNotFound, and ModelError for a version
        that this release cannot compile; then what is active stays so.
        """
        from engine.client.decisions import require_usable

        found = self.rule_version(name, version)
        require_usable(found.content or "")
        with self._write() as tx:
            store.activate(tx, name, found.number, author=author_text(author), comment=comment_text(comment))
            found = store.read_shelf(tx, name).versions[found.number]
        self._announcer.tell(RULES)
        return found
