"""What errors of Azure's client libraries mean."""

from __future__ import annotations

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    MessagingEntityDisabledError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusError,
)

from transports.errors import Refused, TooLarge, TransportError, Unavailable, UnknownQueue

_KNOWN: tuple[tuple[tuple[type[Exception], ...], type[TransportError], str], ...] = (
    (
        (MessagingEntityNotFoundError, ResourceNotFoundError),
        UnknownQueue,
        "there is no {place}: declare the queue first",
    ),
    (
        (ServiceBusAuthenticationError,),
        Refused,
        "Azure Service Bus does not accept the credentials for {place}: check policy and key",
    ),
    (
        (ServiceBusAuthorizationError,),
        Refused,
        "the credentials lack a right on {place}: give them Send and Listen",
    ),
    (
        (MessageSizeExceededError,),
        TooLarge,
        "{place} does not take a message of that size: send a pointer to the data instead",
    ),
    ((MessagingEntityDisabledError,), Refused, "{place} is disabled: enable it again"),
)
_FOR_GOOD = ("amqp:not-allowed", "amqp:not-implemented", "amqp:invalid-field", "com.microsoft:argument")
"""Conditions under which the service will not do something however often it is asked."""


class NoRight(Refused):
    """The administration API does not serve us: our credentials lack the right to manage, or are wrong."""


def problem(error: Exception, host: str, entity: str) -> TransportError:
    """Return the transport's error for one that came up while something was done about an entity."""
    if isinstance(error, TransportError):
        return error
    place = f"{entity!r} on {host}" if entity else host
    text = first_line(error)
    for kinds, made, says in _KNOWN:
        if isinstance(error, kinds):
            return made(f"{says.format(place=place)} ({text})")
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        return _http_problem(error.status_code, place, text)
    if isinstance(error, ClientAuthenticationError) or _is_wrapped(error):
        return Refused(f"no credentials for {host} could be had: set up one of Azure's usual ways ({text})")
    if type(error) is ServiceBusError and any(condition in str(error) for condition in _FOR_GOOD):
        return Refused(f"Azure Service Bus refuses to serve {place}: {text}")
    # The client library wraps what it does not know, and says a ValueError of a connection that was shut down.
    return Unavailable(f"Azure Service Bus cannot be reached for {place}, or asks to be left alone: {text}")


def _http_problem(status: int, place: str, text: str) -> TransportError:
    if status in (401, 403):
        return NoRight(f"the credentials may not manage {place}, or are wrong (HTTP {status})")
    if status == 429 or status >= 500:
        return Unavailable(f"the administration of {place} is not available (HTTP {status}): {text}")
    return Refused(f"the administration refuses a request about {place} (HTTP {status}): {text}")


def _is_wrapped(error: Exception) -> bool:
    """Tell whether a client met it while it asked for a token."""
    return isinstance(getattr(error, "inner_exception", None), ClientAuthenticationError)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, shortened, or the name of its class where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
