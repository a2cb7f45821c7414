"""Functions on how points and ranges lie to each other, in words."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.reference.described import described

RANGES: Final = {
    "before": described(
        "Whether the first lies before the second, with nothing in common.",
        "before(1, 10)",
        "before(1, [1..10])",
        "before(1, (1..10])",
        "before([1..10], 10)",
        "before([1..10), 10)",
        "before([1..10), [10..20])",
        "before(point1: 1, point2: 1)",
    ),
    "after": described(
        "Whether the first lies after the second, with nothing in common.",
        "after(10, 5)",
        "after(12, [1..10])",
        "after([11..20], 10)",
        "after([11..20], [1..11))",
        "after(range: [11..20], point: 11)",
    ),
    "meets": described(
        "Whether a range ends where another one begins, with that end in both.",
        "meets([1..5], [5..10])",
        "meets([1..5), [5..10])",
        "meets(range1: [1..5], range2: [6..10])",
    ),
    "met by": described(
        "Whether a range begins where another one ends, with that end in both.",
        "met by([5..10], [1..5])",
        "met by(range1: [5..10], range2: [1..5))",
    ),
    "overlaps": described(
        "Whether two ranges have something in common.",
        "overlaps([1..5], [3..8])",
        "overlaps([1..5], [5..8])",
        "overlaps(range1: [1..5), range2: [5..8])",
    ),
    "overlaps before": described(
        "Whether a range begins before another one and ends within it.",
        "overlaps before([1..5], [3..8])",
        "overlaps before([1..5), [5..8])",
        "overlaps before(range1: [1..5], range2: (1..5])",
    ),
    "overlaps after": described(
        "Whether a range begins within another one and ends after it.",
        "overlaps after([3..8], [1..5])",
        "overlaps after([5..8], [1..5))",
        "overlaps after(range1: (1..5], range2: [1..5])",
    ),
    "finishes": described(
        "Whether a point is the end of a range, or a range is the last part of another one.",
        "finishes(10, [1..10])",
        "finishes(10, [1..10))",
        "finishes([5..10], [1..10])",
        "finishes(range1: [5..10), range2: [1..10])",
    ),
    "finished by": described(
        "Whether a range ends with a point, or with another range as its last part.",
        "finished by([1..10], 10)",
        "finished by([1..10], [5..10])",
        "finished by(range1: [1..10], range2: [5..10))",
    ),
    "includes": described(
        "Whether a point or a range is wholly within a range.",
        "includes([1..10], 5)",
        "includes((1..10], 1)",
        "includes([1..10], [4..6])",
        "includes(range1: [1..10), range2: [5..10])",
    ),
    "during": described(
        "Whether a point or a range is wholly within another range: `includes`, the other way round.",
        "during(5, [1..10])",
        "during([4..6], [1..10])",
        "during(point: 1, range: (1..10])",
    ),
    "starts": described(
        "Whether a point is the start of a range, or a range is the first part of another one.",
        "starts(1, [1..10])",
        "starts(1, (1..10])",
        "starts([1..5], [1..10])",
        "starts(range1: (1..5], range2: [1..10])",
    ),
    "started by": described(
        "Whether a range starts with a point, or with another range as its first part.",
        "started by([1..10], 1)",
        "started by([1..10], [1..5])",
        "started by(range1: [1..10], range2: (1..5])",
    ),
    "coincides": described(
        "Whether two points, or two ranges, are at the same place.",
        "coincides(5, 5)",
        "coincides([1..5], [1..5])",
        "coincides(range1: (1..5), range2: [1..5])",
        'coincides(1, "a")',
    ),
}
