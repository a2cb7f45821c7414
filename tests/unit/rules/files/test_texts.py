"""What is plainly a text in a column of strings, and what stays FEEL."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.rules.files import texts

cells = st.text("aB 7,\"()_-&'/%.<=not\nnull\\", max_size=14) | st.lists(
    st.sampled_from(['"a b"', "Fall", "not(", ")", "(", ", ", ",", '"x"', "null", "-", "7"]), max_size=8
).map("".join)


@pytest.mark.parametrize(
    "cell, tests",
    [
        ("Fall", '"Fall"'),
        ("Fall, Winter", '"Fall", "Winter"'),
        ("Fall,null", '"Fall", null'),
        ('Fall, "Me, you"', '"Fall", "Me, you"'),
        ("not(Fall)", 'not("Fall")'),
        ("not (Fall,Winter)", 'not("Fall", "Winter")'),
        ("Dry-aged / 28 days & more", '"Dry-aged / 28 days & more"'),
        ("null and void", '"null and void"'),
        ("0049", '"0049"'),
        ("Größe 12", '"Größe 12"'),
        ("not found", '"not found"'),
        # FEEL, as it stands.
        ("-", "-"),
        ("null", "null"),
        ('"Fall"', '"Fall"'),
        ('"Fall","Winter"', '"Fall","Winter"'),
        ("(Season)", "Season"),
        ("((Season))", "(Season)"),
        ("order.season", "order.season"),
        ('starts with(?, "F")', 'starts with(?, "F")'),
        ('Fall, starts with(?, "F")', 'Fall, starts with(?, "F")'),
        ("= Season", "= Season"),
        ("Hello!", "Hello!"),
        ("Fall,", "Fall,"),
        ("", ""),
        ("(", "("),
    ],
)
def test_conditions(cell: str, tests: str) -> None:
    assert texts.condition(cell) == tests


@pytest.mark.parametrize(
    "cell, expression",
    [
        ("Spareribs", '"Spareribs"'),
        ("not(Fall)", "not(Fall)"),
        ("a, b", "a, b"),
        ("(Special)", "Special"),
        ('First + " " + Last', 'First + " " + Last'),
        ("null", "null"),
        ("true", '"true"'),
    ],
)
def test_conclusions(cell: str, expression: str) -> None:
    assert texts.conclusion(cell) == expression


@given(cells)
@example("(" * 50_000 + "a" + ")" * 50_000)
def test_the_shortest_cell_stands_for_what_it_was_made_of(text: str) -> None:
    assert texts.condition(texts.short_condition(text)) == text
    assert texts.conclusion(texts.short_conclusion(text)) == text


@pytest.mark.parametrize(
    "tests, cell",
    [
        ('"Fall"', "Fall"),
        ('"Fall", "Winter"', "Fall, Winter"),
        ('not("Fall")', "not(Fall)"),
        ("Season", "(Season)"),
        ('"a,b"', '"a,b"'),
        ('"-"', '"-"'),
    ],
)
def test_cells_are_as_short_as_can_be(tests: str, cell: str) -> None:
    assert texts.short_condition(tests) == cell
