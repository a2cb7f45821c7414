"""What becomes of a message of another program: it starts executions, is a signal, or cannot be used (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from engine.codec import check_size
from engine.codec.hints import describe_hint
from engine.codec.reasons import explain
from engine.definitions.ruled import Guard
from engine.definitions.trigger import Header, takes_info
from engine.errors import CodecError, MilepostError, StartRefused, StoreUnavailable, Unusable
from engine.masking import mask_secrets
from engine.messaging.acting import Occasion, act, start_of
from engine.messaging.judge import admitted
from engine.model.edge import FILTER
from engine.model.ids import ID_LENGTH
from engine.model.messages import ByKey, Dead, MessageInfo, Received, Routed, Signal, Start, fitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.definitions.flow import Flow
    from engine.definitions.ruled import Route
    from engine.definitions.trigger import Trigger
    from engine.messaging.judge import Judge, Means
    from engine.model.messages import Decision
    from transports.protocol import Message

LONGEST_REASON = 1000
MESSAGE = "message"
"""By which name rules are given what is known of a message beside its body."""


def received(trigger: Trigger, message: Message) -> Received:
    """Return what is kept of a message that came for a trigger."""
    info = MessageInfo(
        queue=trigger.queue,
        id=fitted(message.id) if message.id else None,
        key=message.key,
        headers=dict(message.headers),
    )
    return Received(trigger=trigger.name, source=trigger.source, info=info, body=message.body)


def decide(trigger: Trigger, message: Received, means: Means) -> Decision:
    """Return what becomes of a message. Whatever bytes come, and whatever the user's functions raise, it returns.

    Only StoreUnavailable is raised, if rules are to be asked and cannot be.
    """
    key: str | None = None
    try:
        value = _decoded(trigger, message.body)
        _ask_filter(trigger, value, message.info)
        own_key = _key(trigger, value, message.info)
        key = fitted(f"{trigger.name}:{own_key}")
        if trigger.route is not None:
            occasion = Occasion(trigger.name, own_key, trigger.parameters.codec.encode(value), message.info)
            key = occasion.key_of(1)
            attributes = _ask_guard(trigger, value, message.info, means.judge, key)
            return _routed(trigger, trigger.route, value, occasion, attributes, means)
        attributes = _ask_guard(trigger, value, message.info, means.judge, key)
        if trigger.flow is not None:
            start = _start(trigger, trigger.flow, value, message.info, key, means.limit_bytes)
            attributes |= admitted(means.judge, trigger.flow, start.input, key)
            return msgspec.structs.replace(start, attributes=attributes)
        return _signal(trigger, value, message.info, key, means.limit_bytes)
    except StoreUnavailable:
        raise
    except StartRefused as error:
        return dead(error.refusal, key)
    except MilepostError as error:
        return dead(str(error), key if trigger.asks_rules else None)
    except Exception as error:  # noqa: BLE001 - user code, or a value that has code of its own
        return dead(_described(error))


def dead(reason: str, key: str | None = None) -> Dead:
    """Return the decision that a message cannot be used; the reason is one line of bounded length, without secrets."""
    line = "".join(sign if sign.isprintable() else "?" for sign in " ".join(reason.split()))
    return Dead(mask_secrets(line)[:LONGEST_REASON], key)


def _decoded(trigger: Trigger, body: bytes) -> Any:
    hint = trigger.parameters.hint
    if hint is bytes:
        return body
    if hint is str:
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise Unusable(f"the body is no text in UTF-8: {error}; declare it as bytes to take any") from None
    try:
        return trigger.parameters.codec.decode(body)
    except CodecError as error:
        cause = explain(error.__cause__ or error)
        raise Unusable(f"the body cannot be read as {describe_hint(hint)}: {cause}") from None


def _ask_filter(trigger: Trigger, value: Any, info: MessageInfo) -> None:
    if trigger.filter is None or isinstance(trigger.filter, Guard):
        return
    if not _call(trigger.filter, "the filter", value, info):
        raise Unusable("refused by filter")


def _ask_guard(trigger: Trigger, value: Any, info: MessageInfo, judge: Judge, key: str | None) -> dict[str, str]:
    """Return which rules let a message in. Raises Unusable if they refuse it."""
    if not isinstance(trigger.filter, Guard):
        return {}
    verdict = judge.verdict(trigger.filter, value, {trigger.parameters.value: value, MESSAGE: info}, key)
    if not verdict.accepted:
        raise Unusable(verdict.refusal)
    return {FILTER: verdict.basis.word}


def _key(trigger: Trigger, value: Any, info: MessageInfo) -> str:
    if trigger.key is None:
        if info.id is None:
            raise Unusable(
                "the message has no id, which its sender would have to set: choose what tells messages apart, as in "
                "key=header('order-id') or key=lambda order: order.id"
            )
        return info.id
    if isinstance(trigger.key, Header):
        found = info.headers.get(trigger.key.name)
        if not found:
            have = ", ".join(sorted(info.headers)) or "none"
            raise Unusable(f"the message has no header {trigger.key.name!r} to tell it by; its headers: {have}")
        return found
    made: object = _call(trigger.key, "the key function", value, info)
    if isinstance(made, bool) or not isinstance(made, str | int) or made == "":
        raise Unusable(f"the key function gave {made!r}; it is to give a text or a whole number")
    return str(made)


def _start(trigger: Trigger, flow: Flow[..., Any], value: Any, info: MessageInfo, key: str, limit_bytes: int) -> Start:
    given = {trigger.parameters.value: msgspec.Raw(trigger.parameters.codec.encode(value).encode())}
    if trigger.parameters.info is not None:
        given[trigger.parameters.info] = msgspec.Raw(msgspec.json.encode(info))
    text = msgspec.json.encode(given).decode()
    check_size(text, limit_bytes, "the message as arguments of the flow")
    return start_of(flow, text, key)


def _routed(
    trigger: Trigger, route: Route, value: Any, occasion: Occasion, attributes: dict[str, str], means: Means
) -> Routed:
    given: dict[str, Any] = {trigger.parameters.value: value}
    if trigger.parameters.info is not None:
        given[trigger.parameters.info] = occasion.info
    subject: object = trigger.fn(**given)
    if subject is None:
        raise Unusable(f"{trigger.fn.__name__} returned nothing that rules can be asked about; return the message")
    actions = means.judge.actions(route, subject, {MESSAGE: occasion.info}, occasion.key_of(1))
    found = act(actions, occasion, means)
    starts = [msgspec.structs.replace(one, attributes={**attributes, **one.attributes}) for one in found.starts]
    return msgspec.structs.replace(found, starts=tuple(starts))


def _signal(trigger: Trigger, value: Any, info: MessageInfo, key: str, limit_bytes: int) -> Signal:
    given: dict[str, Any] = {trigger.parameters.value: value}
    if trigger.parameters.info is not None:
        given[trigger.parameters.info] = info
    target: object = trigger.fn(**given)
    text = trigger.parameters.codec.encode(value)
    check_size(text, limit_bytes, f"the payload of signal {trigger.signal!r}")
    return Signal(_target(trigger, target), cast("str", trigger.signal), text, key)


def _target(trigger: Trigger, target: object) -> str | ByKey:
    if isinstance(target, ByKey):
        return target
    if target is None:
        raise Unusable(f"{trigger.fn.__name__} named no execution for it")
    if not isinstance(target, str) or len(target) != ID_LENGTH or not (target.isascii() and target.isalnum()):
        raise Unusable(
            f"{trigger.fn.__name__} gave {target!r}, which is no id of an execution; return one of {ID_LENGTH} "
            f"characters, or by_key(...) with the key it was started with"
        )
    return target


def _call(function: Callable[..., Any], what: str, value: Any, info: MessageInfo) -> Any:
    try:
        return function(value, info) if takes_info(function) else function(value)
    except Exception as error:
        raise Unusable(f"{what} raised {_described(error)}") from error


def _described(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an error of the user's may not even say what it is
        return type(error).__name__
