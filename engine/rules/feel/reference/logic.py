"""Functions on booleans, and on what is the same, in words."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.reference.described import described

LOGIC: Final = {
    "not": described(
        "True of false, and false of true; null of everything else.",
        "not(true)",
        "not(negand: 1 > 2)",
        "not(null)",
    ),
    "is": described(
        "Whether two values are the same in everything that can be asked of them. Unlike `=`, it tells apart times that"
        " are the same moment in other offsets, and it is never null.",
        "is(1, 1.0)",
        'is(@"10:00:00Z", @"11:00:00+01:00")',
        '@"10:00:00Z" = @"11:00:00+01:00"',
        'is(value1: 1, value2: "1")',
    ),
}
