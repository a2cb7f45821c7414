"""Functions that make values of one type from those of another, in words."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.reference.described import described

CONVERSION: Final = {
    "number": described(
        "The number that a text says. The separators are a blank, a comma, a period or null, and are not the same.",
        'number("1500.5")',
        'number("1 500,5", " ", ",")',
        'number(from: "1,500.5", grouping separator: ",", decimal separator: ".")',
        'number("a lot")',
    ),
    "string": described(
        "The value as a text: numbers in plain digits, days, times and durations in their usual form, and the parts of"
        " lists and contexts as FEEL would read them again. A text is itself, and null is null.",
        "string(1500.50)",
        'string(@"2026-11-30")',
        'string(from: ["a", 1, {rate: 0.5}])',
    ),
    "date": described(
        "The day that a text says, that a date and time is on, or that three numbers are.",
        'date("2026-11-30")',
        'date(@"2026-11-30T09:30:00")',
        "date(2026, 11, 30)",
        "date(year: 2026, month: 2, day: 29)",
    ),
    "time": described(
        "The time of day that a text says, that a date and time has, or that numbers are. The offset is the distance"
        " from UTC. Of a day, it is the midnight in UTC that the day begins with.",
        'time("09:30:00+01:00")',
        'time(@"2026-11-30T09:30:00")',
        "time(9, 30, 0)",
        'time(hour: 9, minute: 30, second: 0.5, offset: @"PT1H")',
    ),
    "date and time": described(
        "The moment that a text says, that a day and a time make, or that numbers are; then perhaps with an offset from"
        " UTC or with a time zone.",
        'date and time("2026-11-30T09:30:00@Europe/Paris")',
        'date and time(@"2026-11-30", @"09:30:00Z")',
        "date and time(2026, 11, 30, 9, 30, 0)",
        'date and time(2026, 11, 30, 9, 30, 0, @"-PT5H")',
        'date and time(year: 2026, month: 7, day: 1, hour: 9, minute: 0, second: 0, timezone: "Europe/Paris")',
    ),
    "duration": described(
        "The duration that a text says: of days and time, or of years and months, but never of both.",
        'duration("P1DT12H")',
        'duration("P1Y6M")',
        'duration(from: "P1Y2D")',
        result="days and time duration, or years and months duration",
    ),
    "years and months duration": described(
        "The whole months from one day to another; negative if it goes back.",
        'years and months duration(@"2024-01-31", @"2026-03-30")',
        'years and months duration(from: @"2026-03-30", to: @"2026-01-30")',
    ),
    "range": described(
        "The range that a text says. Its ends are literals.",
        'range("[18..65)")',
        'range(from: "[@\\"2026-01-01\\"..@\\"2026-12-31\\"]")',
        'range("[65..18]")',
    ),
}
