"""What is owed for a delayed flight: pure rules, in the manner of Regulation (EC) 261/2004.

The demo's flights were never under that law, and its fine print (extraordinary circumstances, re-routing) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

KILOMETRES_PER_MILE = 1.609344
OWED_FROM_MINUTES = 180
IN_FULL_ON_LONG_HAUL_FROM_MINUTES = 240


@dataclass(frozen=True)
class Award:
    """What is owed, in whole euros (0: nothing), and why."""

    euros: int
    reason: str


def award_for(delay_minutes: int, miles: int) -> Award:
    """Decide by the delay at the destination and the distance flown."""
    kilometres = miles * KILOMETRES_PER_MILE
    if delay_minutes < OWED_FROM_MINUTES:
        return Award(0, "the delay was shorter than three hours")
    if kilometres <= 1500:
        return Award(250, "three hours or more, on a flight of up to 1500 km")
    if kilometres <= 3500:
        return Award(400, "three hours or more, on a flight of up to 3500 km")
    if delay_minutes < IN_FULL_ON_LONG_HAUL_FROM_MINUTES:
        return Award(300, "between three and four hours, on a flight of more than 3500 km: half of the full sum")
    return Award(600, "four hours or more, on a flight of more than 3500 km")
