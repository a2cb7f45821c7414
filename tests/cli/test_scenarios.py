"""Scenarios, requirements and what comes of them, as users see them; and tables that are piped whole."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from engine import Client, Registry
from engine.store.migrations import migrate
from tests.cli.desk import CSV, Desk
from tests.worker.rule_flows import bound
from tests.worker.serving import serving

SMALL = {"name": "small", "inputs": {"amount": 5}, "expected": {"rate": 0, "since": None}}
LARGE = {"name": "large", "inputs": {"amount": 5000}, "expected": {"rate": 0.1, "since": {"@": "2026-11-30"}}}
WRONG = {"name": "wrong", "inputs": {"amount": 6}, "expected": {"rate": 1, "since": None}}


def put(desk: Desk, name: str, *scenarios: dict[str, Any]) -> None:
    desk.put(name, json.dumps(scenarios))


@pytest.fixture
def ready(desk: Desk) -> Desk:
    """Two versions; the first comes to a rate of 0.1 for large amounts, the second to 0.2."""
    desk.imported()
    put(desk, "good.json", SMALL, LARGE)
    put(desk, "wrong.json", WRONG)
    return desk


def states(desk: Desk) -> list[str]:
    return [one["state"] for one in desk.run("list", "credit", "--json").json]


def test_a_version_is_tried_and_it_is_shown_what_came_and_what_was_not_tried(ready: Desk) -> None:
    put(ready, "small.json", SMALL)
    assert ready.said("test", "credit", "small.json", "--version", "1").splitlines() == [
        "credit version 1",
        "passed  small  credit: rule 1",
        "1 passed, 0 failed",
        "credit: 1 of 2 rules tried (50%), 0 of 2 cells (0%)",
        "  no scenario matches rule 2 (>= 1000)",
        "  no scenario sees < 1000 in 'amount' of rule 1 fail",
        "version 1 was a draft, and is tested now",
    ]
    done = ready.run("test", "credit", "good.json", "wrong.json")
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines() == [
        "credit version 2",
        "passed  small  credit: rule 1",
        "failed  large  credit: rule 2",
        "        $.rate: expected 0.1, got 0.2",
        "failed  wrong  credit: rule 1",
        "        $.rate: expected 1, got 0",
        "1 passed, 2 failed",
        "credit: 2 of 2 rules tried (100%), 2 of 2 cells (100%)",
    ]
    assert states(ready) == ["draft", "tested"]


def test_scenarios_are_taken_from_sheets_and_written_to_them(ready: Desk) -> None:
    head = "name,in: amount,out: rate,out: since\n"
    ready.put("good.csv", head + 'small,5,0,null\nlarge,5000,0.10,"@""2026-11-30"""\n')
    assert ready.said("test", "credit", "good.csv", "--version", "1").splitlines()[3] == "2 passed, 0 failed"
    assert ready.said("scenarios", "add", "credit", "good.csv", "--version", "1") == "added: 2 scenarios of credit\n"
    book = str(ready.path / "out.xlsx")
    for file in ("out.csv", book):
        assert ready.said("scenarios", "export", "credit", file).startswith("exported: 2 scenarios of credit to ")
        assert ready.said("scenarios", "add", "credit", file, "--version", "1", "--replace").startswith("added: 2")
    ready.put("bad.csv", head + "odd,2027-01-31,1,\n")
    done = ready.run("scenarios", "add", "credit", "bad.csv")
    assert (done.code, done.out) == (1, "")
    first, second = done.err.splitlines()[-2:]
    assert "bad.csv: row 2, column B (amount): '2027-01-31' is a subtraction" in first
    assert "bad.csv: row 2, column D (since): the output is empty" in second


def test_a_scenario_that_cannot_be_decided_says_why(ready: Desk) -> None:
    nothing = {"name": "nothing", "inputs": {}, "expected": {"rate": 0, "since": None}}
    put(ready, "odd.json", nothing, {**SMALL, "name": "odd", "decision": "x"})
    out = ready.run("test", "credit", "odd.json").out
    assert "failed  nothing  credit: no rule\n" in out
    assert "because no rule of the table matches" in out
    assert "no decision 'x'; there are 'credit'" in out
    assert ready.run("test", "credit").code == 2
    assert "it cannot be read" in ready.run("test", "credit", "none.json").err


def test_what_came_is_json_too(ready: Desk) -> None:
    found = ready.run("test", "credit", "good.json", "wrong.json", "--version", "1", "--json").json
    assert (found["version"], found["state"], found["passed"]) == (1, "draft", False)
    wrong = found["scenarios"][2]
    assert wrong["differences"] == [{"path": "$.rate", "expected": 1, "actual": 0}]
    assert wrong["matched"] == [{"decision": "credit", "rules": [1]}]
    (covered,) = found["coverage"]
    assert (covered["rules_tried"], covered["cells_tried"], covered["rules"][1]["matched"]) == (1, 1, 1)


def test_scenarios_are_stored_shown_exported_and_removed(ready: Desk) -> None:
    assert ready.said("scenarios", "list", "credit") == "no scenarios\n"
    assert ready.said("scenarios", "add", "credit", "good.json", "--author", "eva") == "added: 2 scenarios of credit\n"
    lines = ready.said("scenarios", "list", "credit").splitlines()
    assert lines[0].split() == ["scenario", "inputs", "expected", "author", "added"]
    assert re.fullmatch(
        r'large +\{amount: 5000\} +\{rate: 0.1, since: @"2026-11-30"\} +eva +(now|\d+[sm] ago) *', lines[1]
    )
    shown = ready.said("scenarios", "show", "credit", "large").splitlines()
    assert shown[:3] == [
        "scenario  large of credit", "inputs    {amount: 5000}", 'expected  {rate: 0.1, since: @"2026-11-30"}',
    ]  # fmt: skip
    assert ready.run("scenarios", "show", "credit", "none").code == 3
    assert [one["scenario"] for one in ready.run("scenarios", "list", "credit", "--json").json] == ["large", "small"]
    assert ready.said("test", "credit", "--version", "1").splitlines()[3] == "2 passed, 0 failed"
    assert ready.said("scenarios", "export", "credit", "out.json").startswith("exported: 2 scenarios of credit to ")
    assert json.loads((ready.path / "out.json").read_text()) == [LARGE, SMALL]
    ready.put("out.json", "mine")
    refused = ready.run("scenarios", "export", "credit", "out.json")
    assert (refused.code, (ready.path / "out.json").read_text()) == (2, "mine")
    assert refused.err.endswith("nothing was written: choose another file, or write over what is there with --force\n")
    ready.said("scenarios", "export", "credit", "out.json", "--force")
    assert json.loads((ready.path / "out.json").read_text()) == [LARGE, SMALL]
    assert ready.said("scenarios", "remove", "credit", "small") == "removed: 1 scenario of credit\n"
    assert ready.run("scenarios", "remove", "credit", "small", "large").code == 3
    assert ready.said("scenarios", "add", "credit", "out.json", "--replace") == "added: 2 scenarios of credit\n"


def test_all_that_is_wrong_with_scenarios_is_said_line_by_line(ready: Desk) -> None:
    put(ready, "bad.json", {"name": "a", "inputs": {"amountt": 1}, "expected": 1}, {**SMALL, "decision": "x"})
    put(ready, "worse.json", {"name": "b"}, {"inputs": {}, "expected": 1, "output": 1})
    done = ready.run("scenarios", "add", "credit", "good.json", "bad.json")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "engine: bad.json: scenario 'a': there is no input 'amountt'; the inputs of 'credit' are 'amount'",
        "engine: bad.json: scenario 'small': model 'credit' has no decision 'x'; there are 'credit'",
    ]
    lines = ready.run("scenarios", "add", "credit", "worse.json").err.splitlines()
    assert [line.split(": ")[2] for line in lines] == ["scenario 'b'", "scenario 'b'", "scenario 2"]
    assert ready.said("scenarios", "list", "credit") == "no scenarios\n"


def test_a_decision_that_was_taken_becomes_a_scenario(ready: Desk) -> None:
    ready.said("activate", "credit", "--version", "1")
    with Client(ready.url) as client:
        migrate(client.database)
        with serving(ready.url, registry=Registry([bound])):
            handle = client.start(bound, {})
            assert handle.result(30) == [1, "0.10"]
    words = ("scenarios", "record", handle.id[:10])
    assert ready.said(*words, "--name", "in May") == "added: scenario 'in May' of credit\n"
    shown = ready.said("scenarios", "show", "credit", "in May")
    assert "inputs    {amount: 5000}\n" in shown
    assert 'expected  {rate: 0.1, since: @"2026-11-30"}\n' in shown
    assert re.search(r"^now +20\d\d-", shown, re.MULTILINE), "the moment is kept"
    assert "it has the same inputs as scenario 'in May'" in ready.run(*words, "1").err
    assert ready.said(*words, "--name", "in May", "--replace")
    assert ready.run("scenarios", "record", handle.id, "9").code == 2
    assert ready.said("test", "credit", "--version", "1").count("passed  ") == 1
    assert "$.rate: expected 0.1, got 0.2\n" in ready.run("test", "credit", "--version", "2").out


def test_what_is_required_is_shown_with_what_a_version_lacks(ready: Desk) -> None:
    assert ready.said("require", "credit") == "nothing is required of credit\n"
    ready.said("scenarios", "add", "credit", "good.json", "wrong.json")
    words = ("--tested", "--row-coverage", "100%", "--cell-coverage", "80.5%", "--no-gaps", "--no-overlaps")
    set_ = ready.said("require", "credit", *words, "--backtest-changes-at-most", "0%", "--author", "eva")
    assert re.match(r"required of credit \(set 20\S+ \S+ UTC by eva\)\n", set_)
    lines = [line.rstrip() for line in set_.splitlines()[1:]]
    lacking = "scenario 'large' fails: $.rate: expected 0.1, got 0.2; and 1 more"
    assert [re.split(r" {2,}", line) for line in lines] == [
        ["requirement", "version 2"], ["tested", lacking], ["row coverage 100%", "met"],
        ["cell coverage 80.5%", "met"], ["no gaps", "met"], ["no overlaps", "met"],
        ["backtest changes at most 0%", "met"],
    ]  # fmt: skip
    assert ready.said("require", "credit") == set_
    shown = ready.run("require", "credit", "--json").json
    assert shown["requires"]["cell_coverage"] == 0.805
    assert [one["requirement"] for one in shown["unmet"]] == ["tested"]


def test_requirements_of_every_name_count_for_names_without_their_own(ready: Desk) -> None:
    assert "required of every name" in ready.said("require", "--all", "--no-shadowed")
    assert "required of credit, as of every name" in ready.said("require", "credit")
    assert ready.said("require", "credit", "--none") == "nothing is required of credit\n"
    assert "as of every name" in ready.said("require", "credit", "--default")
    assert ready.said("require", "*", "--none") == "nothing is required of every name\n"
    assert ready.said("require", "credit") == "nothing is required of credit\n"
    for words in (
        [], ["credit", "--all"], ["--all", "--default"], ["credit", "--none", "--tested"],
        ["credit", "--row-coverage", "80"], ["credit", "--row-coverage", "180%"],
    ):  # fmt: skip
        assert ready.run("require", *words).code == 2
    assert ready.run("require", "other", "--tested").code == 3


def test_activation_is_refused_with_all_that_is_lacking_and_what_shows_more(ready: Desk) -> None:
    ready.put("gap.csv", CSV.replace("< 1000", "< 500"))
    ready.said("import", "gap.csv", "--name", "credit")
    ready.said("require", "credit", "--tested", "--no-gaps")
    done = ready.run("activate", "credit")
    assert (done.code, done.out) == (1, "")
    headline, tested, gaps = done.err.splitlines()
    assert headline.endswith("version 3 of the rules 'credit' was not activated: it does not meet 2 of 2 requirements")
    assert tested.startswith("engine: tested: no scenarios are stored; ")
    assert "no rule matches [500..1000), such as amount = 500" in gaps
    (command,) = re.findall(r"\(more by `engine rules (.*)`\)$", gaps)
    assert "no rule matches [500..1000)" in ready.said(*command.split())
    ready.said("scenarios", "add", "credit", "good.json")
    (command,) = re.findall(r"\(more by `engine rules (.*)`\)$", tested)
    assert ready.said(*command.split()).startswith("credit version 3\n")
    assert ready.said("activate", "credit", "--version", "1") == "active: credit version 1\n"


def test_versions_in_the_store_are_looked_through(ready: Desk) -> None:
    assert ready.said("check", "--stored", "credit") == "credit version 2: nothing to say\n"
    ready.said("activate", "credit", "--version", "1")
    both = ready.said("check", "credit.csv", "--stored", "credit", "--version", "1").splitlines()
    assert both[1] == "credit version 1: nothing to say"
    assert [ready.run("check", *words).code for words in ([], ["credit.csv", "--version", "1"])] == [2, 2]


# -- tables that are piped --------------------------------------------------------------------------------------------

AUTHOR = "a-user-of-a-build-machine-with-a-name-that-has-no-end-in-sight"
COMMENT = "as agreed with everybody who was there, " * 5 + "in May"


def test_what_is_piped_is_as_wide_as_it_needs_to_be(desk: Desk) -> None:
    long = 'a text that is as long as a text may be in a cell, "or longer"' * 4
    desk.put("wide.csv", CSV.replace("small", long.replace('"', '""').join('""')))
    desk.said("import", "wide.csv", "--author", AUTHOR, "--comment", COMMENT, "--from", "2027-01-01")
    put(desk, "long.json", {**SMALL, "name": "n" * 60, "expected": "x" * 300})
    desk.said("scenarios", "add", "wide", "long.json", "--author", AUTHOR)
    listed = desk.said("list").splitlines()
    assert len(listed) == 2
    assert listed[0].split()[-2:] == ["imported", "comment"]
    assert AUTHOR in listed[1]
    assert COMMENT in listed[1]
    (_, row) = desk.said("scenarios", "list", "wide").splitlines()
    assert all(text in row for text in ("n" * 60, "x" * 300, AUTHOR))
    shown = desk.said("show", "wide").splitlines()
    assert any(long in line for line in shown)
    assert f"comment   {COMMENT}" in shown
    out = desk.run("test", "wide", "long.json").out
    assert f'  $: expected "{"x" * 300}", got {{rate: 0, since: null}}\n' in out


def test_a_narrow_terminal_breaks_lines_and_cuts_no_title(desk: Desk) -> None:
    desk.said("import", "credit.csv", "--author", AUTHOR, "--comment", COMMENT, "--from", "2027-01-01")
    lines = desk.said("list", COLUMNS="80").splitlines()
    assert lines[0].split() == ["rules", "version", "state", "hash", "for", "author", "imported", "comment"]
    assert max(map(len, lines)) <= 80
    assert len(lines) > 2
