"""What is left to rules of the store at the edge of the engine: whether something is let in, and what it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.definitions.options import check_name
from engine.errors import DefinitionError
from engine.model.rulebook import LATEST, Binding


@dataclass(frozen=True, slots=True)
class _ByRules:
    rule: str
    """The name of the rules."""
    decision: str | None
    """The name of a decision, or of a decision service; None: the one that no other requires."""
    binding: Binding
    """Which version; without anything: the one that is active when they are asked."""


class Guard(_ByRules):
    """Rules that take or refuse a message, or the input of a flow; made by :func:`guard`."""


class Route(_ByRules):
    """Rules that say what an event does; made by :func:`route`."""


def guard(
    name: str,
    *,
    decision: str | None = None,
    version: int | Literal["latest"] | None = None,
    tag: str | None = None,
) -> Guard:
    """Leave it to rules in the store whether something is let in: ``@flow(guard=rules.guard("order-intake"))``.

    Their table has an output ``accept``, which is true or false, and perhaps an output ``reason``. What is not accepted
    in so many words is refused. The version that is active at that time decides, unless ``version`` (a number or
    ``"latest"``) or ``tag`` says otherwise; ``decision`` names a decision, where not the one that no other requires is
    meant. Raises ``DefinitionError``.
    """
    return Guard(*_checked("rules.guard", name, decision, version, tag))


def route(
    name: str,
    *,
    decision: str | None = None,
    version: int | Literal["latest"] | None = None,
    tag: str | None = None,
) -> Route:
    """Leave it to rules in the store what an event does: ``@on_message(url, route=rules.route("event-routing"))``.

    Their table has an output ``flow`` or ``signal``, and perhaps ``input``, ``key``, ``queue``, ``priority`` and
    ``delay``. Null does nothing, a list does each of its entries. Which version decides is said as in :func:`guard`.
    Raises ``DefinitionError``.
    """
    return Route(*_checked("rules.route", name, decision, version, tag))


def check_guard(what: str, given: object) -> Guard | None:
    """Accept a guard, or None."""
    if given is None or isinstance(given, Guard):
        return given
    raise DefinitionError(f"{what}: guard={given!r} is none; write guard=rules.guard('NAME')")


def _checked(
    what: str, name: str, decision: str | None, version: int | str | None, tag: str | None
) -> tuple[str, str | None, Binding]:
    check_name(what, name)
    what = f"{what}({name!r})"
    if decision is not None:
        check_name(f"{what}: decision", decision)
    if version is not None and tag is not None:
        raise DefinitionError(f"{what}: version= and tag= each name a version; give one of them")
    if tag is not None:
        check_name(f"{what}: tag", tag)
    if version == LATEST or version is None:
        return name, decision, Binding(version, tag)
    if not isinstance(version, int) or isinstance(version, bool):
        raise DefinitionError(f"{what}: version={version!r} is neither a number nor {LATEST!r}")
    return name, decision, Binding(version)
