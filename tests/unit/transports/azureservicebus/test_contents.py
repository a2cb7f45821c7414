"""Messages as Service Bus carries them."""

from __future__ import annotations

import pytest

from transports import Message, Refused, TooLarge
from transports.azureservicebus.contents import objection_to, written

LIMIT = 200_000


def test_headers_are_application_properties() -> None:
    made = written(Message("work", b"body", {"größe": ""}, key="k", priority=2, id="i"))
    assert made.application_properties == {"größe": "", "milepost-key": "k", "milepost-priority": 2}
    assert made.message_id == "i"
    assert b"".join(made.body) == b"body"


@pytest.mark.parametrize("name", ["", "i" * 129])
def test_an_id_that_the_service_would_not_take_travels_apart(name: str) -> None:
    made = written(Message("work", b"", id=name))
    assert made.application_properties == {"milepost-id": name}
    assert made.message_id != name


def test_a_broadcast_says_what_it_is_about() -> None:
    made = written(Message("rules", b"", key="k", priority=1), topic=True)
    assert made.application_properties == {"milepost-topic": "rules"}


def test_what_cannot_be_sent() -> None:
    assert objection_to(Message("work", b"x" * 1000), LIMIT) is None
    assert isinstance(objection_to(Message("work", b"", {"milepost-key": "k"}), LIMIT), Refused)
    # Its properties alone are more than the service takes.
    assert isinstance(objection_to(Message("work", b"", {"h": "x" * 70_000}), LIMIT), TooLarge)
