"""What pika's errors mean, in the transport's own."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any, cast

from pika import exceptions

from transports.errors import Refused, TransportError, Unavailable, UnknownQueue

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS_REFUSED, NOT_FOUND, LOCKED, PRECONDITION_FAILED = 403, 404, 405, 406
NOT_ALLOWED, NOT_IMPLEMENTED = 530, 540
_FOR_GOOD = (ACCESS_REFUSED, LOCKED, PRECONDITION_FAILED, NOT_ALLOWED, NOT_IMPLEMENTED)
_GUESSED = (
    exceptions.IncompatibleProtocolError, exceptions.ProbableAuthenticationError, exceptions.ProbableAccessDeniedError,
)  # fmt: skip
"""What pika makes of a connection that ends while it is being opened, by how far that had come."""
_LOST = "StreamLostError"
"""In the text of what pika guessed where the broker had not said why."""
_UNACKNOWLEDGED = "acknowledgement on channel"
"""In the text with which RabbitMQ closes a channel that held a delivery for too long; the code is 406."""


def connection_problem(error: BaseException, place: str) -> TransportError:
    """Return the transport's error for a connection that could not be made, or was lost."""
    if isinstance(error, TransportError):
        return error
    for cause in _causes(error):
        refusal = _refusal(cause)
        if refusal is not None:
            return Refused(f"RabbitMQ at {place} cannot be used: {refusal}")
    deepest = list(_causes(error))[-1]
    return Unavailable(f"RabbitMQ at {place} is not available: {_text(deepest)}")


def _refusal(error: BaseException) -> str | None:
    """Say why trying again will not help, or return None."""
    if isinstance(error, _GUESSED) and _LOST in str(error):
        # A broker that starts or ends drops connections at any point; one that refuses them says so first.
        return None
    match error:
        case exceptions.ProbableAuthenticationError() | exceptions.AuthenticationError():
            return "it does not accept this user and password"
        case exceptions.ProbableAccessDeniedError():
            return "this user may not use this virtual host, or there is none of that name"
        case exceptions.IncompatibleProtocolError() | exceptions.ProtocolVersionMismatch():
            return "what answers there does not speak AMQP 0-9-1"
        case exceptions.ConnectionClosed() if error.reply_code in _FOR_GOOD:
            return _text(error)
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted ({error.verify_message}): see the options ca_file and server_name"
        case ssl.SSLError():
            return f"TLS fails: {_text(error)}; is that its port for TLS?"
        case _:
            return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what pika packed into it: the attempts of a connection, the phase that failed, its reason."""
    yield error
    attempts = cast("list[Any]", getattr(error, "exceptions", None) or [])
    for inner in (*attempts, getattr(error, "exception", None), *error.args):
        if isinstance(inner, BaseException):
            yield from _causes(inner)


def channel_problem(error: BaseException, place: str) -> TransportError:
    """Return the transport's error for a channel that was closed."""
    if not isinstance(error, exceptions.ChannelClosedByBroker):
        return connection_problem(error, place)
    text = f"RabbitMQ at {place} refuses: {_text(error)}"
    if error.reply_code == NOT_FOUND:
        return UnknownQueue(f"{text}; declare it first")
    if error.reply_code in _FOR_GOOD and _UNACKNOWLEDGED not in error.reply_text:
        return Refused(text)
    return Unavailable(f"RabbitMQ at {place} closed a channel: {_text(error)}")


def _text(error: BaseException) -> str:
    """Return what an error says, in one line."""
    match error:
        case exceptions.ConnectionClosed() | exceptions.ChannelClosed():
            said = f"{error.reply_code} {error.reply_text}"
        case socket.gaierror():
            said = f"the name of the host is not known ({error.strerror})"
        case TimeoutError():
            said = str(error) or "there was no answer in time"
        case OSError() if error.strerror:
            said = error.strerror
        case exceptions.IncompatibleProtocolError():
            said = "it ended the connection without a word; is that a broker's port for AMQP 0-9-1?"
        case _:
            said = str(error)
    return " ".join(said.split()) or type(error).__name__
