"""``engine rules``, as users call it: files in, tables out, and an explanation of what was decided."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from engine import Client, Registry
from engine.cli.rules.tables import feel_text
from engine.rules.graph import Graph
from engine.rules.model import Model
from engine.store.migrations import migrate
from tests.cli.desk import CSV, ROWS, Desk
from tests.worker.rule_flows import bound
from tests.worker.serving import serving


def test_rules_are_brought_in_once_and_listed(desk: Desk) -> None:
    assert desk.said("import", "credit.csv", "--author", "eva", "--comment", "first") == "imported: credit version 1\n"
    assert desk.said("import", "credit.csv") == "there already: credit version 1\n"
    assert desk.said("import", "changed.csv", "--name", "credit", "--from", "2027-01-01", "--until", "2028-01-01")
    lines = desk.said("list", "credit").splitlines()
    assert lines[0].split() == ["rules", "version", "state", "hash", "for", "author", "imported", "comment"]
    assert re.fullmatch(r"credit +2 +draft +\w{8} +2027-01-01..2028-01-01 +\w+ +(now|\d+[sm] ago) *", lines[1])
    assert re.fullmatch(r"credit +1 +draft +\w{8} +eva +(now|\d+[sm] ago) +first *", lines[2])
    (shown,) = desk.run("list", "--json").json
    assert (shown["number"], shown["state"], "content" in shown) == (2, "draft", False)


def test_nothing_is_brought_in_where_one_file_is_wrong(desk: Desk) -> None:
    desk.put("bad.csv", "".join([*ROWS, '3,"< 5 +",1,null,\n', '4,"[5",0,null,\n']))
    done = desk.run("import", "credit.csv", "bad.csv")
    assert (done.code, done.out) == (1, "")
    lines = done.err.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("engine: bad.csv: row ") for line in lines)
    assert "row 4, column B" in lines[0]
    assert not (desk.path / "rules.db").exists()
    assert desk.run("import", "nothing.csv").err.endswith("it cannot be read: No such file or directory\n")
    desk.put("what.txt", "")
    assert "rules are read from .dmn" in desk.run("import", "what.txt").err


def test_a_table_is_shown_as_a_table(desk: Desk) -> None:
    desk.imported()
    shown = desk.said("show", "credit", "--version", "1")
    assert shown.startswith("rules     credit version 1, draft\n")
    assert "comment   first" in shown
    table = [line for line in shown.splitlines() if line.startswith(("│", "┌", "├", "└"))]
    assert table == [
        "┌───┬─────────┬──────┬───────────────┬───────┐",
        "│ U │ amount  │ rate │ since         │ why   │",
        "├───┼─────────┼──────┼───────────────┼───────┤",
        "│ 1 │ < 1000  │ 0    │ null          │ small │",
        '│ 2 │ >= 1000 │ 0.10 │ @"2026-11-30" │ large │',
        "└───┴─────────┴──────┴───────────────┴───────┘",
    ]
    assert desk.said("show", "credit", LANG="C").isascii()
    assert desk.run("show", "credit", "--version", "1", "--json").json["content"]["format"] == 1


def test_versions_are_activated_taken_back_and_tagged(desk: Desk) -> None:
    desk.imported()
    assert desk.said("activate", "credit", "--version", "1") == "active: credit version 1\n"
    assert desk.said("activate", "credit", "--comment", "as agreed") == "active: credit version 2\n"
    assert [one["state"] for one in desk.run("list", "credit", "--json").json] == ["active", "retired"]
    assert desk.said("rollback", "credit") == "active again: credit version 1\n"
    done = desk.run("rollback", "credit")
    assert (done.code, done.out) == (1, "")
    assert desk.said("tag", "credit", "pilot", "--version", "2") == "tagged: credit version 2 is pilot\n"
    assert "credit version 2" in desk.said("show", "credit", "--version", "pilot")
    assert desk.run("tag", "credit", "7").code == 2
    for words in (["show", "other"], ["show", "credit", "--version", "9"], ["activate", "credit", "--version", "best"]):
        assert desk.run(*words).code == 3


def test_versions_are_compared(desk: Desk) -> None:
    desk.said("import", "credit.csv")
    desk.put("credit.csv", CSV.replace("0.10", "0.20"))
    desk.said("import", "credit.csv")
    lines = desk.said("diff", "credit", "1", "2").splitlines()
    assert lines[0] == "credit: version 1 to version 2"
    assert lines[1:] == [
        "",
        "decision credit: changed",
        "  rules: 1 changed, 1 as before",
        "┌───────────┬─────────┬─────────────┬───────────────┬───────┐",
        "│ rule      │ amount  │ rate        │ since         │ why   │",
        "├───────────┼─────────┼─────────────┼───────────────┼───────┤",
        '│ 2 changed │ >= 1000 │ 0.10 → 0.20 │ @"2026-11-30" │ large │',
        "└───────────┴─────────┴─────────────┴───────────────┴───────┘",
    ]
    assert desk.said("diff", "credit", "1", "2", LANG="C").isascii()
    (plain,) = desk.run("diff", "credit", "1", "2", "--json").json["changes"]
    (rule,) = plain["table"]["rules"]
    assert (rule["step"], rule["new_place"], rule["cells"][1]) == ("changed", 2, {"old": "0.10", "new": "0.20"})
    desk.said("activate", "credit")
    assert desk.said("diff", "credit").splitlines()[1] == "no difference"


def test_a_version_is_compared_with_a_draft_that_was_not_brought_in(desk: Desk) -> None:
    desk.said("import", "credit.csv")
    head, *lines = desk.said("diff", "credit", "--file", "changed.csv").splitlines()
    assert head == f"credit: version 1 to {desk.path / 'changed.csv'}"
    assert [line.split("│")[1:4] for line in lines if "changed │" in line] == [
        [" 2 changed ", " >= 1000 ", " 0.10 → 0.20 "],
    ]
    assert desk.run("diff", "credit", "--file", "changed.csv", "--json").json["new"] is None
    assert desk.run("list", "credit", "--json").json[0]["number"] == 1
    desk.put("bad.csv", CSV.replace("< 1000", "< 1000 +"))
    done = desk.run("diff", "credit", "--file", "bad.csv")
    assert (done.code, "bad.csv: row 2, column B" in done.err) == (1, True)
    assert desk.run("diff", "credit", "1", "1", "--file", "changed.csv").code == 2


def test_rules_are_the_same_whatever_their_file_is_called(desk: Desk) -> None:
    desk.said("import", "credit.csv")
    desk.put("credit (2).csv", CSV)
    assert desk.said("import", "credit (2).csv", "--name", "credit") == "there already: credit version 1\n"
    desk.said("import", "changed.csv", "--name", "credit")
    assert desk.said("diff", "credit", "1", "2").count(" changed │ ") == 1


def test_columns_and_policies_that_differ_are_said(desk: Desk) -> None:
    desk.said("import", "credit.csv")
    desk.put(
        "wide.csv", "F,in: amount,in: age,out: rate,# why\ntype,,number,,\n1,< 1000,,0,small\n2,-,> 17,0.10,large\n"
    )
    said = desk.said("diff", "credit", "--file", "wide.csv").splitlines()
    assert said[1:10] == [
        "",
        "input age: added",
        "  type: number",
        "",
        "decision credit: changed",
        "  hit policy: UNIQUE → FIRST",
        "  input age: added",
        "  input age, type: number",
        "  output since: removed",
    ]
    assert desk.said("diff", "credit", "--file", "credit.csv").splitlines()[1:] == ["no difference"]


def test_a_version_is_exported_and_is_the_same_when_it_comes_back(desk: Desk) -> None:
    desk.imported()
    for name in ("out.csv", "out.dmn", "out.json"):
        assert desk.said("export", "credit", name, "--version", "1").startswith("exported: credit version 1 to ")
    for name in ("out.dmn", "out.json"):
        assert desk.said("import", name, "--name", "credit") == "there already: credit version 1\n"
    assert desk.run("export", "credit", "out.txt").code == 1


def test_files_are_looked_through_without_a_store(desk: Desk) -> None:
    assert desk.said("check", "credit.csv") == f"{desk.path / 'credit.csv'}: nothing to say\n"
    desk.put("gap.csv", CSV.replace("< 1000", "< 500"))
    head, finding = desk.said("check", "gap.csv").splitlines()
    assert head == f"{desk.path / 'gap.csv'}:"
    assert finding.startswith("  gap: no rule matches ")
    desk.put("bad.csv", CSV.replace("< 1000", "< 1000 +"))
    done = desk.run("check", "bad.csv", "credit.csv")
    assert done.code == 1
    assert "row 2, column B" in done.err
    assert done.out.endswith("credit.csv: nothing to say\n")
    assert not (desk.path / "rules.db").exists()


def test_it_says_on_a_terminal_only_what_it_looks_at(desk: Desk) -> None:
    told = desk.run("check", "credit.csv", FORCE_COLOR="1", TERM="xterm-256color")
    assert "looking for overlaps in credit" in told.err or "looking for unreachable rules in credit" in told.err
    assert "looking" not in told.out
    desk.imported()
    told = desk.run("check", "--stored", "credit", FORCE_COLOR="1", TERM="xterm-256color")
    assert "looking for" in told.err
    assert "looking" not in desk.run("check", "credit.csv").err


def test_files_are_compiled_once_to_be_looked_through(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compile_one = Graph.__init__

    def count(graph: Graph, source: Model, *rest: Any) -> None:
        compiled.append(source.name)
        compile_one(graph, source, *rest)

    monkeypatch.setattr(Graph, "__init__", count)
    desk.said("check", "credit.csv")
    assert compiled == ["credit"]
    desk.said("import", "credit.csv")
    desk.said("export", "credit", "credit.json")
    compiled.clear()
    desk.said("check", "credit.json")
    assert compiled == ["credit"]


def test_a_decision_is_explained_cell_by_cell(desk: Desk) -> None:
    desk.imported()
    desk.said("activate", "credit", "--version", "1")
    with Client(desk.url) as client:
        migrate(client.database)
        with serving(desk.url, registry=Registry([bound])):
            handle = client.start(bound, {})
            assert handle.result(30) == [1, "0.10"]
    shown = desk.said("explain", handle.id[:10])
    assert shown.startswith(
        "decided  credit by credit version 1\nbecause  it was active when the execution began\nhash "
    )
    assert "inputs   {amount: 5000}\n" in shown
    rows = [line.split("│")[1:4] for line in shown.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["U", "amount", "rate"], ["", "5000", ""], ["1", "✗ < 1000", "0"], ["▶ 2", "✓ >= 1000", "0.10"],
    ]  # fmt: skip
    head, row = desk.said("decisions", handle.id[:10]).splitlines()
    assert head.split() == ["step", "decided", "inputs", "outcome", "matched"]
    assert re.split(r" {2,}", row.strip())[:3] == ["1", "credit by credit version 1", "{amount: 5000}"]
    (listed,) = desk.run("decisions", handle.id, "--json").json
    assert (listed["seq"], listed["rules"], listed["inputs"], listed["shadow"]) == (1, "credit", {"amount": 5000}, None)
    assert (listed["outcome"]["rate"], listed["matched"]) == (0.1, [["credit", [2]]])
    plain = desk.run("explain", handle.id, "1", "--json").json
    assert (plain["outcome"]["rate"], plain["agrees"], plain["matched"]) == (0.1, True, [["credit", [2]]])
    assert [rule["cells"][0]["result"] for rule in plain["tables"][0]["rules"]] == [False, True]
    done = desk.run("explain", handle.id, "9")
    assert (done.code, "step 9 is no decision" in done.err) == (2, True)


def test_values_are_written_as_the_cells_that_test_them() -> None:
    values = ("gate", Decimal("0.10"), date(2026, 11, 30), None, [1, "a"])
    assert [feel_text(value) for value in values] == ['"gate"', "0.1", '@"2026-11-30"', "null", '[1, "a"]']
