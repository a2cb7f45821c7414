"""What differs between two models, as those say it who know the rules."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from engine.rules import model
from engine.rules.changes.kinds import Cell, Change, Setting, TableChange
from engine.rules.changes.models import compare, described
from engine.rules.files import read_rules

HEAD = "U,in: Score,in: Amount,out: Route,# why\ntype,number,number,string,\n"
RULES = ["1,< 500,,reject,risky\n", "2,>= 500,> 20000,refer,large\n", "3,>= 500,<= 20000,accept,\n"]


def loan(head: str = HEAD, rules: list[str] = RULES) -> model.Model:
    return read_rules("loan.csv", "".join([head, *rules]).encode())


def table_change(old: model.Model, new: model.Model) -> TableChange:
    (found,) = (one for one in compare(old, new) if one.kind == "decision")
    assert (found.step, found.table is None) == ("changed", False)
    assert found.table is not None
    return found.table


def steps(found: TableChange) -> list[tuple[str, int | None, int | None]]:
    return [(one.step, one.old_place, one.new_place) for one in found.rules]


def test_equal_models_have_no_difference() -> None:
    assert compare(loan(), loan()) == ()


def test_a_cell_that_changed_is_told_with_what_it_was() -> None:
    found = table_change(loan(), loan(rules=[RULES[0], RULES[1].replace("20000", "30000"), RULES[2]]))
    (rule,) = found.rules
    assert (rule.step, rule.old_place, rule.new_place, found.as_before) == ("changed", 2, 2, 2)
    assert [cell for cell in rule.cells if cell.differs] == [Cell("> 20000", "> 30000")]


def test_rules_are_added_removed_and_moved() -> None:
    first, second, third = RULES
    assert steps(table_change(loan(), loan(rules=[first, third]))) == [("removed", 2, None)]
    assert steps(table_change(loan(rules=[first, third]), loan())) == [("added", None, 2)]
    found = table_change(loan(), loan(rules=[third, first, second]))
    assert (steps(found), found.as_before) == ([("moved", 3, 1)], 2)


def test_a_column_that_was_added_changes_only_the_rules_that_test_it() -> None:
    head = "U,in: Score,in: Amount,in: Age,out: Route,# why\ntype,number,number,number,string,\nallowed,,,[0..150],,\n"
    new = loan(
        head, ["1,< 500,,,reject,risky\n", "2,>= 500,> 20000,,refer,large\n", "3,>= 500,<= 20000,> 17,accept,\n"]
    )
    found = table_change(loan(), new)
    assert [(one.title, one.step) for one in found.columns] == [
        ("Score", "same"), ("Amount", "same"), ("Age", "added"), ("Route", "same"), ("why", "same"),
    ]  # fmt: skip
    assert found.columns[2].settings == (Setting("type", None, "number"), Setting("allowed values", None, "[0..150]"))
    assert (steps(found), found.as_before) == ([("changed", 3, 3)], 2)
    assert found.rules[0].cells[2] == Cell("-", "> 17")
    assert [(one.title, one.step) for one in table_change(new, loan()).columns][2] == ("Age", "removed")
    first = compare(loan(), new)[0]
    assert (first.kind, first.name, first.step) == ("input", "Age", "added")


def test_the_policy_allowed_values_and_names_of_columns_are_told() -> None:
    head = 'F,in: Points,in: Amount,out: Route,# why\ntype,number,number,string,\nallowed,,"[0..9],[20..30]",,\n'
    found = table_change(loan(), loan(head))
    assert found.settings == (Setting("hit policy", "UNIQUE", "FIRST"),)
    assert found.columns[0].settings == (Setting("expression", "Score", "Points"),)
    assert found.columns[1].settings == (Setting("allowed values", None, "[0..9],[20..30]"),)
    assert (found.rules, found.as_before) == ((), 3)


def test_a_decision_is_added_removed_and_renamed() -> None:
    source = loan()
    decision = source.elements[-1]
    assert isinstance(decision, model.Decision)
    other = model.Decision("x", "fee", "number", model.LiteralExpression("Amount * 0.05"), (decision.id,))
    new = replace(source, elements=(*source.elements, other))
    added = Change(
        "decision", "fee", "added", None,
        (
            Setting("type", None, "number"), Setting("builds on", None, "loan"),
            Setting("expression", None, "Amount * 0.05"),
        ),
    )  # fmt: skip
    assert compare(source, new) == (added,)
    assert described(new, other) == added
    assert compare(new, source) == (Change("decision", "fee", "removed"),)
    renamed = replace(new, elements=(*source.elements, replace(other, name="charge")))
    assert compare(new, renamed) == (Change("decision", "charge", "changed", "fee"),)
    dearer = replace(other, expression=model.LiteralExpression("Amount * 0.06"))
    assert compare(new, replace(new, elements=(*source.elements, dearer)))[0].settings == (
        Setting("expression", "Amount * 0.05", "Amount * 0.06"),
    )


def test_boxes_are_told_by_the_names_of_their_entries() -> None:
    def boxed(text: str) -> model.Model:
        entry = model.ContextEntry(model.Parameter("Total"), model.LiteralExpression(text))
        items = model.BoxedList((model.LiteralExpression("1"), model.BoxedContext((entry,))))
        return model.Model("m", "n", elements=(model.Decision("d", "d", None, items),))

    assert compare(boxed("a + 1"), boxed("a + 2"))[0].settings == (Setting("2 / Total", "a + 1", "a + 2"),)


def test_types_are_told_by_their_entries() -> None:
    def typed(allowed: str, *more: model.ItemDefinition) -> model.Model:
        item = model.ItemDefinition("tOrder", None, (model.ItemDefinition("status", "string", allowed=allowed), *more))
        return model.Model("m", "n", items=(item,))

    (found,) = compare(typed('"new"'), typed('"new", "old"', model.ItemDefinition("age", "number", collection=True)))
    assert (found.kind, found.name, found.step) == ("type", "tOrder", "changed")
    assert found.settings == (
        Setting("status / allowed values", '"new"', '"new", "old"'), Setting("age / type", None, "list of number"),
    )  # fmt: skip


def test_ids_and_order_are_no_difference() -> None:
    source = loan()
    assert compare(source, replace(source, elements=source.elements[::-1])) == ()


@given(st.lists(st.sampled_from(RULES), unique=True), st.lists(st.sampled_from(RULES), unique=True))
def test_all_rules_are_accounted_for(old: list[str], new: list[str]) -> None:
    changes = compare(loan(rules=old), loan(rules=new))
    if old == new:
        assert changes == ()
        return
    found = table_change(loan(rules=old), loan(rules=new))
    assert found.as_before + sum(one.old_place is not None for one in found.rules) == len(old)
    assert found.as_before + sum(one.new_place is not None for one in found.rules) == len(new)
