"""The URL and the options of the transport over RabbitMQ."""

from __future__ import annotations

import pytest

from transports import Refused
from transports.rabbitmq.settings import read_settings


def test_everything_may_stand_in_the_url() -> None:
    settings = read_settings(
        "amqp://us%40er:p%2Fss%3A@host:1234/my%2Fhost?prefix=a.&queue_type=classic&passive=yes&heartbeat_seconds=7"
        "&timeout_seconds=1.5&connection_name=me",
        {},
    )
    parameters = settings.parameters
    assert (parameters.host, parameters.port, parameters.virtual_host) == ("host", 1234, "my/host")
    assert (parameters.credentials.username, parameters.credentials.password) == ("us@er", "p/ss:")
    assert parameters.heartbeat == 7
    assert parameters.client_properties == {"connection_name": "me"}
    assert (settings.prefix, settings.queue_type, settings.passive) == ("a.", "classic", True)
    assert settings.timeout_seconds == 1.5
    assert settings.native("work") == "a.work"


def test_what_is_not_said_is_as_everywhere() -> None:
    parameters = read_settings("amqp://host", {}).parameters
    assert (parameters.port, parameters.virtual_host, parameters.credentials.username) == (5672, "/", "guest")
    secure = read_settings("amqps://host/", {}).parameters
    assert (secure.port, secure.virtual_host) == (5671, "/")
    assert secure.ssl_options is not None
    assert secure.ssl_options.server_hostname == "host"


def test_a_keyword_wins() -> None:
    assert read_settings("amqp://host?prefix=url.", {"prefix": "keyword."}).prefix == "keyword."


def test_the_password_is_not_in_what_is_shown() -> None:
    assert read_settings("amqp://user:secret@host/vhost", {}).place == "amqp://user@host:5672/vhost"


@pytest.mark.parametrize(
    "url, keywords",
    [
        ("amqp://user:secret@host:port/", {}),
        ("amqp://user:secret@[host/", {}),
        ("amqp://user:secret@host/a/b", {}),
        ("amqp://user:secret@host/?colour=red", {}),
        ("amqp://user:secret@host/#fragment", {}),
        ("amqp://user:secret@host/?heartbeat_seconds=0", {}),
        ("amqp://user:secret@host/?passive=perhaps", {}),
        ("amqp://user:secret@host/", {"queue_type": "round"}),
        ("amqp://user:secret@host/", {"heartbeat_seconds": "often"}),
        ("amqp://user:secret@host/", {"ca_file": "ca.pem"}),
        ("amqps://user:secret@host/", {"ca_file": "/missing/ca.pem"}),
    ],
)
def test_what_cannot_be_used_is_refused_without_the_password(url: str, keywords: dict[str, object]) -> None:
    with pytest.raises(Refused, match=r"\w{4}") as caught:
        read_settings(url, keywords)
    assert "secret" not in str(caught.value)


def test_a_name_that_is_too_long_for_amqp_is_refused() -> None:
    with pytest.raises(Refused, match="255"):
        read_settings("amqp://host", {}).native("ü" * 200)
