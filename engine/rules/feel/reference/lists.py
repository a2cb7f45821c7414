"""Functions that look into lists and make lists of lists, in words."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.reference.described import described

LISTS: Final = {
    "list contains": described(
        "Whether a value is an element of a list.",
        "list contains([1, 2, 3], 2)",
        "list contains(list: [1, null], element: null)",
    ),
    "index of": described(
        "The positions at which a value is in a list.",
        'index of(["a", "b", "a"], "a")',
        'index of(list: ["a"], match: "x")',
    ),
    "sublist": described(
        "The elements from a position on, to the end or as many as said.",
        "sublist([1, 2, 3, 4], 2)",
        "sublist([1, 2, 3, 4], -3, 2)",
        "sublist(list: [1, 2, 3], start position: 1, length: 2)",
    ),
    "append": described(
        "The list with elements behind it.",
        "append([1, 2], 3, 4)",
        "append(list: [1], item: [2])",
    ),
    "concatenate": described(
        "The elements of several lists in one.",
        "concatenate([1, 2], [2, 3])",
        "concatenate(list: [1, 2])",
    ),
    "insert before": described(
        "The list with a new element before a position.",
        'insert before(["a", "c"], 2, "b")',
        'insert before(list: ["a", "c"], position: -1, newItem: "b")',
    ),
    "remove": described(
        "The list without the element at a position.",
        'remove(["a", "b", "c"], 2)',
        'remove(list: ["a", "b", "c"], position: -1)',
        'remove(["a"], 2)',
    ),
    "reverse": described("The elements from the last to the first.", "reverse([1, 2, 3])", "reverse(list: [])"),
    "list replace": described(
        "The list with a new element at a position, or in place of every element for which a function is true. The"
        " function is given the element and the new one.",
        'list replace(["a", "x", "c"], 2, "b")',
        "list replace([1, 20, 30], function(old, new) old > new, 9)",
        'list replace(list: ["a", "x"], position: -1, newItem: "b")',
    ),
    "union": described(
        "The elements of several lists in one, each value once.",
        "union([1, 2], [2, 3])",
        "union(list: [1, 1])",
    ),
    "distinct values": described(
        "The elements, each value once.",
        "distinct values([1, 2, 1, null, null])",
        'distinct values(list: ["a", "A"])',
    ),
    "flatten": described(
        "The elements of a list and of all the lists within it.",
        "flatten([1, [2, [3, []]]])",
        "flatten(list: [[1], 2])",
    ),
    "sort": described(
        "The elements in order: by their own, or by a function that says whether one comes before another. What is the"
        " same to it stays in its order.",
        "sort([3, 1, 2], function(a, b) a < b)",
        "sort([{n: 1}, {n: 3}], function(a, b) a.n > b.n)",
        "sort([3, 1, 2])",
        "sort(list: [1, 2], precedes: function(a, b) a > b)",
        'sort([1, "a"])',
    ),
}

AGGREGATES: Final = {
    "count": described("How many elements a list has.", "count([1, null, 3])", "count(list: [])"),
    "min": described(
        "The least of values that have an order.",
        "min([3, 1, 2])",
        'min("b", "a")',
        'min(list: [@"2026-11-30", @"2026-01-01"])',
        "min([])",
    ),
    "max": described(
        "The greatest of values that have an order.",
        "max([3, 1, 2])",
        'max("b", "a")',
        "max(list: [0.5])",
        'max([1, "a"])',
    ),
    "sum": described(
        "The sum of numbers.",
        "sum([1, 2, 3])",
        "sum(1, 2)",
        "sum(list: [0.1, 0.2])",
        "sum([])",
        "sum([1, null])",
    ),
    "mean": described("The average of numbers.", "mean([1, 2, 6])", "mean(1, 2)", "mean(list: [1, 1, 2])"),
    "product": described("The product of numbers.", "product([2, 3, 4])", "product(2, 3)", "product(list: [0.5, 0.5])"),
    "median": described(
        "The number in the middle, or the mean of the two that are.",
        "median([8, 2, 5, 3])",
        "median(6, 1, 2)",
        "median(list: [])",
    ),
    "stddev": described(
        "The standard deviation of a sample; of two numbers or more.",
        "stddev([2, 4, 7, 5])",
        "stddev(2, 4, 7, 5)",
        "stddev([47])",
        "stddev(list: [1, 3])",
    ),
    "mode": described(
        "The numbers that occur most often, in order.",
        "mode([6, 3, 9, 6, 6])",
        "mode(6, 1, 9, 6, 1)",
        "mode(list: [])",
    ),
    "all": described(
        "Whether everything is true; false as soon as something is false.",
        "all([true, true])",
        "all(true, null, false)",
        "all(list: [true, null])",
        "all([])",
    ),
    "any": described(
        "Whether something is true.",
        "any([false, true])",
        "any(false, null, true)",
        "any(list: [false, null])",
        "any([])",
    ),
}
