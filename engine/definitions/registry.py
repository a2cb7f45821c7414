"""Which flows, steps and triggers a process knows, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from engine.definitions.deciding import decide_by_rules
from engine.definitions.flow import Flow
from engine.definitions.options import place
from engine.definitions.publishing import outbox_entry, publish_message
from engine.definitions.step import Step
from engine.definitions.trigger import Trigger
from engine.errors import DefinitionError, UnknownDefinition

AnyFlow = Flow[..., Any]
AnyStep = Step[..., Any]

RESERVED: Final = "milepost."
"""How the names of the engine's own flows and steps begin, which every registry knows without being told."""
_OWN_FLOWS: Final[dict[str, AnyFlow]] = {outbox_entry.name: outbox_entry}
_OWN_STEPS: Final[dict[str, AnyStep]] = {one.name: one for one in (publish_message, decide_by_rules)}


class Registry:
    """The flows, steps and triggers that a worker serves, or a client knows. Not safe to fill from several threads."""

    def __init__(self, definitions: Iterable[AnyFlow | AnyStep | Trigger] = ()) -> None:
        """Start with ``definitions``."""
        self._flows: dict[tuple[str, int], AnyFlow] = {}
        self._latest: dict[str, AnyFlow] = {}
        self._steps: dict[str, AnyStep] = {}
        self._triggers: dict[str, Trigger] = {}
        for definition in definitions:
            self.add(definition)

    def add(self, definition: AnyFlow | AnyStep | Trigger) -> None:
        """Add a flow with its triggers, a step or a trigger; adding the same one again changes nothing.

        A copy made by ``Step.options`` stands for the step it was made from. Raises ``DefinitionError`` when another
        function already has that name (and, for a flow, that version), and for a flow or step whose name begins as the
        engine's own do.
        """
        if isinstance(definition, Flow):
            self._add_flow(definition)
            for trigger in definition.triggers:
                self._add_trigger(trigger)
        elif isinstance(definition, Trigger):
            self._add_trigger(definition)
        elif isinstance(definition, Step):  # pyright: ignore[reportUnnecessaryIsInstance]
            self._add_step(definition.origin)
        else:
            raise DefinitionError(
                f"{definition!r} is neither a flow nor a step; decorate the function with @flow or @step"
            )

    def _add_flow(self, added: AnyFlow) -> None:
        _check_not_reserved("flow", added)
        known = self._flows.setdefault((added.name, added.version), added)
        if known is not added:
            raise _conflict(f"flow {added.name!r} version {added.version}", known, added)
        latest = self._latest.setdefault(added.name, added)
        if latest.version < added.version:
            self._latest[added.name] = added

    def _add_step(self, added: AnyStep) -> None:
        _check_not_reserved("step", added)
        known = self._steps.setdefault(added.name, added)
        if known is not added:
            raise _conflict(f"step {added.name!r}", known, added)

    def _add_trigger(self, added: Trigger) -> None:
        known = self._triggers.setdefault(added.name, added)
        if known is not added:
            raise _conflict(f"trigger {added.name!r}", known, added)
        # What it takes can be looked at now that its module is loaded, and not only when a message has come.
        _ = added.parameters

    def flow(self, name: str, version: int | None = None) -> AnyFlow:
        """Return the flow of that name, of the highest version if none is given. Raises ``UnknownDefinition``."""
        found = self._latest.get(name) if version is None else self._flows.get((name, version))
        if found is None:
            found = _OWN_FLOWS.get(name)
        if found is not None:
            return found
        versions = sorted(version for known, version in self._flows if known == name)
        if versions:
            have = ", ".join(map(str, versions))
            raise UnknownDefinition(
                f"flow {name!r} is known here in version {have}, not in version {version}; load the module "
                f"that still has it"
            )
        raise UnknownDefinition(f"there is no flow {name!r} here; load its module (known: {_list(self._latest)})")

    def step(self, name: str) -> AnyStep:
        """Return the step of that name. Raises ``UnknownDefinition``."""
        found = self._steps.get(name) or _OWN_STEPS.get(name)
        if found is None:
            raise UnknownDefinition(f"there is no step {name!r} here; load its module (known: {_list(self._steps)})")
        return found

    def trigger(self, name: str) -> Trigger:
        """Return the trigger of that name. Raises ``UnknownDefinition``."""
        found = self._triggers.get(name)
        if found is None:
            known = _list(self._triggers)
            raise UnknownDefinition(f"there is no trigger {name!r} here; load its module (known: {known})")
        return found

    @property
    def flows(self) -> tuple[AnyFlow, ...]:
        """Every flow, in the order of name and version."""
        return tuple(flow for _, flow in sorted(self._flows.items(), key=lambda item: item[0]))

    @property
    def steps(self) -> tuple[AnyStep, ...]:
        """Every step, in the order of their names."""
        return tuple(step for _, step in sorted(self._steps.items(), key=lambda item: item[0]))

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """Every trigger, in the order of their names."""
        return tuple(trigger for _, trigger in sorted(self._triggers.items(), key=lambda item: item[0]))


_LISTED = 10


def _list(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _LISTED} more" if len(ordered) > _LISTED else ""
    return (", ".join(ordered[:_LISTED]) or "none") + more


def _check_not_reserved(kind: str, added: AnyFlow | AnyStep) -> None:
    if added.name.startswith(RESERVED):
        raise DefinitionError(
            f"{kind} {added.name!r} ({place(added.fn)}): names that begin with {RESERVED!r} are for the engine's own; "
            f"choose another name="
        )


def _conflict(what: str, known: AnyFlow | AnyStep | Trigger, added: AnyFlow | AnyStep | Trigger) -> DefinitionError:
    if place(known.fn) == place(added.fn):
        return DefinitionError(
            f"{what} at {place(known.fn)} was loaded twice, as {known.fn.__module__} and as {added.fn.__module__}; "
            f"import its module under one name only"
        )
    return DefinitionError(
        f"{what} is defined twice, at {place(known.fn)} and at {place(added.fn)}; rename one with name=, or for a flow "
        f"give it another version="
    )
