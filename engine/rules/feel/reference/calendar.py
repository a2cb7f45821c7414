"""Functions on dates, and the two that know what time it is, in words."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.reference.described import described

CALENDAR: Final = {
    "day of year": described(
        "The number of the day in its year.",
        'day of year(@"2026-11-30")',
        'day of year(date: @"2024-12-31T12:00:00")',
    ),
    "day of week": described(
        "The name of the day, in English.",
        'day of week(@"2026-11-30")',
        'day of week(date: @"2026-12-06")',
    ),
    "month of year": described(
        "The name of the month, in English.",
        'month of year(@"2026-11-30")',
        'month of year(date: @"2026-02-01")',
    ),
    "week of year": described(
        "The number of the week, by ISO 8601: weeks begin on Monday, and the first one has the year's first Thursday.",
        'week of year(@"2026-11-30")',
        'week of year(date: @"2027-01-01")',
    ),
    "now": described(
        "The moment of the evaluation, with its zone: the same one as often as it is asked. In a flow it is on record,"
        " so that a decision comes out the same when it is taken again.",
        "now()",
        "now() = now()",
    ),
    "today": described("The day of the evaluation.", "today()", 'today() + @"P14D"'),
}
