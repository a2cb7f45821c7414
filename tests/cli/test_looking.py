"""``list``, ``show``, ``result``, ``queues``, ``workers`` and ``config``, for people and for machines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.calling import Done, engine
from tests.cli.conftest import Past


def at(past: Past, *words: str, **environment: str) -> Done:
    done = engine(*words, "--store", past.url, **environment)
    assert done.err == "" or done.code != 0, done.err
    return done


@pytest.mark.parametrize("columns", ["60", "80", "100", "200"])
def test_lists_fit_their_width_and_cut_no_id(past: Past, columns: str) -> None:
    done = at(past, "list", "--limit", "50", COLUMNS=columns)
    lines = done.out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= max(int(columns), 72)
    for id in past.ids.values():
        assert any(line.startswith(f"{id} ") for line in lines)
    assert ("about" in lines[0]) == (int(columns) >= 100)
    assert "took" in lines[0]


def test_lists_are_filtered_counted_and_paged(past: Past) -> None:
    def ids(*words: str) -> set[str]:
        return {one["id"] for one in at(past, "list", "--json", "--limit", "50", *words).json}

    named = past.ids
    assert ids("--state", "failed") == {named["failed"], named["broken"]}
    assert ids("--state", "failed,paused") == {named["failed"], named["broken"], named["paused"]}
    assert ids("--attr", "team=blue") == {named["finished"]}
    assert ids("--dead") == {named["dead"]}
    assert ids("--flow", "approval", "--since", "1h") == {named["waiting"], named["paused"]}
    assert ids("--until", "1h") == ids("--since", "2099-01-01") == set()
    counts = at(past, "list", "--count", "--json").json
    assert counts["failed"] == 2
    assert sum(counts.values()) == len(ids())
    assert "failed" in at(past, "list", "--count").out
    first = at(past, "list", "--limit", "3")
    last = first.out.splitlines()[-1].split()[-1]
    assert f"for more: --after {last}" in first.out
    seen = ids()
    page = {one["id"] for one in at(past, "list", "--json", "--limit", "3").json}
    assert ids("--after", last) == seen - page
    assert at(past, "list", "--state", "cancelled").out == "no executions match\n"
    assert at(past, "list", "--state", "cancelled", "--json").json == []
    assert at(past, "list", "--state", "cancelled", "--count").out == "no executions match\n"


SAID = {
    "finished": ["sums v1", "took", "attributes", "team=blue", "the-key", '{"n":3}'],
    "failed": ["StepFailed", "--from 2", "ValueError: no ?[31mgood"],
    "broken": ["LookupError: nothing there", "engine rerun"],
    "continued": ["goes on as", "engine show"],
    "wide": ["1-300  add x300"],
    "caught": ["waits for signal go"],
    "dead": ["dead letter after 1 attempt", "--step 1"],
    "waiting": ["signal approved", "waits for signal approved"],
    "paused": ["paused", "held while the execution is paused", "engine resume"],
    "later": ["starts at", "no steps yet"],
    "ready": ["waits for a worker on queue nobody"],
}


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("columns", ["80", "100"])
def test_show_says_what_matters_of_every_execution(past: Past, name: str, columns: str) -> None:
    done = at(past, "show", past.ids[name], COLUMNS=columns)
    lines = done.out.splitlines()
    assert max(len(line.rstrip()) for line in lines if not line.startswith("  engine")) <= int(columns)
    for words in SAID[name]:
        assert words in done.out, words
    assert past.ids[name] in done.out
    assert "\x1b" not in done.out
    plain = at(past, "show", past.ids[name], COLUMNS=columns, LC_ALL="C").out
    assert plain.isascii()
    assert len(plain.splitlines()) == len(lines)


def test_show_draws_every_step_when_asked(past: Past) -> None:
    assert len(at(past, "show", past.ids["wide"]).out.splitlines()) < 20
    assert len(at(past, "show", past.ids["wide"], "--all").out.splitlines()) > 300


def test_show_prints_json_with_values_as_values(past: Past) -> None:
    shown = at(past, "show", past.ids["finished"], "--json").json
    assert (shown["id"], shown["state"], shown["input"], shown["output"]) == (
        past.ids["finished"], "completed", {"n": 3}, 6,
    )  # fmt: skip
    assert [step["seq"] for step in shown["steps"]] == [0, 1, 2, 3]
    assert shown["steps"][2]["output"] == 2
    assert isinstance(shown["created_us"], int)
    one = at(past, "show", past.ids["finished"], "--step", "2", "--json").json
    assert one == shown["steps"][2]


def test_one_step_is_shown_in_full(past: Past) -> None:
    done = at(past, "show", past.ids["failed"], "--step", "2")
    for words in ("refuse", "attempt", '"what":', "ValueError: no ?[31mgood", "Traceback", "client_flows.py"):
        assert words in done.out
    missing = at(past, "show", past.ids["failed"], "--step", "77")
    assert missing.code == 2
    assert "has no step 77" in missing.err


def test_results_are_json_and_their_absence_is_a_code(past: Past) -> None:
    assert json.loads(at(past, "result", past.ids["finished"]).out) == 6
    told = at(past, "result", past.ids["finished"], "--json").json
    assert told == {"id": past.ids["finished"], "state": "completed", "result": 6, "error": None}
    failed = at(past, "result", past.ids["failed"])
    assert (failed.code, failed.out) == (4, "")
    assert failed.err.startswith(f"engine: execution {past.ids['failed']} failed: StepFailed")
    assert len(failed.err.splitlines()) == 1
    told = at(past, "result", past.ids["failed"], "--json")
    assert told.code == 4
    assert told.json["state"] == "failed"
    assert told.json["error"]["type"] == "StepFailed"
    late = at(past, "result", past.ids["waiting"], "--timeout", "0s")
    assert (late.code, late.out) == (5, "")
    assert "still running" in late.err
    assert at(past, "result", past.ids["continued"]).out == "2\n", "what it continued as is followed"


def test_queues_and_workers_are_shown(past: Past) -> None:
    queues: list[dict[str, Any]] = at(past, "queues", "--json").json
    assert {one["name"]: one["dead"] for one in queues}["default"] == 1
    shown = at(past, "queues").out
    assert "no worker that is alive serves: nobody" in shown
    assert "engine retry" in shown
    assert at(past, "workers").out == "no worker is alive; start one with `engine-worker`\n"
    assert at(past, "workers", "--json").json == []


def test_settings_are_shown_with_where_they_come_from(past: Past) -> None:
    words = ("config", "--config", str(past.config))
    shown = engine(*words, ENGINE_WORKER__CONCURRENCY="7", ENGINE_BROKER="sql").out
    lines = {line.split()[0]: line for line in shown.splitlines()}
    assert "environment variable ENGINE_WORKER__CONCURRENCY" in lines["worker.concurrency"]
    assert lines["worker.processes"].rstrip().endswith("default")
    nested = engine(*words, "--store", "postgresql://me:secret@db/x", "--json").json
    assert "secret" not in json.dumps(nested)
    assert nested["store"]["url"].startswith("postgresql://me:")
    assert nested["worker"]["concurrency"] == 100


def test_an_execution_is_named_by_its_beginning(past: Past) -> None:
    id = past.ids["later"]
    assert at(past, "show", id[:-1].upper(), "--json").json["id"] == id
    for beginning, said in (
        (id[:6], "several executions begin with"),
        ("zzzzzzzz", "no execution"),
        ("zz", "at least"),
    ):
        done = at(past, "show", beginning)
        assert done.code == 3
        assert said in done.err
