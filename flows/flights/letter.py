"""The letter to the passengers of a delayed flight."""

from __future__ import annotations

from pathlib import Path

from flows.flights.data import Flight
from flows.flights.policy import Award

_OWED = "You are owed {euros} euros ({reason}). The sum is on its way; there is nothing that you need to do."
_NOTHING_OWED = "The rules grant no compensation ({reason}), which does not make the wait any shorter. We are sorry."
_LETTER = """\
Dear passengers of {airline} flight {number},

on {date} you flew from {origin} to {destination} ({miles} miles), and arrived {hours} h {minutes:02} min late.

{body}

{airline}
"""


def letter_text(flight: Flight, award: Award) -> str:
    """Return the letter as text."""
    body = (_OWED if award.euros else _NOTHING_OWED).format(euros=award.euros, reason=award.reason)
    return _LETTER.format(
        airline=flight.airline,
        number=flight.number,
        date=flight.date,
        origin=flight.origin,
        destination=flight.destination,
        miles=flight.miles,
        hours=flight.delay_minutes // 60,
        minutes=flight.delay_minutes % 60,
        body=body,
    )


def put_letter(directory: Path, flight: Flight, award: Award, attempt: int) -> str:
    """Write the letter and return the name of its file.

    It appears whole or not at all, and a second attempt puts the same text in its place: the step may be repeated.
    """
    name = f"{flight.key}.txt"
    draft = directory / f".{name}.{attempt}"
    draft.write_text(letter_text(flight, award), encoding="utf-8")
    draft.replace(directory / name)
    return name
