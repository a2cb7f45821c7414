"""What messages and starts ask of rules, and whom they ask: the port to rules of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from engine.errors import StartRefused
from engine.model.edge import GUARD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.definitions.flow import Flow
    from engine.definitions.registry import Registry
    from engine.definitions.ruled import Guard, Route
    from engine.model.edge import Actions, Verdict


class Judge(Protocol):
    """Asks rules of the store, all at one time, for whoever has a batch in hand.

    ``subject`` is what they are asked about: its entries are their inputs, beside the values in ``named``. ``key`` is
    what the share of a rollout goes by. Raises StoreUnavailable, and RuleError where nothing can be decided.
    """

    def verdict(self, guard: Guard, subject: object, named: Mapping[str, object], key: str | None) -> Verdict:
        """Return whether something is let in."""
        ...

    def actions(self, route: Route, subject: object, named: Mapping[str, object], key: str | None) -> Actions:
        """Return what an event does."""
        ...


class Means(NamedTuple):
    """What it takes to decide about messages and events, beside themselves."""

    registry: Registry
    """The flows that rules may name."""
    judge: Judge
    limit_bytes: int
    """How large a stored value may be."""


def admitted(judge: Judge, flow: Flow[..., Any], text: str, key: str | None) -> dict[str, str]:
    """Return by which attribute it is told that the guard of a flow has let an input in, which is JSON text.

    Raises StartRefused if it has not, and CodecError for an input that does not fit the flow.
    """
    if flow.guard is None:
        return {}
    values = flow.arguments.values(text)
    verdict = judge.verdict(flow.guard, next(iter(values.values()), None), values, key)
    basis = verdict.basis
    if not verdict.accepted:
        raise StartRefused(
            flow.name, verdict.refusal, rule=basis.rule, version=basis.version, reason=verdict.reason,
            matched=basis.matched,
        )  # fmt: skip
    return {GUARD: basis.word}
