"""What the client library says of a connection, as errors of ours."""

from __future__ import annotations

from transports.errors import Refused, Unavailable
from transports.kafka.library import KafkaError
from transports.kafka.troubles import BROKE_OFF, Health

CUT = (
    "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL PLAIN mechanism handshake failed: Local: Broker transport failure"
    ": broker's supported mechanisms: (n/a) (after 0ms in state DOWN)"
)
WRONG = (
    "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL authentication error: Authentication failed: Invalid username or "
    "password (after 5ms in state AUTH_REQ)"
)


def test_a_handshake_that_is_cut_off_is_an_outage() -> None:
    health = Health("kafka://somewhere")
    health.note(KafkaError(KafkaError._AUTHENTICATION, CUT))
    assert health.lost
    assert isinstance(health.problem(), Unavailable)
    assert isinstance(health.problem(KafkaError(KafkaError._AUTHENTICATION, CUT)), Unavailable)


def test_credentials_that_are_refused_stay_so_until_the_broker_answers() -> None:
    health = Health("kafka://somewhere")
    health.note(KafkaError(KafkaError._AUTHENTICATION, WRONG))
    health.note(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    assert isinstance(health.problem(), Refused)
    assert isinstance(health.problem(KafkaError(KafkaError._TRANSPORT)), Refused)
    health.well()
    assert not health.lost


def test_the_library_says_that_a_connection_ended_as_it_is_looked_for() -> None:
    assert BROKE_OFF in KafkaError(KafkaError._TRANSPORT).str()
