"""What a client asks of rules before anything is written: whether an input is let in, and what an event does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from engine.codec import encode_payload
from engine.errors import UnknownDefinition
from engine.messaging.acting import Occasion, act
from engine.messaging.judge import Means, admitted
from engine.store.start import ids_by_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.client.access import Access
    from engine.definitions.flow import Flow
    from engine.definitions.registry import Registry
    from engine.definitions.ruled import Guard, Route
    from engine.messaging.judge import Judge
    from engine.model.edge import Actions, Verdict
    from engine.model.messages import Routed
    from engine.rulebook.rulebook import Rulebook
    from engine.store.start import NewExecution


class Bench:
    """The rules of a client, which are loaded when they are first asked, and read again when they have changed."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._rulebook: Rulebook | None = None

    def judge(self) -> Judge:
        """Return whom to ask about one start, or many that are made together."""
        return _LateJudge(self)

    def admit(self, flow: Flow[Any, Any] | None, new: Sequence[NewExecution]) -> Sequence[NewExecution]:
        """Return the same starts, with a note of which rules let them in; what was started before is not asked about.

        Raises StartRefused for the first that is refused, RuleError where rules cannot decide, and StoreUnavailable.
        """
        if flow is None or flow.guard is None:
            return new
        with self._access.read() as tx:
            there = ids_by_key(tx, [one.idempotency_key for one in new if one.idempotency_key is not None])
        judge = self.judge()
        found: list[NewExecution] = []
        for one in new:
            if one.idempotency_key in there:
                found.append(one)
                continue
            attributes = admitted(judge, flow, one.input, one.idempotency_key)
            found.append(msgspec.structs.replace(one, attributes={**one.attributes, **attributes}))
        return found

    def route(
        self, route: Route, event: object, key: str | None, registry: Registry | None, limit_bytes: int
    ) -> Routed:
        """Return what an event does. Raises Unusable if any of it cannot be done, RuleError, and StoreUnavailable."""
        if registry is None:
            raise UnknownDefinition(
                f"the rules {route.rule!r} name flows, and this client knows none: give it a registry, as load_modules "
                f"makes one"
            )
        occasion = Occasion(route.rule, key, encode_payload(event))
        means = Means(registry, self.judge(), limit_bytes)
        actions = means.judge.actions(route, event, {}, occasion.key_of(1))
        return act(actions, occasion, means)

    def made_judge(self) -> Judge:
        """Return whom to ask, with the rules at hand."""
        # Only here: clients without rules do without the time that FEEL takes to load.
        from engine.rulebook.judging import RulebookJudge
        from engine.rulebook.rulebook import Rulebook

        if self._rulebook is None:
            self._rulebook = Rulebook(self._access)
        return RulebookJudge(self._rulebook)


class _LateJudge:
    """Loads rules when it is first asked."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._judge: Judge | None = None

    def verdict(self, guard: Guard, subject: object, named: Mapping[str, object], key: str | None) -> Verdict:
        return self._made().verdict(guard, subject, named, key)

    def actions(self, route: Route, subject: object, named: Mapping[str, object], key: str | None) -> Actions:
        return self._made().actions(route, subject, named, key)

    def _made(self) -> Judge:
        if self._judge is None:
            self._judge = self._bench.made_judge()
        return self._judge
