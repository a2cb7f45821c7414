"""The commands that change something: starting, steering one or many, setting up and cleaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import Client
from engine.client import Filter
from tests.cli.calling import Done, engine
from tests.cli.conftest import Past


def flags(store: Past) -> tuple[str, ...]:
    return ("--config", str(store.config))


def test_start_prints_an_id_and_takes_every_option(fresh: Past) -> None:
    words = ("start", "sums", "--arg", "n=3", "--key", "k", "--queue", "mail", "--priority", "1", "--delay", "1h")
    started = engine(*words, "--attr", "team=blue", *flags(fresh))
    assert (started.code, started.err) == (0, "")
    id = started.out.strip()
    again = engine(*words, *flags(fresh))
    assert again.out.strip() == id
    assert again.err == f"engine: {id} was there already, started with the key k\n"
    told = engine(*words, "--json", *flags(fresh))
    assert told.json == {"id": id, "existed": True}
    shown = engine("show", id, "--json", *flags(fresh)).json
    assert (shown["queue"], shown["priority"], shown["input"]) == ("mail", 1, {"n": 3})
    assert shown["attributes"] == {"team": "blue"}
    late = engine("start", "sums", "--input", '{"n": 1}', "--wait", "--timeout", "50ms", *flags(fresh))
    assert late.code == 5
    assert late.err.splitlines()[0].startswith("engine: waiting for ")


@pytest.mark.parametrize(
    "words, said",
    [
        (["sum", "--arg", "n=1"], "hold no flow 'sum'; did you mean 'sums'?"),
        (["sums"], "n"),
        (["sums", "--arg", "n=many"], "n"),
        (["sums", "--arg", "m=1"], "m"),
        (["sums", "--arg", "n"], "name=value"),
        (["sums", "--arg", "n=1", "--arg", "n=2"], "twice"),
        (["sums", "--input", "[1]"], "JSON object"),
        (["sums", "--input", "{"], "no JSON"),
        (["sums", "--arg", "n=1", "--delay", "soon"], "soon"),
        (["sums", "--arg", "n=1", "--priority", "10"], "--priority"),
        (["sums", "--arg", "n=1", "--version", "9"], "version 9"),
    ],
)
def test_a_start_that_cannot_work_says_why(fresh: Past, words: list[str], said: str) -> None:
    done = engine("start", *words, *flags(fresh))
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err
    assert engine("list", "--json", *flags(fresh)).json == []


def test_one_execution_is_steered(fresh: Past) -> None:
    id = engine("start", "approval", *flags(fresh)).out.strip()
    assert engine("pause", id, *flags(fresh)).out == f"paused: {id}\n"
    assert engine("resume", id, "--json", *flags(fresh)).json == {"id": id, "done": "resume"}
    sent = engine("signal", id, "approved", '"yes"', "--key", "1", *flags(fresh))
    assert sent.out == f"signal approved sent to {id}\n"
    again = engine("signal", id, "approved", "--key", "1", "--json", *flags(fresh))
    assert again.json == {"id": id, "signal": "approved", "delivered": False}
    assert "delivered before" in engine("signal", id, "approved", "--key", "1", *flags(fresh)).out
    assert engine("signal", id, "approved", "{", *flags(fresh)).code == 2
    assert engine("cancel", id, *flags(fresh)).out == f"asked to cancel: {id}\n"
    new = engine("rerun", id, "--json", *flags(fresh)).json
    assert (new["rerun_of"], new["from"]) == (id, 1)
    refused = engine("rerun", id, "--from", "44", *flags(fresh))
    assert (refused.code, refused.out) == (1, "")
    assert "no step 44" in refused.err
    assert engine("cancel", id, "--flow", "approval", *flags(fresh)).code == 2
    assert engine("retry", id, "--flow", "approval", *flags(fresh)).code == 2
    assert engine("retry", id, "--input", "{}", *flags(fresh)).code == 2
    assert engine("retry", "--step", "1", *flags(fresh)).code == 2
    assert engine("retry", *flags(fresh)).code == 2


def test_many_are_steered_only_after_a_yes(fresh: Past) -> None:
    with Client(fresh.url) as client:
        client.options(attributes={"lot": "7"}).start_many("approval", [{}] * 5)
        lot = ("--attr", "lot=7", *flags(fresh))
        unsure = engine("cancel", *lot)
        assert (unsure.code, unsure.out) == (2, "")
        assert unsure.err == "engine: cancel 5 executions? Nobody can be asked here: add --yes to say so\n"
        assert client.count() == {"running": 5}
        assert engine("pause", "--limit", "3", "--yes", *lot).out == "paused: 3 executions; 2 more match\n"
        assert client.count() == {"paused": 3, "running": 2}
        assert engine("resume", "--yes", "--json", *lot).json == {"done": "resume", "executions": 3, "matched": 3}
        assert engine("resume", *lot).out == "no executions match\n"
        assert engine("retry", "--yes", "--json", *lot).json == {"done": "retry", "executions": 0, "matched": 0}
        assert engine("cancel", "--yes", *lot).out == "asked to cancel: 5 executions\n"
        assert engine("cancel", "--state", "runing", *lot).err.endswith("did you mean 'running'?\n")
        assert len(client.find(Filter(attributes={"lot": "7"}))) == 5


def test_a_retry_that_cannot_be_says_what_to_do(past: Past) -> None:
    def said(name: str) -> str:
        done = engine("retry", past.ids[name], "--store", past.url)
        assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)
        return done.err

    assert f"engine rerun {past.ids['failed']} --from 2" in said("failed")
    assert f"engine rerun {past.ids['caught']} --from 1" in said("caught")
    assert f"engine rerun {past.ids['finished']};" in said("finished")
    assert "nothing to retry" in said("waiting")


def test_the_store_is_set_up_and_cleaned(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path / 'new.db'}")
    assert engine("migrate", *store).out.startswith("the tables on sqlite:///")
    assert set(engine("migrate", "--json", *store).json) == {"store", "revision"}
    assert engine("list", *store).out == "no executions match\n"
    assert engine("prune", "--older-than", "30d", *store).code == 2
    assert engine("prune", "--older-than", "30d", "--yes", *store).out == "deleted: 0 executions\n"
    assert engine("prune", "--older-than", "30d", "--yes", "--json", *store).json == {"deleted": 0}
    assert engine("prune", "--yes", *store).err.startswith("engine: missing option '--older-than'")


def test_new_writes_what_runs_and_overwrites_nothing(tmp_path: Path) -> None:
    done = engine("new", str(tmp_path / "my project"))
    assert f"cd '{tmp_path / 'my project'}'" in done.out
    again = engine("new", str(tmp_path / "my project"))
    assert again.code == 2
    assert "exists already" in again.err


def test_queues_are_paused_and_resumed(fresh: Past) -> None:
    def at(*words: str) -> Done:
        return engine("queues", *words, "--store", fresh.url)

    assert at("pause", "gpu", "--reason", "new drivers").out == "paused: gpu (no worker that is alive serves it)\n"
    assert at("pause", "mail", "--json").json == {"queue": "mail", "done": "pause"}
    shown = at().out
    assert "gpu is paused: new drivers" in shown
    assert {one["name"]: one["reason"] for one in at("--json").json} == {"gpu": "new drivers", "mail": None}
    assert at("resume", "gpu").out == "resumed: gpu\n"
    assert at("resume", "gpu").out == "it was not paused: gpu\n"
    assert at("resume", "mail", "--json").json == {"queue": "mail", "done": "resume", "was_paused": True}
    assert at().out == "all queues are empty\n"


def test_flags_may_stand_between_the_group_and_its_command(fresh: Past) -> None:
    assert engine("queues", "--store", fresh.url, "pause", "gpu").code == 0
    assert engine("--store", fresh.url, "queues", "resume", "gpu").out == "resumed: gpu\n"


def test_a_queue_that_cannot_be_is_refused(fresh: Past) -> None:
    done = engine("queues", "pause", "a queue", "--store", fresh.url)
    assert (done.code, done.out) == (2, "")
    assert "is not a queue name" in done.err
    assert "no such command 'pauze'" in engine("queues", "pauze", "--store", fresh.url).err
