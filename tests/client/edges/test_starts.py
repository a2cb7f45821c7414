"""Starting: what is accepted is there once, and what is refused leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from engine import (
    ArgumentsError,
    CodecError,
    ConfigError,
    DefinitionError,
    MilepostError,
    UnknownDefinition,
    ValueTooLarge,
    load_modules,
)
from engine.client import Client, Filter
from engine.config import load_settings
from tests.worker import sample_flows as flows
from tests.worker.serving import MODULE


def test_a_start_is_there_with_all_its_options(client: Client) -> None:
    options = client.options(
        key="order-17", queue="mail", priority=2, delay="1h", attributes={"region": "eu", "vip": True, "size": 3}
    )
    started = options.start(flows.sequence, 4)
    assert not started.existed
    found = started.get()
    assert (found.flow, found.queue, found.priority, found.state) == ("sequence", "mail", 2, "running")
    assert (found.idempotency_key, found.input) == ("order-17", '{"n":4}')
    assert found.attributes == {"region": "eu", "vip": "true", "size": "3"}
    (own,) = started.history()
    assert own.state == "waiting"
    assert own.due_us is not None
    assert own.due_us - found.created_us == 3_600_000_000, "it begins an hour later"


def test_a_key_starts_once(client: Client) -> None:
    starter = client.options(key="schlüssel ")
    first, second = starter.start(flows.sequence, 1), starter.start(flows.sequence, 2)
    assert (first.id, first.existed, second.existed) == (second.id, False, True)
    assert client.options(key="schlüssel").start(flows.sequence, 1).id != first.id, "a blank at the end counts"
    assert client.options(key="SCHLÜSSEL ").start(flows.sequence, 1).id != first.id, "and so does the case"
    assert len(client.find()) == 3


def test_many_starts_with_keys_can_be_repeated(client: Client) -> None:
    arguments, keys = [(n,) for n in range(1200)], [f"k{n}" for n in range(1200)]
    first = client.start_many(flows.sequence, arguments[:700], keys=keys[:700])
    again = client.start_many(flows.sequence, arguments, keys=keys)
    assert [one.id for one in again[:700]] == [one.id for one in first]
    assert [one.existed for one in again] == [True] * 700 + [False] * 500
    assert client.count() == {"running": 1200}
    assert again[1100].get().input == '{"n":1100}'


def test_a_key_that_comes_twice_in_one_call_starts_once(client: Client) -> None:
    one, two, three = client.start_many(flows.sequence, [(1,), (2,), (3,)], keys=["a", "b", "a"])
    assert one.id == three.id != two.id
    assert [one.existed, two.existed, three.existed] == [False, False, True]
    assert client.count() == {"running": 2}


def test_many_starts_take_tuples_and_mappings_and_options(client: Client) -> None:
    starter = client.options(queue="mail", attributes={"batch": "7"})
    started = starter.start_many(flows.counting, ({"n": n, "limit": 9} if n % 2 else (n, 9) for n in range(4)))
    assert [one.get().input for one in started] == [f'{{"n":{n},"limit":9}}' for n in range(4)]
    assert {found.queue for found in client.find(Filter(attributes={"batch": "7"}))} == {"mail"}
    assert client.start_many(flows.sequence, []) == []


def test_a_flow_named_by_text_is_checked_where_it_is_known(lite: Client) -> None:
    lite.start("somewhere_else", n=1)
    with pytest.raises(ArgumentsError, match="by name"):
        lite.start("somewhere_else", 1)
    with Client(lite.database, registry=load_modules([MODULE])) as knowing:
        assert knowing.start("sequence", 3).get().input == '{"n":3}'
        assert knowing.start("versioned").get().version == 2
        assert knowing.options(version=1).start("versioned").get().version == 1
        assert knowing.start("somewhere_else", n=1).get().version == 1
        assert knowing.options().start_input("sequence", {"n": 3}).get().input == '{"n":3}'
        with pytest.raises(CodecError):
            knowing.start("sequence", n="three")
        with pytest.raises(UnknownDefinition):
            knowing.options(version=7).start("versioned")
        with pytest.raises(CodecError):
            knowing.options().start_input("sequence", {"n": "three"})
        with pytest.raises(ArgumentsError):
            knowing.options().start_input("sequence", {"m": 3})
    assert lite.count() == {"running": 6}


Refused = tuple[type[Exception], Callable[[Client], Any]]
REFUSED: dict[str, Refused] = {
    "too few arguments": (ArgumentsError, lambda c: c.start(flows.sequence)),
    "too many arguments": (ArgumentsError, lambda c: c.start(flows.sequence, 1, 2)),
    "an unknown argument": (ArgumentsError, lambda c: c.start(flows.sequence, 1, m=2)),
    "an argument of another type": (CodecError, lambda c: c.start(flows.sequence, "1")),
    "an argument that is no JSON": (CodecError, lambda c: c.start("unknown", n=object())),
    "no name of a flow": (DefinitionError, lambda c: c.start("", n=1)),
    "a name that is too long": (DefinitionError, lambda c: c.start("x" * 191, n=1)),
    "a key that is too long": (DefinitionError, lambda c: c.options(key="k" * 191).start(flows.sequence, 1)),
    "an empty key": (DefinitionError, lambda c: c.options(key="").start(flows.sequence, 1)),
    "a key with a NUL": (DefinitionError, lambda c: c.options(key="a\x00b").start(flows.sequence, 1)),
    "a key with half a character": (DefinitionError, lambda c: c.options(key="\ud800").start(flows.sequence, 1)),
    "a queue that is too long": (DefinitionError, lambda c: c.options(queue="q" * 101).start(flows.sequence, 1)),
    "a priority": (DefinitionError, lambda c: c.options(priority=10).start(flows.sequence, 1)),
    "a delay that is negative": (DefinitionError, lambda c: c.options(delay=-1).start(flows.sequence, 1)),
    "a delay without a unit": (DefinitionError, lambda c: c.options(delay="5").start(flows.sequence, 1)),
    "a version": (DefinitionError, lambda c: c.options(version=0).start("unknown", n=1)),
    "a long attribute": (DefinitionError, lambda c: c.options(attributes={"a": "v" * 191}).start(flows.sequence, 1)),
    "a nameless attribute": (DefinitionError, lambda c: c.options(attributes={"": "v"}).start(flows.sequence, 1)),
    "an attribute that is a list": (
        DefinitionError,
        lambda c: c.options(attributes={"a": ["v"]}).start(flows.sequence, 1),  # type: ignore[dict-item]
    ),
    "the last of many": (CodecError, lambda c: c.start_many(flows.sequence, [*((n,) for n in range(700)), ("x",)])),
    "texts for arguments": (ArgumentsError, lambda c: c.start_many("unknown", ["Ada", "Grace"])),
    "numbers for arguments": (ArgumentsError, lambda c: c.start_many(flows.sequence, [1, 2])),  # type: ignore[list-item]
    "too few keys": (ArgumentsError, lambda c: c.start_many(flows.sequence, [(1,), (2,)], keys=["a"])),
    "too many keys": (ArgumentsError, lambda c: c.start_many(flows.sequence, [(1,)], keys=["a", "b"])),
    "a text for keys": (ArgumentsError, lambda c: c.start_many(flows.sequence, [(1,), (2,)], keys="ab")),
    "one key for many": (ArgumentsError, lambda c: c.options(key="a").start_many(flows.sequence, [(1,), (2,)])),
    "a large argument": (ValueTooLarge, lambda c: c.start("unknown", text="x" * (1 << 20))),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_leaves_nothing_behind(lite: Client, case: str) -> None:
    expected, attempt = REFUSED[case]
    with pytest.raises(expected) as caught:
        attempt(lite)
    assert isinstance(caught.value, MilepostError)
    assert "\n" not in str(caught.value)
    assert lite.count() == {}


def test_every_text_that_is_accepted_comes_back_as_it_was(client: Client) -> None:
    words = ["Ä" * 190, "🙂", "a'b\"c", "trailing ", "%s {x} :y", "x" * 190]
    for number, text in enumerate(words):
        found = client.options(key=text, attributes={text: text, "n": number}).start("any", text=text).get()
        assert (found.idempotency_key, found.attributes) == (text, {text: text, "n": str(number)})
        assert msgspec.json.decode(found.input or "") == {"text": text}
        assert [one.id for one in client.find(Filter(attributes={text: text}))] == [found.id]


def test_limits_come_from_the_settings(sqlite_url: str) -> None:
    settings = load_settings(None, {"store.url": sqlite_url, "limits.max_value_bytes": 2000}, environment={})
    from engine.store.migrations import migrate

    with Client(settings) as client:
        migrate(client.database)
        started = client.start("any", text="x" * 1900)
        with pytest.raises(ValueTooLarge, match="2,000"):
            client.start("any", text="x" * 2000)
        with pytest.raises(ValueTooLarge):
            started.signal("large", "x" * 2000)
        with pytest.raises(ValueTooLarge):
            started.retry(1, {"text": "x" * 2000})


def test_delays_of_every_kind(lite: Client) -> None:
    for delay in ("90s", 90, 90.0, timedelta(seconds=90)):
        started = lite.options(delay=delay).start(flows.sequence, 1)
        assert (started.history()[0].due_us or 0) - started.get().created_us == 90_000_000
    assert lite.options(delay=0).start(flows.sequence, 1).history()[0].state == "ready"


def test_a_client_that_is_closed_says_so(sqlite_url: str, lite: Client) -> None:
    with Client(lite.database) as client:
        started = client.start(flows.sequence, 1)
    for attempt in (started.state, started.cancel, started.result, client.queues):
        with pytest.raises(MilepostError, match="closed"):
            attempt()
    assert lite.handle(started.id).state() == "running", "the database was given open and stays open"


def test_the_url_of_a_broker_that_cannot_be_used_is_found_out_first(lite: Client) -> None:
    started = lite.start(flows.sequence, 1)
    with Client(lite.database, broker="nosuch://host") as client:
        for attempt in (
            lambda: client.start(flows.sequence, 1),
            lambda: client.cancel(started.id),
            lambda: client.signal(started.id, "go"),
            lambda: client.rerun(started.id),
        ):
            with pytest.raises(ConfigError, match=r"broker\.url"):
                attempt()
    assert lite.count() == {"running": 1}
    assert [step.seq for step in started.history()] == [0]
