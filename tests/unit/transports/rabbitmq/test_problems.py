"""What pika's errors become."""

from __future__ import annotations

import socket

import pytest
from pika import exceptions

from transports import Refused, TransportError, Unavailable, UnknownQueue
from transports.rabbitmq.problems import channel_problem, connection_problem


@pytest.mark.parametrize(
    "error, meant",
    [
        (exceptions.ProbableAuthenticationError("x"), Refused),
        (exceptions.ProbableAccessDeniedError("x"), Refused),
        (exceptions.AMQPConnectionError(exceptions.IncompatibleProtocolError("x")), Refused),
        (exceptions.AMQPConnectionError(exceptions.IncompatibleProtocolError("StreamLostError: x")), Unavailable),
        (exceptions.ProbableAuthenticationError("StreamLostError: x"), Unavailable),
        (exceptions.ProbableAuthenticationError("ConnectionClosedByBroker: (403)"), Refused),
        (exceptions.ConnectionClosedByBroker(530, "NOT_ALLOWED - vhost x not found"), Refused),
        (exceptions.ConnectionClosedByBroker(320, "CONNECTION_FORCED"), Unavailable),
        (exceptions.StreamLostError("gone"), Unavailable),
        (exceptions.AMQPHeartbeatTimeout("late"), Unavailable),
        (socket.gaierror(-2, "Name or service not known"), Unavailable),
        (Refused("as it was"), Refused),
    ],
    ids=str,
)
def test_what_a_lost_connection_means(error: Exception, meant: type[TransportError]) -> None:
    problem = connection_problem(error, "amqp://host")
    assert type(problem) is meant
    assert "\n" not in str(problem)


@pytest.mark.parametrize(
    "code, text, meant",
    [
        (403, "ACCESS_REFUSED", Refused),
        (404, "NOT_FOUND - no queue", UnknownQueue),
        (406, "PRECONDITION_FAILED - inequivalent arg", Refused),
        # Only the channel is closed, and the messages are available again.
        (406, "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out", Unavailable),
        (541, "INTERNAL_ERROR", Unavailable),
    ],
)
def test_what_a_closed_channel_means(code: int, text: str, meant: type[TransportError]) -> None:
    problem = channel_problem(exceptions.ChannelClosedByBroker(code, text), "amqp://host")
    assert type(problem) is meant
    assert text in str(problem)
