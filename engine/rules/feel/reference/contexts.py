"""Functions on contexts, in words."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.reference.described import described

CONTEXTS: Final = {
    "get value": described(
        "The value of an entry, by a name that may be computed.",
        'get value({rate: 0.5}, "rate")',
        'get value(m: {rate: 0.5}, key: "fee")',
    ),
    "get entries": described(
        "The entries as a list of contexts with `key` and `value`.",
        "get entries({rate: 0.5, fee: 3})",
        "get entries(m: {})",
    ),
    "context": described(
        "A context of such entries.",
        'context([{key: "rate", value: 0.5}, {key: "fee", value: 3}])',
        "context(entries: [])",
        'context([{key: "rate", value: 1}, {key: "rate", value: 2}])',
    ),
    "context put": described(
        "The context with an entry added or replaced, at its top or along a path of names.",
        'context put({rate: 0.5}, "fee", 3)',
        'context put({offer: {rate: 0.5}}, ["offer", "rate"], 0.4)',
        'context put(context: {rate: 0.5}, key: "rate", value: 0.4)',
    ),
    "context merge": described(
        "The entries of several contexts in one; of the same name, the last one counts.",
        "context merge([{rate: 0.5}, {rate: 0.4, fee: 3}])",
        "context merge(contexts: [])",
    ),
}
