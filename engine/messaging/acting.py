"""What an event does, as rules said: the starts and signals that it comes to (pure)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from engine.codec import check_size
from engine.codec.reasons import explain
from engine.definitions.options import DEFAULT_PRIORITY, DEFAULT_QUEUE
from engine.definitions.registry import RESERVED
from engine.errors import (
    ArgumentsError,
    CodecError,
    MilepostError,
    StartRefused,
    StoreUnavailable,
    UnknownDefinition,
    Unusable,
)
from engine.messaging.judge import admitted
from engine.model.edge import MATCHED, ROUTE
from engine.model.messages import KEY_LENGTH, ByKey, MessageInfo, Routed, Signal, Start, fitted

if TYPE_CHECKING:
    from engine.definitions.flow import Flow
    from engine.definitions.registry import Registry
    from engine.messaging.judge import Means
    from engine.model.edge import Action, Actions

MOST_VALUES: Final = 16
"""How many values of the largest size all that one event does may hold together: it is one transaction."""


_PLACE: Final = re.compile(r"#[0-9]+\Z")
"""How the keys end that actions without one have: no other may, or one message would be taken for another."""


class Occasion(NamedTuple):
    """An event, and what is known of it."""

    name: str
    """What the keys of its starts begin with: the name of the trigger, or of the rules."""
    key: str | None
    """What tells it from others of that name; None: nothing does."""
    text: str
    """The event as JSON, for a flow that is given nothing else."""
    info: MessageInfo | None = None

    def key_of(self, place: int) -> str | None:
        """Return the idempotency key of what it does in this place, counted from 1."""
        return None if self.key is None else fitted(f"{self.name}:{self.key}#{place}")


def act(actions: Actions, occasion: Occasion, means: Means) -> Routed:
    """Return what an event does. Raises Unusable if any of it cannot be done, and StoreUnavailable."""
    basis = actions.basis
    attributes = {ROUTE: basis.word, MATCHED: basis.matched_text[:KEY_LENGTH] or "no rule"}
    starts: list[Start] = []
    signals: list[Signal] = []
    left = MOST_VALUES * means.limit_bytes
    for place, action in enumerate(actions.actions, 1):
        try:
            if action.signal is not None:
                signals.append(_signal(action, action.signal, occasion, place, means.limit_bytes))
                left = _less(left, signals[-1].payload, means.limit_bytes)
                continue
            start = _start(action, occasion, place, means)
            left = _less(left, start.input, means.limit_bytes)
            admission = admitted(means.judge, means.registry.flow(start.flow), start.input, start.key)
            starts.append(msgspec.structs.replace(start, attributes=attributes | admission))
        except StoreUnavailable:
            raise
        except StartRefused as error:
            raise Unusable(f"{basis.text} came to the flow {error.flow!r}, {error.refusal}") from error
        except MilepostError as error:
            raise Unusable(f"{basis.text} came to what cannot be done: {error}") from error
    return Routed(tuple(starts), tuple(signals), occasion.key_of(1))


def start_of(flow: Flow[..., Any], text: str, key: str | None) -> Start:
    """Return the start of a flow with this input, on its own queue."""
    priority = DEFAULT_PRIORITY if flow.priority is None else flow.priority
    return Start(flow.name, flow.version, text, flow.queue or DEFAULT_QUEUE, priority, key)


def _less(left: int, text: str, limit_bytes: int) -> int:
    """Return how much the actions behind may hold. Raises Unusable if this one holds too much already."""
    left -= len(text if text.isascii() else text.encode())
    if left < 0:
        raise Unusable(
            f"all that an event does holds {MOST_VALUES * limit_bytes:,} bytes at most: let each flow have what it "
            f"needs as its input, instead of the whole event"
        )
    return left


def _start(action: Action, occasion: Occasion, place: int, means: Means) -> Start:
    flow = _flow(means.registry, action.flow or "")
    text = _input(flow, action, occasion)
    check_size(text, means.limit_bytes, f"the input of the flow {flow.name!r}")
    if action.key is not None and _PLACE.search(action.key):
        raise Unusable(
            f"the key {action.key[:40]!r} of a start ends with '#' and a number, as those of actions without one do: "
            f"let the rules write another sign before the number"
        )
    key = occasion.key_of(place) if action.key is None else fitted(f"{occasion.name}:{action.key}")
    start = start_of(flow, text, key)
    return msgspec.structs.replace(
        start,
        queue=action.queue or start.queue,
        priority=start.priority if action.priority is None else action.priority,
        delay_us=action.delay_us,
    )


def _signal(action: Action, name: str, occasion: Occasion, place: int, limit_bytes: int) -> Signal:
    text = occasion.text if action.input is None else action.input
    check_size(text, limit_bytes, f"the payload of signal {name!r}")
    return Signal(ByKey(fitted(f"{occasion.name}:{action.key}")), name, text, occasion.key_of(place))


def _flow(registry: Registry, name: str) -> Flow[..., Any]:
    if name.startswith(RESERVED):
        # Data must not reach what the engine keeps for itself.
        raise UnknownDefinition(f"there is no flow {name!r} for rules to start")
    return registry.flow(name)


def _input(flow: Flow[..., Any], action: Action, occasion: Occasion) -> str:
    """Return the arguments as JSON text: those that the action gives, or the event as the first one."""
    hints = flow.arguments.hints
    given: dict[str, msgspec.Raw] = {}
    if action.input is not None:
        given = msgspec.json.decode(action.input, type=dict[str, msgspec.Raw])
    else:
        first = next((name for name, hint in hints.items() if hint is not MessageInfo), None)
        if first is not None:
            given[first] = msgspec.Raw(occasion.text.encode())
    info = next((name for name, hint in hints.items() if hint is MessageInfo), None)
    if info is not None and occasion.info is not None:
        given.setdefault(info, msgspec.Raw(msgspec.json.encode(occasion.info)))
    text = msgspec.json.encode(given).decode()
    try:
        flow.arguments.values(text)
    except ArgumentsError:
        raise
    except CodecError as error:
        raise Unusable(f"the input does not fit the flow {flow.name!r}: {explain(error.__cause__ or error)}") from None
    return text
