"""Messages out: the call that sends one from a flow or a transactional step, and the engine's own step that does it.

In a flow, a message is a step like any other. In a transactional step it is written down, as the arguments of a flow of
the engine's own, which is started in the transaction that records the step.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping
from typing import Any, Final

from engine.codec import encode_payload
from engine.definitions.context import step_context
from engine.definitions.current import current
from engine.definitions.flow import flow
from engine.definitions.step import step
from engine.errors import ArgumentsError, ConfigError, NotInFlow, NotInStep, Undeliverable
from engine.masking import mask_secrets
from engine.model.outgoing import Outgoing
from engine.model.retry import Retry
from transports.errors import Refused, UnknownQueue

PUBLISH: Final = "milepost.publish"
UNKNOWN_QUEUE_ATTEMPTS: Final = 10
"""A queue that is missing may be about to be made: it is looked for this often, which takes some five minutes."""
BACKOFF: Final = "1s..1m"
CONTENT_TYPE: Final = "content-type"


@step(name=PUBLISH, retry=Retry(attempts=None, backoff=BACKOFF))
def publish_message(
    url: str,
    text: str | None = None,
    raw: bytes | None = None,
    headers: dict[str, str] | None = None,
    key: str | None = None,
    id: str | None = None,
) -> str:
    """Send a message, with ``text`` or ``raw`` as its body; return its id once the broker has confirmed it."""
    context = step_context()
    if context.mail.send is None:
        raise NotInStep(f"{PUBLISH} sends where a worker runs it, and nowhere else")
    body = (text or "").encode() if raw is None else raw
    message = Outgoing(url, body, headers or {}, key, id or context.idempotency_key)
    try:
        context.mail.send(message)
    except UnknownQueue as error:
        if context.attempt < UNKNOWN_QUEUE_ATTEMPTS:
            raise
        raise _undeliverable(error) from error
    except (ConfigError, Refused) as error:
        raise _undeliverable(error) from error
    return message.id


def _undeliverable(error: Exception) -> Undeliverable:
    return Undeliverable(f"the message cannot be sent: {error}")


_KEPT_UNTIL_SENT = publish_message.options(retry=Retry(attempts=None, backoff=BACKOFF, then="dead_letter"))


@flow(name=PUBLISH)
async def outbox_entry(
    url: str,
    text: str | None = None,
    raw: bytes | None = None,
    headers: dict[str, str] | None = None,
    key: str | None = None,
    id: str | None = None,
) -> str:
    """Send one message of a transactional step. Nobody waits for it, so what cannot be sent is kept for an operator."""
    return await _KEPT_UNTIL_SENT(url, text, raw, headers, key, id)


def publish(
    url: str,
    event: Any,
    *,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    retry: Retry | None = None,
) -> Awaitable[str]:
    """Send a message to a queue or topic of another program: at least once, and each time with the same id.

    ``url`` is the broker's URL, a slash and the queue; ``broker://shop/invoices`` is on the broker that ``[brokers]``
    in the settings names. ``event`` is sent as JSON; ``bytes`` are sent as they are, without a content-type of ours.
    ``key`` has messages of one key kept together, and on Kafka in order.

    In a flow, ``await publish(...)`` returns the id of the message once the broker has confirmed it. A broker that is
    away is tried again, for as long as it takes; ``retry`` replaces that. What will never be taken raises
    ``StepFailed`` at once, and a missing queue after some minutes.

    In a transactional step, ``publish(...)`` writes the message down, to be sent once the step's transaction is
    committed, and not at all if it is rolled back. There is nothing to await, and no ``retry``: it is tried for as long
    as it takes, and what will never be taken is kept as a dead letter.

    Raises ``ArgumentsError`` for a URL with a password in it, ``CodecError`` for an event without a JSON form,
    ``NotInStep`` in any other step, ``NotInFlow`` elsewhere.
    """
    arguments: dict[str, Any] = {"url": _without_secrets(url), **_written(event, headers), "key": key}
    if current.run is not None:
        call = publish_message if retry is None else publish_message.options(retry=retry)
        return call(**arguments)
    return Published(_write_down(arguments, retry))


class Published(Awaitable[str]):
    """A message of a transactional step, which is sent without anybody waiting for it."""

    def __init__(self, id: str) -> None:
        self.id = id

    def __await__(self) -> Generator[Any, Any, str]:
        return self.id
        yield


def _write_down(arguments: dict[str, Any], retry: Retry | None) -> str:
    try:
        context = step_context()
    except NotInStep:
        raise NotInFlow(
            "publish() was called outside of a flow and of a step, where nothing would record the message: await it in "
            "a flow, or call it in a step that is declared @step(transactional=True)"
        ) from None
    outbox = context.mail.outbox
    if outbox is None:
        raise NotInStep(
            f"publish() was called in step {context.step!r}, which may run again and would send it again under another "
            f"id: return what is to be sent and await publish() in the flow, or declare the step "
            f"@step(transactional=True)"
        )
    if retry is not None:
        raise ArgumentsError(
            f"publish() in step {context.step!r} was given retry=: nobody waits there for the message, so it is kept "
            f"until it is sent; await publish(..., retry=...) in the flow to decide otherwise"
        )
    id = f"{context.idempotency_key}-{len(outbox) + 1}"
    outbox.append(outbox_entry.arguments.encode((), arguments | {"id": id}))
    return id


def _without_secrets(url: Any) -> str:
    if not isinstance(url, str):
        raise ArgumentsError(f"publish() was given {url!r} as a URL; write it as text: 'broker://shop/invoices'")
    masked = mask_secrets(url)
    if masked != url:
        raise ArgumentsError(
            f"publish() was given the URL {masked}, and its secret would be recorded in the store: give the broker a "
            f'name in the settings, as in [brokers] shop = "...", and write broker://shop/QUEUE'
        )
    return url


def _written(event: Any, headers: Mapping[str, str] | None) -> dict[str, Any]:
    """Return a body and headers as they are recorded."""
    given = dict(headers or {})
    if isinstance(event, bytes):
        return {"raw": event, "headers": given or None}
    if not any(isinstance(name, str) and name.lower() == CONTENT_TYPE for name in given):  # pyright: ignore[reportUnnecessaryIsInstance]
        given[CONTENT_TYPE] = "application/json"
    return {"text": encode_payload(event), "headers": given}
