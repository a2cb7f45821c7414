"""What the client library reports, as this package's errors, and what it says about the connection.

Numbers of errors are those of the protocol (https://kafka.apache.org/protocol#protocol_error_codes); negative ones are
the client library's own.
"""

from __future__ import annotations

import threading
from typing import Any

from transports.errors import Refused, TooLarge, TransportError, Unavailable, UnknownQueue
from transports.kafka.library import KafkaError, KafkaException


def _codes(*names: str) -> frozenset[int]:
    # Older versions of the library do not have every name.
    return frozenset(getattr(KafkaError, name) for name in names if hasattr(KafkaError, name))


AUTHENTICATION = _codes(
    "_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM", "ILLEGAL_SASL_STATE", "_SSL"
)
RIGHTS = _codes("TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED")
UNKNOWN_TOPIC = _codes("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION", "UNKNOWN_TOPIC_ID")
TOO_LARGE = _codes("MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE")
EXISTS = _codes("TOPIC_ALREADY_EXISTS")
AWAY = _codes(
    "_TRANSPORT", "_ALL_BROKERS_DOWN", "_RESOLVE", "_TIMED_OUT", "_MSG_TIMED_OUT", "_WAIT_COORD", "_TIMED_OUT_QUEUE",
    "REQUEST_TIMED_OUT", "LEADER_NOT_AVAILABLE", "NOT_LEADER_FOR_PARTITION", "BROKER_NOT_AVAILABLE",
    "NETWORK_EXCEPTION", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR",
    "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "NOT_CONTROLLER", "THROTTLING_QUOTA_EXCEEDED",
)  # fmt: skip
MAYBE_AWAY = AWAY | AUTHENTICATION
"""What may say that the connection ended: a handshake may be cut off, too."""
STALE = _codes(
    "UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS", "FENCED_INSTANCE_ID", "STALE_MEMBER_EPOCH",
    "_ASSIGNMENT_LOST", "_STATE", "_DESTROY", "_NO_OFFSET",
)  # fmt: skip
"""What a commit answers when partitions have moved, or are about to."""
LET_GO = STALE | UNKNOWN_TOPIC | _codes(
    "INVALID_RECORD_STATE", "SHARE_SESSION_NOT_FOUND", "INVALID_SHARE_SESSION_EPOCH", "FENCED_STATE_EPOCH",
    "SHARE_SESSION_LIMIT_REACHED",
)  # fmt: skip
"""What settling in a share group answers when the broker has given the records to others, or is about to."""
TIMED_OUT = _codes("_MSG_TIMED_OUT", "_TIMED_OUT")
BROKE_OFF = "Local: Broker transport failure"
"""What the library says, also of a handshake, when the connection ended."""


def kafka_error(error: Any) -> Any:
    """Return the library's error within its exception."""
    if isinstance(error, KafkaException):
        return error.args[0] if error.args else None
    return error


def code_of(error: Any) -> int | None:
    """Return the number of an error of the library."""
    found = kafka_error(error)
    return found.code() if isinstance(found, KafkaError) else None


def words_of(error: Any) -> str:
    """Return what the library says, on one line."""
    found = kafka_error(error)
    text = found.str() if isinstance(found, KafkaError) else str(found)
    return " ".join(str(text).split())


def is_refusal(error: Any) -> bool:
    """Tell whether the broker refuses this client, and has not just gone away in the middle of the handshake."""
    return code_of(error) in AUTHENTICATION and BROKE_OFF not in words_of(error)


class Health:
    """What one client's own error events say about its connection. Any thread may ask and tell."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._lock = threading.Lock()
        self._lost: str | None = None
        self._refused: str | None = None
        self.fatal = False

    def note(self, error: Any) -> None:
        """Take note of an error event; this is the client's ``error_cb``."""
        with self._lock:
            if is_refusal(error):
                self._refused = words_of(error)
            elif code_of(error) in MAYBE_AWAY:
                self._lost = words_of(error)
            if isinstance(error, KafkaError) and error.fatal():
                self.fatal = True

    def well(self) -> None:
        """Take note that the broker has answered."""
        with self._lock:
            self._lost = self._refused = None

    @property
    def lost(self) -> bool:
        """Whether a connection broke, or was not made, since the broker last answered."""
        return self._lost is not None or self._refused is not None

    def problem(self, error: Any = None, queue: str = "") -> TransportError:
        """Return the error to raise for the library's error, or for what is known of the connection."""
        with self._lock:
            code = code_of(error)
            if is_refusal(error) or (self._refused is not None and (code is None or code in MAYBE_AWAY)):
                said = self._refused or words_of(error)
                return Refused(f"{self._shown} refuses the credentials or the security protocol: {said}")
            if code is None or code in MAYBE_AWAY:
                said = words_of(error) if error is not None else (self._lost or "no answer")
                return Unavailable(f"{self._shown} cannot be reached and is tried again: {said}")
        return self._other(code, error, queue)

    def _other(self, code: int, error: Any, queue: str) -> TransportError:
        of = f" of queue {queue!r}" if queue else ""
        if code in RIGHTS:
            return Refused(f"{self._shown} does not allow this{of}: {words_of(error)}; grant the right to this user")
        if code in UNKNOWN_TOPIC:
            return UnknownQueue(f"there is no topic{of} on {self._shown}: {words_of(error)}; declare the queue first")
        if code in TOO_LARGE:
            return TooLarge(f"{self._shown} does not take so large a message{of}: {words_of(error)}")
        if getattr(kafka_error(error), "retriable", bool)():
            return Unavailable(f"{self._shown} asks to try again{of}: {words_of(error)}")
        return Refused(f"{self._shown} refuses this{of}: {words_of(error)}")
