"""Scenarios on sheets: a row for each, with its inputs and what they have to come to."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from engine.rules.feel.exchange import from_python
from engine.rules.files import RuleFileError
from engine.rules.files.scenarios import read_scenarios, write_scenarios
from engine.rules.scenarios import EPOCH, Scenario

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.decimals(-1000, 1000, places=2)
    | st.text('ab "\\,;-=@1', max_size=6)
    | st.dates(date(1901, 1, 1), date(2999, 12, 31)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=3,
)  # fmt: skip
moments = st.just(EPOCH) | st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
names = st.text("xy", min_size=1, max_size=2)
scenarios = st.builds(
    Scenario, st.text("abc", min_size=1, max_size=3), st.dictionaries(names, values, min_size=1, max_size=3),
    values | st.fixed_dictionaries({"route": values, "rate": values}), st.none() | st.just("all"), moments,
)  # fmt: skip


@pytest.mark.parametrize("file", ["s.csv", "s.xlsx"])
@given(written=st.lists(scenarios, min_size=1, max_size=3, unique_by=lambda one: one.name))
def test_what_is_written_is_read_again(file: str, written: list[Scenario]) -> None:
    read = read_scenarios(file, write_scenarios(file, written))
    assert [(one.name, one.decision, one.now) for one in read] == [(one.name, one.decision, one.now) for one in written]
    for one, other in zip(read, written, strict=True):
        assert (one.inputs, one.expected) == (from_python(dict(other.inputs)), from_python(other.expected))


def test_cells_are_values_and_plain_texts_need_no_quotes() -> None:
    head, party = "in: Season;in: Guests;in: Born;name;out: Dish", 'Fall;8;"@""2026-11-30""";a party;Dry-aged steak'
    text = f'{head}\n{party}\n;9;null;;"""5%"""\n'
    first, second = read_scenarios("s.csv", text.encode())
    inputs = from_python({"Season": "Fall", "Guests": Decimal(8), "Born": date(2026, 11, 30)})
    assert first == Scenario("a party", inputs if isinstance(inputs, dict) else {}, {"Dish": "Dry-aged steak"})
    assert second == Scenario("scenario 2", {"Guests": Decimal(9), "Born": None}, {"Dish": "5%"})


def test_an_outcome_may_be_one_value() -> None:
    (one,) = read_scenarios("s.csv", b'in: Spent,out:\n600,"[1, 5, 20]"\n')
    assert one.expected == [1, 5, 20]


def test_numbers_and_dates_of_workbooks_are_values() -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["name", "in: Amount", "in: Since", "out: Route"])
    sheet.append(["one", 5000, date(2026, 11, 30), "refer"])
    more = book.create_sheet("More")
    more.append(["in: Amount", "out: Route"])
    more.append([1.5, "=1+1"])
    book.create_sheet("# notes").append(["anything"])
    data = io.BytesIO()
    book.save(data)
    with pytest.raises(RuleFileError) as caught:
        read_scenarios("s.xlsx", data.getvalue())
    assert "sheet 'More', row 2, column B: the cell holds a formula" in str(caught.value)
    more.cell(2, 2).value = "accept"
    data = io.BytesIO()
    book.save(data)
    first, second = read_scenarios("s.xlsx", data.getvalue())
    assert (first.name, first.expected, second.name) == ("one", {"Route": "refer"}, "scenario 2")
    assert (first.inputs["Amount"], first.inputs["Since"]) == (5000, from_python(date(2026, 11, 30)))


@pytest.mark.parametrize(
    "text, said",
    [
        ("", ["row 1: scenarios begin with a row"]),
        ("name,in: a\nx,1\n", ["row 1: scenarios begin with a row"]),
        ("in: a,out:\n", ["row 1: there are no scenarios below"]),
        ("in: a,out: b\n1 +,\n", ["row 2, column A (a): '1 +' comes to no value", "column B (b): the output is"]),
        ("in: a,out: b\n2027-01-31,5%\n", ["(a): '2027-01-31' is a subtraction", "(b): '5%' comes to no value"]),
        ("in: a,out: b,out:\n1,2,3\n", ["row 1: 'out:' without a name"]),
        ("in:,in: a,in: a,what,out: b\n1,1,1,1,1\n", [
            "row 1, column A: the input has no name", "row 1, column C: there is a second column 'in: a'",
            "row 1, column D: 'what' is no column", "row 2, column A", "row 2, column C", "row 2, column D",
        ]),
        ("in: a,out: b,now\n1,2,noon\n", ["row 2, column C: it is no moment"]),
        ("name,in: a,out: b\nx,1,1\nx,2,2\n", ["scenario 'x': it is there twice"]),
        ("in: a,out: b\ncount,1\ntoday(),1\nnul l,1\n", []),
    ],
)  # fmt: skip
def test_all_that_is_wrong_is_said_by_row_and_column(text: str, said: list[str]) -> None:
    if not said:
        assert [one.inputs["a"] for one in read_scenarios("s.csv", text.encode())][::2] == ["count", "nul l"]
        return
    with pytest.raises(RuleFileError) as caught:
        read_scenarios("s.csv", text.encode())
    assert len(caught.value.problems) == len(said), caught.value
    for problem, part in zip(caught.value.problems, said, strict=True):
        assert part in str(problem)
