"""A transport that is set up wrongly says so within seconds, in one line, and keeps secrets to itself."""

from __future__ import annotations

import time

from tests.conformance.transports.subject import Subject
from transports import TransportError

PROMPT_SECONDS = 15.0


def test_16_every_mistake_is_a_clear_error_within_seconds(subject: Subject) -> None:
    assert subject.mistakes
    complaints: list[str] = []
    for mistake in subject.mistakes:
        began = time.monotonic()
        try:
            mistake.make()
        except TransportError as error:
            if not isinstance(error, mistake.raises):
                complaints.append(f"{mistake.name}: {type(error).__name__}: {error}")
            text = str(error)
            if "\n" in text or len(text) < 20 or "secret" in text:
                complaints.append(f"{mistake.name}: is no clear line without secrets: {text!r}")
        else:
            complaints.append(f"{mistake.name}: is not noticed")
        seconds = time.monotonic() - began
        if seconds > PROMPT_SECONDS:
            complaints.append(f"{mistake.name}: takes {seconds:.1f} s")
    assert complaints == []


def test_16_ping_answers(subject: Subject) -> None:
    transport = subject.open()
    transport.ping()
    transport.declare(["work"])
    transport.ping()
