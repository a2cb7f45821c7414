"""Finding: every filter, pages that stay where they are, ids by their beginnings, queues, workers, pruning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine import ArgumentsError, ConfigError, DefinitionError, ExecutionNotFound, MilepostError
from engine.client import Client, Filter
from tests.worker import sample_flows as flows
from tests.worker.serving import wait_until


def test_every_filter_alone_and_together(client: Client) -> None:
    blue = client.options(attributes={"team": "blue", "vip": True}).start_many(flows.sequence, [(n,) for n in range(3)])
    red = client.options(attributes={"team": "red", "size": 7}).start_many(flows.approval, [()] * 2)
    blue[0].pause()

    def found(**conditions: object) -> set[str]:
        return {one.id for one in client.find(Filter(**conditions))}  # type: ignore[arg-type]

    blues, reds = {one.id for one in blue}, {one.id for one in red}
    assert found() == blues | reds
    assert found(flow="sequence") == blues
    assert found(state="paused") == {blue[0].id}
    assert found(state=["paused", "running"]) == found(state={"paused", "running"}) == blues | reds
    assert found(state=[]) == found(state="failed") == found(flow="nothing") == set()
    assert found(attributes={"team": "blue"}) == found(attributes={"team": "blue", "vip": True}) == blues
    assert found(attributes={"size": 7}) == reds
    assert found(attributes={"team": "blue", "size": "7"}) == set()
    assert found(flow="sequence", state="running", attributes={"vip": "true"}) == blues - {blue[0].id}
    assert found(dead_letters=True) == set()
    now = datetime.fromtimestamp(client.now_us() / 1e6, UTC)
    minute = timedelta(minutes=1)
    assert found(since=now - minute) == found(until=now + minute) == blues | reds
    assert found(since=now + minute) == found(until=now - minute) == set()
    created = sorted(one.get().created_us for one in blue + red)
    first = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=created[0])
    assert len(found(since=first)) == 5, "the moment itself is meant"
    assert len(found(until=first)) == 0, "and here it is not"
    assert client.count(Filter(flow="sequence")) == {"paused": 1, "running": 2}


def test_filters_that_nothing_can_meet_are_refused(lite: Client) -> None:
    for wanted, error in (
        (Filter(state="finished"), ConfigError),
        (Filter(state=["running", "done"]), ConfigError),
        (Filter(since=datetime(2026, 1, 1)), ConfigError),  # noqa: DTZ001 - the mistake
        (Filter(attributes={"a": "v" * 191}), DefinitionError),
        (Filter(flow="a\x00b"), DefinitionError),
    ):
        for attempt in (lite.find, lite.count, lite.cancel_many):
            with pytest.raises(error) as caught:
                attempt(wanted)
            assert isinstance(caught.value, MilepostError)
    with pytest.raises(ArgumentsError):
        lite.find(limit=-1)
    with pytest.raises(ExecutionNotFound):
        lite.find(after="01")


def test_pages_stay_where_they_are_while_others_start(client: Client) -> None:
    old = {one.id for one in client.start_many(flows.sequence, [(n,) for n in range(25)])}
    seen: list[str] = []
    after = None
    while page := client.find(limit=7, after=after):
        client.start_many(flows.sequence, [(0,)] * 5)
        seen += [one.id for one in page]
        after = page[-1].id
    assert set(seen) == old
    assert len(seen) == 25
    assert seen == sorted(seen, reverse=True), "the newest first"
    pages = client.find_all(Filter(flow="sequence"), limit=33)
    assert len(list(pages)) == 33
    assert len(list(client.find_all(limit=1000))) == 45
    assert client.find(limit=0) == []


def test_histories_in_parts_and_without_values(served: Client) -> None:
    started = served.start(flows.sequence, 5)
    assert started.result("20s") == 5
    whole = started.history()
    assert [step.seq for step in whole] == [0, 1, 2, 3, 4, 5]
    assert [step.output for step in whole] == ["5", "1", "2", "3", "4", "5"]
    parts = [*started.history(limit=2), *started.history(after=1, limit=2), *started.history(after=3)]
    assert parts == whole
    assert {(step.input, step.output) for step in started.history(values=False)} == {(None, None)}
    assert started.history(after=99) == []


def test_an_id_by_its_beginning(client: Client) -> None:
    first, second = client.start_many(flows.sequence, [(1,), (2,)])
    assert client.find_id(first.id) == client.find_id(first.id[:25]) == first.id
    with pytest.raises(ExecutionNotFound) as caught:
        client.find_id(first.id[:6])
    assert first.id in str(caught.value)
    assert second.id in str(caught.value)
    for beginning in ("", "01", first.id + "0", "a\x00bcdefg", "%%%%%%%", "zzzzzzzz"):
        with pytest.raises(ExecutionNotFound):
            client.find_id(beginning)


def test_queues_and_workers(served: Client) -> None:
    (worker,) = wait_until(served.workers, "the worker")
    assert (worker.state, worker.queues) == ("alive", ["default"])
    served.options(queue="mail", delay="1h").start(flows.sequence, 1)
    served.options(queue="slow").start_many(flows.sequence, [(1,)] * 3)
    views = {view.name: view for view in served.queues()}
    assert views["mail"].waiting == 1
    assert views["slow"].ready == 3


def test_pruning_keeps_what_is_not_finished_or_not_old(served: Client) -> None:
    ended = served.options(key="k", attributes={"a": 1}).start(flows.sequence, 1)
    ended.result("20s")
    others = served.start_many(flows.sequence, [(1,)] * 4)
    served.results(others, "20s")
    running = served.start(flows.approval)
    assert served.prune("1h") == 0
    counts: list[int] = []
    assert served.prune(0, limit=2, told=counts.append) == 2
    assert served.prune(timedelta(0), told=counts.append) == 3
    assert counts == [2, 3]
    assert [one.id for one in served.find()] == [running.id]
    with pytest.raises(ExecutionNotFound, match="pruned"):
        ended.get()
    assert not served.options(key="k").start(flows.approval).existed, "its key is free again"
