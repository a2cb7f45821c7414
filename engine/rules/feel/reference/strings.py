"""Functions on strings, in words."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.reference.described import described

STRINGS: Final = {
    "substring": described(
        "The part of a text from a position on, to the end or of a length. Positions count from 1, and from -1"
        " backwards.",
        'substring("milepost", 5)',
        'substring("milepost", -4, 2)',
        'substring(string: "milepost", start position: 1, length: 4)',
        'substring("milepost", 9)',
    ),
    "string length": described(
        "How many characters a text has; one beyond the 16-bit range, such as an emoji, is one.",
        'string length("mile")',
        'string length(string: "🚚")',
    ),
    "upper case": described("The text in capital letters.", 'upper case("Ada")', 'upper case(string: "straße")'),
    "lower case": described("The text in small letters.", 'lower case("Ada")', 'lower case(string: "ÉTÉ")'),
    "substring before": described(
        "What stands before the first place where a text is found; nothing, if it is not found.",
        'substring before("ada@example.com", "@")',
        'substring before(string: "ada", match: "@")',
    ),
    "substring after": described(
        "What stands after the first place where a text is found; nothing, if it is not found.",
        'substring after("ada@example.com", "@")',
        'substring after(string: "ada", match: "@")',
    ),
    "contains": described(
        "Whether a text is somewhere in another one.",
        'contains("milepost", "post")',
        'contains(string: "milepost", match: "Mile")',
    ),
    "starts with": described(
        "Whether a text begins with another one.",
        'starts with("DE-10115", "DE")',
        'starts with(string: "AT-1010", match: "DE")',
    ),
    "ends with": described(
        "Whether a text ends with another one.",
        'ends with("invoice.pdf", ".pdf")',
        'ends with(string: "invoice.pdf", match: ".txt")',
    ),
    "matches": described(
        "Whether a regular expression (of XQuery) is found in a text. Flags: `i` for capital or small alike, `s` for a"
        " point that also takes line ends, `m` for `^` and `$` at each line, `x` for blanks that do not count.",
        'matches("DE-10115", "^[A-Z]{2}-[0-9]{5}$")',
        'matches("ADA", "ada", "i")',
        'matches(input: "A-1", pattern: "[")',
    ),
    "replace": described(
        "The text with everything replaced that a regular expression finds. `$1` in the replacement is what the first"
        " group found, `$0` all of it.",
        'replace("0171 555-0100", "[^0-9]", "")',
        'replace("30.11.2026", "([0-9]+)[.]([0-9]+)[.]([0-9]+)", "$3-$2-$1")',
        'replace(input: "Ada", pattern: "a", replacement: "o", flags: "i")',
    ),
    "split": described(
        "The parts of a text between the places where a regular expression is found.",
        'split("a; b;c", ";\\s*")',
        'split(string: "2026-11-30", delimiter: "-")',
    ),
    "string join": described(
        "The texts of a list in one, with a delimiter between them. Null is left out.",
        'string join(["a", null, "b"])',
        'string join(list: ["a", "b"], delimiter: ", ")',
        'string join(["a", 1])',
    ),
}
