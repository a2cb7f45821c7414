"""Tables as rows of cells, and as CSV files of every dialect."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules import model
from engine.rules.errors import ModelError
from engine.rules.files.book import tables_of
from engine.rules.files.csv import read_csv, write_csv
from engine.rules.files.layout import letter, read_sheet
from engine.rules.files.writing import rows_of
from engine.rules.items import USUAL
from engine.rules.problems import RuleFileError
from tests.unit.rules.models import labels, names, texts, types

FULL = """\
FIRST,in: Season,in: Guests,out: Dish,# Why
type,string,number,string,
allowed,"Fall, Winter",,,
default,,,Stew,
1,Fall,<= 8,Spareribs,as ever
r2,-,> 8,(Season),the one of the day
"""
DISH = model.DecisionTable(
    (
        model.InputClause("Season", type="string", allowed='"Fall", "Winter"'),
        model.InputClause("Guests", type="number"),
    ),
    (model.OutputClause("Dish", type="string", default='"Stew"'),),
    (
        model.Rule(('"Fall"', "<= 8"), ('"Spareribs"',), ("as ever",)),
        model.Rule(("-", "> 8"), ("Season",), ("the one of the day",), "r2"),
    ),
    "FIRST",
    annotations=("Why",),
)
MODEL = model.Model(
    "Dish",
    "urn:rules:Dish",
    elements=(
        model.InputData("input_1", "Season", "string"),
        model.InputData("input_2", "Guests", "number"),
        model.Decision("decision_1", "Dish", None, DISH, ("input_1", "input_2")),
    ),
)


@st.composite
def tables(draw: st.DrawFn) -> model.DecisionTable:
    """Any table that the layout holds; its cells need be no FEEL."""
    one_line = texts.map(lambda text: " ".join(text.split()))
    types_ = types | st.just("string")
    some = labels.map(lambda text: (text or "").strip() or None)
    inputs = draw(st.lists(st.builds(model.InputClause, one_line, some, types_, st.none() | texts), max_size=3))
    outputs = draw(
        st.lists(
            st.builds(model.OutputClause, st.none() | names, some, types_, st.none() | texts, st.none() | texts),
            min_size=1,
            max_size=3,
        )
    )
    titles = draw(st.lists(names, max_size=2))
    ids = st.none() | st.from_regex(r"[a-z]\d{1,3}", fullmatch=True)
    rule = st.builds(
        model.Rule,
        st.tuples(*[texts] * len(inputs)),
        st.tuples(*[texts] * len(outputs)),
        st.tuples(*[texts] * len(titles)),
        ids,
    )
    policy, aggregation = draw(st.sampled_from([("UNIQUE", None), ("RULE ORDER", None), ("COLLECT", "MAX")]))
    return model.DecisionTable(
        tuple(inputs), tuple(outputs), tuple(draw(st.lists(rule, max_size=3))), policy, aggregation, tuple(titles)
    )


@given(tables())
def test_rows_are_read_again_as_the_table_they_were_written_from(table: model.DecisionTable) -> None:
    assert read_sheet(rows_of(table, "T"), "file").table == table


def test_the_full_form() -> None:
    assert read_csv(FULL.encode(), "Dish") == MODEL
    assert write_csv(MODEL).decode("utf-8-sig") == FULL.replace("\n", "\r\n")


def test_the_plain_form() -> None:
    plain = "Season: string,Guests: number,-> FIRST,Dish: string,# Why\nFall,<= 8,->,Spareribs,as ever\n"
    table = tables_of(read_csv(plain.encode(), "Dish"))["Dish"]
    inputs = (model.InputClause("Season", type="string"), DISH.inputs[1])
    assert table == replace(
        DISH, inputs=inputs, outputs=(model.OutputClause("Dish", type="string"),), rules=DISH.rules[:1]
    )


def test_inputs_are_what_expressions_name_and_no_functions() -> None:
    text = "C+,in: Customer.age,in: count(Items),in: date,out:\ntype,number,,string,\n1,< 12,> 3,-,count(Items) * Rate"
    (problem,) = problems(text)
    assert problem.startswith("row 3, column E (rule 1, the output): nothing here is called 'Rate'")
    found = read_csv(text.replace(" * Rate", "").encode(), "Discount")
    assert found.elements[:-1] == (
        model.InputData("input_1", "Customer"),
        model.InputData("input_2", "Items"),
        model.InputData("input_3", "date", "string"),
    )


def test_inputs_of_the_plain_form_are_names_or_parts_of_them() -> None:
    assert problems("Total-price,Customer.age,->,Fee\n1,1,,2") == [
        "row 1, column A: 'Total-price' is no name of FEEL: expressions are inputs of the full form, 'in: ...'"
    ]
    assert [one.name for one in read_csv(b"Customer.age,->,Fee\n1,,2", "Fee").elements] == ["Customer", "Fee"]


@pytest.mark.parametrize(
    "data",
    [
        FULL.encode("utf-8-sig"),
        FULL.replace("\n", "\r\n").encode(),
        FULL.replace('"Fall, Winter"', '"Fall| Winter"').replace(",", ";").replace("|", ",").encode(),
        FULL.replace('"Fall, Winter"', '"Fall| Winter"').replace(",", "\t").replace("|", ",").encode("utf-16"),
        ("\n,,,,\n" + FULL + "\n,,,,\n\n").encode(),
        FULL.replace("FIRST", " f ").replace("in: ", "IN:").encode(),
        FULL.replace("Fall,<= 8", '"""Fall""",<= 8').encode(),
    ],
    ids=["mark", "crlf", "semicolons", "tabs in utf-16", "empty rows", "letters", "quotes"],
)
def test_every_dialect_is_read_as_the_same(data: bytes) -> None:
    assert read_csv(data, "Dish") == MODEL


def test_every_hit_policy_has_a_name_and_a_letter() -> None:
    letters = {"U": "UNIQUE", "F": "FIRST", "P": "PRIORITY", "A": "ANY", "R": "RULE ORDER", "O": "OUTPUT ORDER"}
    folded = {"C": None, "C+": "SUM", "C<": "MIN", "C>": "MAX", "C#": "COUNT"}
    found = {short: read_sheet([[short, "in: a", "out:"]], "f").table for short in [*letters, *folded]}
    policies = {short: table.hit_policy for short, table in found.items()}
    assert policies == {**letters, **dict.fromkeys(folded, "COLLECT")}
    assert {short: found[short].aggregation for short in folded} == folded


BAD = '''\
FIRST,in: Season,in: Guests,out: Dish,out: Price,# Why
type,string,number,strnig,number
allowed,"Fall,Winter",[1..100],,,
1,Summer,<= 8 8,Spareribs,1,as ever
2,-,"""a""","""x""",Guest * 2
3,,150,"""x""","""y"""
'''


def problems(data: str | bytes, name: str = "Dish") -> list[str]:
    with pytest.raises(RuleFileError) as caught:
        read_csv(data if isinstance(data, bytes) else data.encode(), name)
    assert str(caught.value).startswith(f"{name}.csv: ")
    return [str(problem) for problem in caught.value.problems]


def test_everything_wrong_with_the_cells_is_said_by_row_and_column() -> None:
    assert problems(BAD) == [
        "row 2, column D (output 'Dish', type): there is no type 'strnig': write string",
        'row 4, column B (rule 1, input \'Season\'): "Summer" is none of the allowed values: "Fall", "Winter"',
        (
            "row 4, column C (rule 1, input 'Guests'): "
            "expected an operator or the end, but there is '8'\n  <= 8 8\n       ^"
        ),
        "row 4, column D (rule 1, output 'Dish'): nothing here is called 'Spareribs': a text is written in quotes",
        "row 5, column C (rule 2, input 'Guests'): \"a\" cannot be here: expected number, but it is string",
        "row 5, column E (rule 2, output 'Price'): nothing here is called 'Guest': a text is written in quotes",
        "row 6, column C (rule 3, input 'Guests'): 150 is none of the allowed values: [1..100]",
        "row 6, column E (rule 3, output 'Price'): \"y\" cannot be here: expected number, but it is string",
    ]


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "there is no table: all cells are empty"),
        ("hello\nworld", "row 1: this row begins no table"),
        ("a,b,c\n1,2,3", "row 1: this row begins no table"),
        ("U,in: a", "row 1: this row begins no table"),
        ("X,in: a,out: b", "row 1, column A: 'X' is no hit policy: write one of UNIQUE, U, FIRST"),
        ("U F,in: a,out: b", "row 1, column A: 'U F' is no hit policy"),
        ("U,in: a,b,out: c", "row 1, column C: 'b' is no column"),
        ("U,in:,out: c", "row 1, column B: the input has no expression"),
        ("a,-> BEST,c", "row 1, column B: 'BEST' is no hit policy: write one of UNIQUE, U"),
        ("a,->,->,c", "row 1, column C: there is a second arrow"),
        ("a,->", "row 1: there is no column of an output"),
        ("a,->,b\n1,x,2", "row 2, column B: the column of the arrow has nothing but arrows"),
        ("U,in: a,out: b\n1,1,", "row 2, column C: the output is empty"),
        ("U,in: a,out: b\n1,1", "row 2, column C: the output is empty"),
        ("U,in: a,out: b\n1,1,2,3", "row 2, column D: '3' is in a column without a title"),
        ("U,in: a,out: b\n1,1,2\ntype,number,", "row 3, column A: the row 'type' comes before the rules"),
        ("U,in: a,out: b\ntype,number,\ntype,number,", "row 3, column A: there is a second row 'type'"),
        ("U,in: a,out: b\ndefault,1,", "row 2, column B: only outputs have a default"),
        ("U,in: a,out: b,out: b\n1,1,2,3", "row 1, column D (output 'b'): two outputs have the name 'b'"),
        ("U,in: a,out:,out: b\n1,1,2,3", "row 1, column C (the output): several outputs need names"),
        ("U,in: a +,out: b\n1,1,2", "row 1, column B (input 'a +'): expected a value"),
        ('U,in: a,out: b\n1,"x"y,2', "row 2: the row is no CSV"),
        ('U,in: a,out: b\n1,"x', "row 2: the row is no CSV: unexpected end of data"),
        ("U,in: a,out: b\n1,1," + "x" * 200_000, "row 2: the row is no CSV: field larger than field limit"),
        ("U,in: a,out: b\n1,1," + "(" * 1000, "row 2, column C (rule 1, output 'b'): "),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(text: str, says: str) -> None:
    assert says in "\n".join(problems(text))


@pytest.mark.parametrize("cell", ["2027-01-01", "< 2027-01-01", "[2027-01-01..2028-01-01]", "18-65", "1, 0.5-2.5"])
def test_what_is_a_subtraction_to_feel_alone_is_refused(cell: str) -> None:
    (problem,) = problems(f"U;in: a;out: b\n1;{cell};2")
    assert problem.startswith(f"row 2, column B: {cell!r} is a subtraction in FEEL")
    (problem,) = problems("U;in: a;out: b\n1;2;2027-01-01")
    assert problem.startswith("row 2, column C: ")
    fine = ['"< @""2027-01-01"""', '"date(""2027-01-01"")"', "2027 - 01 - 01", "-5", "[1..-5]", '"""18-65"""', "1e-5"]
    read_csv(b"U;in: a;out: b\n" + "".join(f"1;{cell};1\n" for cell in fine).encode(), "Dish")


def test_such_subtractions_are_written_so_that_they_are_read() -> None:
    table = model.DecisionTable(
        (model.InputClause("a"),), (model.OutputClause("b"),), (model.Rule(("< 2027-01-01",), ("2027-01-01",)),)
    )
    read = read_sheet(rows_of(table, "t"), "t").table
    assert read.rules == (model.Rule(("< 2027 - 01 - 01",), ("2027 - 01 - 01",)),)


@pytest.mark.parametrize("cell", ["< 1,000", ">=1.000,50", "1,000", "5, < 2,5", "1,000,000"])
def test_numbers_with_separators_are_refused(cell: str) -> None:
    (problem,) = problems(f"U;in: a;out: b\n1;{cell};2")
    assert problem.startswith(f"row 2, column B: {cell!r} has a comma in a number")


@pytest.mark.parametrize("cell", ["1,5", "-1,5", "1.000,50", "1,000,000", "1,000.5"])
def test_numbers_with_a_comma_are_refused_as_outcomes(cell: str) -> None:
    assert problems(f"a;->;b\n1;;{cell}") == [
        f"row 2, column C (rule 1, output 'b'): {cell!r} has a comma in a number: write 1000 for 1,000 and 1.5 for 1,5"
    ]


@pytest.mark.parametrize(
    "name, says",
    [
        ("int", "write number"), ("String", "write string"), ("text", "write string"), ("numbr", "write number"),
        ("Boolean", "write boolean"), ("datetime", "write date and time"),
        ("money", f"write {', '.join(USUAL)}, or the name of one that the model has"),
    ],
)  # fmt: skip
def test_types_that_are_not_there_are_told_what_they_are_called_here(name: str, says: str) -> None:
    assert problems(f"U;in: a;out: b\ntype;{name};\n1;-;1") == [
        f"row 2, column B (input 'a', type): there is no type {name!r}: {says}"
    ]


@pytest.mark.parametrize("cell", ["< 1, 000", "100,200", "< 5, 10", "[1..5],7", "1,2,3", "f(1, 2),0", '"< 1,000"'])
def test_lists_of_tests_are_no_numbers_with_separators(cell: str) -> None:
    (rule,) = read_sheet([["U", "in: a", "out: b"], ["1", cell, "2"]], "f").table.rules
    assert rule.conditions == (cell,)


def test_tests_that_look_like_such_numbers_are_written_with_a_blank() -> None:
    rules = (model.Rule(("<5,10",), ("1",)), model.Rule(('"<5,10"',), ("1",)))
    table = model.DecisionTable((model.InputClause("a"),), (model.OutputClause(),), rules)
    assert [row[1] for row in rows_of(table, "T")[1:]] == ["<5, 10", '"<5,10"']


def test_other_encodings_are_refused() -> None:
    (problem,) = problems(FULL.replace("Spareribs", "Klöße").encode("latin-1"))
    assert problem.startswith("line 5: the file is not in UTF-8")


def test_files_beyond_measure_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.rules.files.csv.MAX_BYTES", 100)
    assert problems(FULL) == [f"the file has {len(FULL)} bytes; 100 are read"]
    monkeypatch.undo()
    monkeypatch.setattr("engine.rules.files.layout.MAX_CELLS", 10)
    assert problems(FULL) == ["the table has more than 10 cells"]


@pytest.mark.parametrize(
    "change, says",
    [
        ({"aggregation": "SUM"}, "the hit policy FIRST with SUM"),
        ({"type": "tDish"}, "the type 'tDish' for the whole of it"),
        ({"inputs": (model.InputClause(""), DISH.inputs[1])}, "an input without an expression"),
        ({"rules": (model.Rule(("-", "-"), ("1",), (), "7"),)}, "a rule with the id '7'"),
        ({"rules": (model.Rule(("-",), ("1",)),)}, "a rule 1 with more or fewer cells than columns"),
        ({"outputs": ()}, "no output"),
    ],
)
def test_what_cells_cannot_hold_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(ModelError) as caught:
        rows_of(replace(DISH, **change), "Dish")  # type: ignore[arg-type]
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "source, says",
    [
        (replace(MODEL, items=(model.ItemDefinition("t"),)), "has types of its own ('t')"),
        (replace(MODEL, imports=(model.Import("i", "urn:i"),)), "has imports ('i')"),
        (replace(MODEL, elements=()), "has no decisions"),
        (replace(MODEL, elements=(model.BusinessKnowledgeModel("k", "K"),)), "'K' is no decision"),
        (replace(MODEL, elements=(model.Decision("d", "D"),)), "'D' is no table"),
        (
            replace(MODEL, elements=tuple(model.Decision(name, name, None, DISH) for name in "ab")),
            "has 2 decisions (a, b), and CSV holds one",
        ),
        (
            replace(MODEL, elements=(model.Decision("d", "D", "tList", replace(DISH, hit_policy="COLLECT")),)),
            "has the type 'tList' beside those of its columns",
        ),
    ],
)
def test_models_that_are_more_than_a_table_are_refused(source: model.Model, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        write_csv(source)
    assert says in str(caught.value)


def test_the_type_of_a_decision_becomes_that_of_its_column() -> None:
    untyped = replace(DISH, outputs=(replace(DISH.outputs[0], type=None),))
    typed = model.Decision("decision_1", "Dish", "string", untyped, ("input_1", "input_2"))
    assert write_csv(replace(MODEL, elements=(*MODEL.elements[:2], typed))) == write_csv(MODEL)


@pytest.mark.parametrize("aggregation", ["SUM", "MIN", "MAX", "COUNT"])
def test_the_type_of_what_is_aggregated_is_that_of_its_column(aggregation: model.Aggregation) -> None:
    table = model.DecisionTable(
        (model.InputClause("Guests"),), (model.OutputClause(),), (model.Rule(("> 1",), ("5",)),), "COLLECT", aggregation
    )
    elements = (model.InputData("g", "Guests", "number"), model.Decision("d", "Price", "number", table, ("g",)))
    found = tables_of(read_csv(write_csv(replace(MODEL, elements=elements)), "Price"))["Price"]
    assert found.inputs == (model.InputClause("Guests", type="number"),)
    assert found.outputs[0].type == (None if aggregation == "COUNT" else "number")


@pytest.mark.parametrize(
    "data, says",
    [
        (model.InputData("g", "Guests", "string"), "input 'Guests' has the type 'string', and its column 'number'"),
        (model.InputData("x", "Extra", "number"), "input 'Extra' has the type 'number', and no column of its own"),
    ],
)
def test_inputs_whose_types_no_column_has_are_refused(data: model.InputData, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        write_csv(replace(MODEL, elements=(data, MODEL.elements[-1])))
    assert says in str(caught.value)


def test_columns_have_letters() -> None:
    assert [letter(column) for column in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


@pytest.mark.parametrize(
    "cell, said",
    [
        ("TRUE", "nothing here is called 'TRUE': write true for a truth value, and a text in quotes"),
        ("No", "nothing here is called 'No': write false for a truth value"),
        ("≥ 5", "'≥' has no meaning here: write >="),
        ("“new”", "'“' has no meaning here: write \""),
        ("7%", "'%' has no meaning here: write 0.07 for 7%"),
    ],
)
def test_what_spreadsheets_make_of_cells_is_said_how_to_write(cell: str, said: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        read_csv(f"U,in: paid,out:\n1,{cell},1\n".encode(), name="t")
    assert said in str(caught.value)
