"""Back-tests, rollouts and shadows by commands: what would change, whom a version is for, and how a shadow did."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import Client, Registry
from engine.cli.rules.choosing import choice_text
from engine.model.choice import Call, Choice, Rollout
from engine.model.rulebook import Binding
from engine.store.migrations import migrate
from tests.cli.test_rules import CSV, Desk
from tests.worker.rollout_flows import keyed
from tests.worker.serving import serving


class Past(Desk):
    """A store in which rules have decided: version 1, as eva brought it in, and then with version 2 as its shadow."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.imported()
        self.said("activate", "credit", "--version", "1")
        with Client(self.url) as client, serving(self.url, registry=Registry([keyed])):
            migrate(client.database)
            self.first = client.start(keyed, "Ada")
            client.results([self.first, client.start(keyed, "Bob", 5)], 30)
            assert self.said("shadow", "credit") == "shadow: credit version 2\n"
            self.last = client.start(keyed, "Cleo")
            self.last.result(30)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return Past(tmp_path_factory.mktemp("past"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.imported()
    return made


def test_what_a_version_would_change_is_listed(past: Past) -> None:
    done = past.run("backtest", "credit")
    assert (done.code, done.err) == (1, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    before, after = ('{rate: 0.1, since: @"2026-11-30"}', '{rate: 0.2, since: @"2026-11-30"}')
    assert lines == [
        "credit: 6 decisions taken again by version 2",
        "2 the same",
        "4 another outcome",
        "",
        "decisions recorded version 2 change such as",
        f"4 {before} {after} another outcome {past.last.id} 2",
        "",
        "execution, step recorded version 2 matched",
        *(f"{one.id} {seq} {before} {after} credit 2 → credit 2" for one in (past.last, past.first) for seq in (2, 1)),
    ]
    assert past.run("backtest", "credit", LANG="C").out.isascii()


def test_the_exit_code_says_whether_anything_would_change(past: Past) -> None:
    assert past.said("backtest", "credit", "--version", "1").split("\n")[1].split() == ["6", "the", "same"]
    assert past.said("backtest", "credit", "--since", "2999-01-01").startswith("no decisions of credit taken again by")
    for words, code in (
        (["backtest", "other"], 3), (["backtest", "credit", "--version", "9"], 3),
        (["backtest", "credit", "--version", "1", "--file", "credit.csv"], 2),
        (["backtest", "credit", "--limit", "0"], 2),
        (["backtest", "credit", "--since", "soon"], 2),
    ):  # fmt: skip
        done = past.run(*words)
        assert (done.code, done.out, len(done.err.splitlines())) == (code, "", 1), words


def test_drafts_are_tried_before_they_are_brought_in(past: Past) -> None:
    past.put("draft.csv", CSV.replace("< 1000,0", "< 1000,null").replace("0.10", "null"))
    done = past.run("backtest", "credit", "--file", "draft.csv", "--json")
    assert done.code == 1
    found = done.json
    assert (found["version"], found["decisions"], found["is_whole"], found["unreadable"]) == (None, 6, True, 0)
    assert found["counts"] == {"same": 0, "differs": 6, "null": 0, "undecided": 0}
    assert {group["other"]["rate"] for group in found["groups"]} == {None}
    changed = found["changed"][0]
    assert (changed["execution"], changed["seq"], changed["kind"]) == (past.last.id, 2, "differs")
    assert changed["recorded"] == {"outcome": {"rate": 0.1, "since": "2026-11-30"}, "matched": [["credit", [2]]]}
    assert changed["other"]["matched"] == [["credit", [2]]]
    done = past.run("backtest", "credit", "--file", "draft.csv", "--limit", "3", "--show", "1")
    assert "and 2 more, which --show lists" in done.out
    assert "there are more: only the newest 3 were looked at, by --limit" in done.out
    past.put("null.csv", CSV.replace("< 1000", "< 10").replace(">= 1000", "> 10000"))
    done = past.run("backtest", "credit", "--file", "null.csv")
    assert "4 null instead" in done.out
    assert "null: no rule of the table matches" in done.out
    past.put("bad.csv", CSV.replace("< 1000", "< 1000 +"))
    done = past.run("backtest", "credit", "--file", "bad.csv")
    assert (done.code, done.out, "row 2, column B" in done.err) == (1, "", True)


def test_a_long_look_says_how_far_it_is_on_a_terminal_only(past: Past) -> None:
    told = past.run("backtest", "credit", FORCE_COLOR="1", TERM="xterm-256color")
    assert "looked through 3 executions, 6 decisions in them" in told.err
    assert "looked" not in told.out


def test_how_a_shadow_did_is_shown(past: Past) -> None:
    done = past.run("shadowed", "credit")
    assert (done.code, done.err) == (0, "")
    assert [" ".join(line.split()) for line in done.out.splitlines()[:2]] == [
        "credit: 2 decisions with the shadow version 2", "2 another outcome",
    ]  # fmt: skip
    assert past.run("shadowed", "credit", "--version", "1", "--json").json["decisions"] == 0
    assert past.run("shadowed", "credit", "--json").json["changed"][1]["other"]["outcome"]["rate"] == 0.2
    assert "shadow   {rate: 0.2" in past.said("explain", past.last.id, "1")
    assert "shadow" not in past.said("explain", past.first.id, "1")
    plain = past.run("explain", past.last.id, "1", "--json").json["shadow"]
    assert (plain["version"], plain["outcome"]["rate"], plain["matched"]) == (2, 0.2, [["credit", [2]]])


def test_a_shadow_is_set_and_taken_off(desk: Desk) -> None:
    assert desk.run("shadowed", "credit").code == 3
    assert desk.said("shadow", "credit", "--version", "1", "--share", "2.5%") == "shadow: credit version 1, for 2.5%\n"
    assert "as shadow for 2.5%" in desk.said("list", "credit")
    assert "decides   as shadow for 2.5%\n" in desk.said("show", "credit", "--version", "1")
    plain = desk.run("shadow", "credit", "--author", "eva", "--json").json
    assert (plain["done"], plain["number"], plain["share"]) == ("shadow", 2, "100%")
    assert desk.said("shadow", "credit", "--off") == "no shadow: credit\n"
    assert "shadow" not in desk.said("list", "credit")
    for words, code in (
        (["--off", "--version", "1"], 2), (["--off", "--share", "1%"], 2), (["--share", "1"], 2),
        (["--version", "9"], 3),
    ):  # fmt: skip
        assert desk.run("shadow", "credit", *words).code == code, words


def test_it_is_explained_in_which_share_a_key_was(desk: Desk) -> None:
    desk.said("activate", "credit", "--version", "1")
    desk.said("activate", "credit", "--share", "10%")
    with Client(desk.url) as client, serving(desk.url, registry=Registry([keyed])):
        ada, bob = client.start_many(keyed, [("Ada", 5000), ("customer 3", 5000)])
        client.results([ada, bob], 30)
    # What is activated later changes nothing about those that began before.
    desk.said("activate", "credit", "--version", "2")
    began = "because  it was active when the execution began, for the key"
    shown = [
        [line for line in desk.said("explain", one.id, "1").splitlines() if "because" in line] for one in (ada, bob)
    ]
    assert shown == [
        [f'{began} "Ada", whose bucket of 10000 is 7876: not in the 10% of version 2, below 1000'],
        [f'{began} "customer 3", whose bucket of 10000 is 2: in the 10% of version 2, below 1000'],
    ]
    found = [desk.run("explain", one.id, "1", "--json").json for one in (ada, bob)]
    assert [one["version"] for one in found] == [1, 2]
    chosen = found[0]["chosen"]
    assert (chosen["key"], chosen["bucket"], chosen["version"], chosen["tag"]) == ("Ada", 7876, None, None)
    assert chosen["rollouts"] == [{"version": 2, "share": "10%", "below": 1000, "is_in": False}]
    assert found[1]["chosen"]["rollouts"][0]["is_in"]


@pytest.mark.parametrize(
    "binding, key, says",
    [
        (Binding(version=3), "Ada", "version 3 was asked for"),
        (Binding(version="latest"), "Ada", "the latest version was asked for, which it was when the step ran"),
        (Binding(tag="pilot"), "Ada", "the tag pilot was asked for, which it had when the step ran"),
        (
            Binding(as_of_us=0), None,
            "it was active for 1970-01-01 when the execution began, for no key: not in the 1% of version 2, below 100",
        ),
    ],
)  # fmt: skip
def test_it_is_explained_what_was_asked_for(binding: Binding, key: str | None, says: str) -> None:
    rollouts = (Rollout(2, 100, False),) if key is None else ()
    assert choice_text(Choice(Call(binding, 1, key), None, rollouts)) == says


def test_a_rollout_is_shown_and_taken_back(desk: Desk) -> None:
    done = desk.run("activate", "credit", "--share", "10%")
    assert (done.code, "activate one for all first" in done.err) == (1, True)
    desk.said("activate", "credit", "--version", "1")
    assert desk.said("activate", "credit", "--share", "10%") == "active: credit version 2, for 10%\n"
    lines = desk.said("list").splitlines()
    assert [line.split()[:5] for line in lines] == [
        ["rules", "version", "state", "decides", "hash"], ["credit", "2", "active", "for", "10%"],
        ["credit", "1", "active", "for", "90%"],
    ]  # fmt: skip
    assert [(one["number"], one["share"]) for one in desk.run("list", "--json").json] == [(2, "10%"), (1, "90%")]
    assert "decides   for 90%\n" in desk.said("show", "credit")
    assert desk.said("rollback", "credit") == "active again: credit version 1\n"
    assert "decides" not in desk.said("list")
    for share in ("10", "0%", "101%"):
        done = desk.run("activate", "credit", "--share", share)
        assert (done.code, "such as 10%" in done.err) == (2, True)
