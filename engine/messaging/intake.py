"""What becomes of a message of another program: it starts an execution, is a signal, or cannot be used (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from engine.codec import check_size
from engine.codec.hints import describe_hint
from engine.codec.reasons import explain
from engine.definitions.options import DEFAULT_PRIORITY, DEFAULT_QUEUE
from engine.definitions.trigger import Header, takes_info
from engine.errors import CodecError, MilepostError
from engine.masking import mask_secrets
from engine.model.ids import ID_LENGTH
from engine.model.messages import ByKey, Dead, MessageInfo, Received, Signal, Start, fitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.definitions.flow import Flow
    from engine.definitions.trigger import Trigger
    from engine.model.messages import Decision
    from transports.protocol import Message

LONGEST_REASON = 1000


class _Unusable(MilepostError):
    """A message cannot be used."""


def received(trigger: Trigger, message: Message) -> Received:
    """Return what is kept of a message that came for a trigger."""
    info = MessageInfo(
        queue=trigger.queue,
        id=fitted(message.id) if message.id else None,
        key=message.key,
        headers=dict(message.headers),
    )
    return Received(trigger=trigger.name, source=trigger.source, info=info, body=message.body)


def decide(trigger: Trigger, message: Received, limit_bytes: int) -> Decision:
    """Return what becomes of a message. Whatever bytes come, and whatever the user's functions raise, it returns."""
    try:
        value = _decoded(trigger, message.body)
        _ask_filter(trigger, value, message.info)
        key = fitted(f"{trigger.name}:{_key(trigger, value, message.info)}")
        if trigger.flow is not None:
            return _start(trigger, trigger.flow, value, message.info, key, limit_bytes)
        return _signal(trigger, value, message.info, key, limit_bytes)
    except MilepostError as error:
        return dead(str(error))
    except Exception as error:  # noqa: BLE001 - user code, or a value that has code of its own
        return dead(_described(error))


def dead(reason: str) -> Dead:
    """Return the decision that a message cannot be used; the reason is one line of bounded length, without secrets."""
    line = "".join(sign if sign.isprintable() else "?" for sign in " ".join(reason.split()))
    return Dead(mask_secrets(line)[:LONGEST_REASON])


def _decoded(trigger: Trigger, body: bytes) -> Any:
    hint = trigger.parameters.hint
    if hint is bytes:
        return body
    if hint is str:
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise _Unusable(f"the body is no text in UTF-8: {error}; declare it as bytes to take any") from None
    try:
        return trigger.parameters.codec.decode(body)
    except CodecError as error:
        cause = explain(error.__cause__ or error)
        raise _Unusable(f"the body cannot be read as {describe_hint(hint)}: {cause}") from None


def _ask_filter(trigger: Trigger, value: Any, info: MessageInfo) -> None:
    if trigger.filter is not None and not _call(trigger.filter, "the filter", value, info):
        raise _Unusable("refused by filter")


def _key(trigger: Trigger, value: Any, info: MessageInfo) -> str:
    if trigger.key is None:
        if info.id is None:
            raise _Unusable(
                "the message has no id, which its sender would have to set: choose what tells messages apart, as in "
                "key=header('order-id') or key=lambda order: order.id"
            )
        return info.id
    if isinstance(trigger.key, Header):
        found = info.headers.get(trigger.key.name)
        if not found:
            have = ", ".join(sorted(info.headers)) or "none"
            raise _Unusable(f"the message has no header {trigger.key.name!r} to tell it by; its headers: {have}")
        return found
    made: object = _call(trigger.key, "the key function", value, info)
    if isinstance(made, bool) or not isinstance(made, str | int) or made == "":
        raise _Unusable(f"the key function gave {made!r}; it is to give a text or a whole number")
    return str(made)


def _start(trigger: Trigger, flow: Flow[..., Any], value: Any, info: MessageInfo, key: str, limit_bytes: int) -> Start:
    given = {trigger.parameters.value: msgspec.Raw(trigger.parameters.codec.encode(value).encode())}
    if trigger.parameters.info is not None:
        given[trigger.parameters.info] = msgspec.Raw(msgspec.json.encode(info))
    text = msgspec.json.encode(given).decode()
    check_size(text, limit_bytes, "the message as arguments of the flow")
    queue = flow.queue or DEFAULT_QUEUE
    priority = DEFAULT_PRIORITY if flow.priority is None else flow.priority
    return Start(flow.name, flow.version, text, queue, priority, key)


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
        raise _Unusable(f"{trigger.fn.__name__} named no execution for it")
    if not isinstance(target, str) or len(target) != ID_LENGTH or not (target.isascii() and target.isalnum()):
        raise _Unusable(
            f"{trigger.fn.__name__} gave {target!r}, which is no id of an execution; return one of {ID_LENGTH} "
            f"characters, or by_key(...) with the key it was started with"
        )
    return target


def _call(function: Callable[..., Any], what: str, value: Any, info: MessageInfo) -> Any:
    try:
        return function(value, info) if takes_info(function) else function(value)
    except Exception as error:
        raise _Unusable(f"{what} raised {_described(error)}") from error


def _described(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an error of the user's may not even say what it is
        return type(error).__name__
