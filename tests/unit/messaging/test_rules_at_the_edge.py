"""What messages do where rules have a say: they are let in or not, and start what rules say, and nothing by half."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import DefinitionError, MessageInfo, Registry, StoreUnavailable, Trigger, flow, on_message, rules
from engine.messaging.intake import LONGEST_REASON, decide, received
from engine.messaging.judge import Means
from engine.model.messages import KEY_LENGTH, ByKey, Dead, Routed, Signal, Start
from engine.rules.errors import Undecidable
from tests.unit.messaging.judges import Canned
from transports.protocol import Message

URL = "memory://tests/events"
LIMIT = 2_000


@dataclass
class Event:
    kind: str
    amount: Decimal = Decimal(1)


@flow(version=2, queue="money", priority=3)
async def refund(event: Event, info: MessageInfo) -> None: ...


@flow
async def ship(pieces: int, to: str = "Ada") -> None: ...


@flow(guard=rules.guard("house-rules"))
async def guarded(event: Event, express: bool = False) -> None: ...


@flow
async def nothing() -> None: ...


REGISTRY = Registry([refund, ship, guarded, nothing])


@on_message(URL, route=rules.route("routing"))
def events(event: Event) -> Event:
    return event


@on_message(URL, route=rules.route("routing"), filter=rules.guard("intake"), name="some", key=lambda event: event.kind)
def filtered(event: Event, info: MessageInfo) -> dict[str, Any]:
    return {"kind": event.kind, "from": info.queue}


def filtering(**options: Any) -> Trigger:
    on_message(URL, filter=rules.guard("intake"), **options)(refund)
    return refund.triggers.pop()


def decided(by: Trigger, judge: Canned, body: Any = None, **more: Any) -> Any:
    text = json.dumps({"kind": "return", "amount": "1.50"} if body is None else body).encode()
    return decide(by, received(by, Message("events", text, **({"id": "m1"} | more))), Means(REGISTRY, judge, LIMIT))


def reason(by: Trigger, judge: Canned, body: Any = None, **more: Any) -> str:
    found = decided(by, judge, body, **more)
    assert isinstance(found, Dead), found
    return found.reason


# -- guards ------------------------------------------------------------------------------------------------------------


def test_a_message_that_rules_let_in_starts_and_says_by_which() -> None:
    judge = Canned(intake=True)
    found = decided(filtering(), judge, headers={"tenant": "eu"})
    assert isinstance(found, Start)
    assert (found.key, found.attributes) == ("refund:m1", {"milepost.filter": "intake version 3"})
    ((rule, inputs, key),) = judge.asked
    assert (rule, key) == ("intake", "refund:m1")
    assert (inputs["kind"], inputs["amount"], inputs["event"]["kind"]) == ("return", Decimal("1.50"), "return")
    assert inputs["message"] == {"queue": "events", "id": "m1", "key": None, "headers": {"tenant": "eu"}}


@pytest.mark.parametrize(
    "outcome, said",
    [
        ({"accept": False, "reason": "too small"}, "version 3 of the rules 'intake' (rule 2 of 'intake'): too small"),
        (False, "refused by version 3 of the rules 'intake' (rule 2 of 'intake')"),
        (None, "they came to null"),
        (Undecidable("there are no rules 'intake'"), "there are no rules 'intake'"),
    ],
)
def test_a_message_that_rules_do_not_let_in_is_dead_and_says_why(outcome: Any, said: str) -> None:
    found = decided(filtering(), Canned(intake=outcome))
    assert isinstance(found, Dead)
    assert said in found.reason
    assert found.key == "refund:m1"


def test_a_store_that_is_away_decides_nothing() -> None:
    for by in (filtering(), events):
        with pytest.raises(StoreUnavailable):
            decided(by, Canned(intake=StoreUnavailable("away"), routing=StoreUnavailable("away")))
    with pytest.raises(StoreUnavailable):
        decided(events, Canned(routing="guarded", **{"house-rules": StoreUnavailable("away")}))


def test_the_guard_of_a_flow_is_asked_about_messages_too() -> None:
    on_message(URL)(guarded)
    by = guarded.triggers.pop()
    judge = Canned(**{"house-rules": lambda inputs: inputs["express"] is False and inputs["kind"] == "return"})
    assert decided(by, judge).attributes == {"milepost.guard": "house-rules version 3"}
    refused = decided(by, judge, {"kind": "other"})
    assert (refused.key, refused.reason.startswith("refused by version 3 of")) == ("guarded:m1", True)


# -- routes ------------------------------------------------------------------------------------------------------------


def test_rules_say_what_a_message_starts() -> None:
    judge = Canned(
        routing=[
            {"flow": "refund"},
            {"flow": "ship", "input": {"pieces": 2}, "key": "o7", "queue": "fast", "priority": 0},
            {"signal": "paid", "key": "o8", "input": {"cents": 5}},
            {"flow": "nothing", "input": {}},
        ]
    )
    found = decided(events, judge)
    assert isinstance(found, Routed)
    first, second, third = found.starts
    by = {"milepost.route": "routing version 3", "milepost.route.matched": "rule 2 of 'routing'"}
    assert (first.flow, first.version, first.queue, first.priority) == ("refund", 2, "money", 3)
    assert (first.key, first.attributes, found.key) == ("events:m1#1", by, "events:m1#1")
    arguments, _ = refund.arguments.decode(first.input)
    assert arguments == [Event("return", Decimal("1.50")), MessageInfo(queue="events", id="m1")]
    assert second == Start("ship", 1, '{"pieces":2}', "fast", 0, "events:o7", attributes=by)
    assert found.signals == (Signal(ByKey("events:o8"), "paid", '{"cents":5}', "events:m1#3"),)
    assert (third.input, third.key) == ("{}", "events:m1#4")
    assert judge.asked[0][2] == "events:m1#1"


def test_rules_may_say_that_nothing_is_started() -> None:
    assert decided(events, Canned(routing=None)) == Routed(key="events:m1#1")


def test_what_the_function_returns_is_what_rules_are_asked_about() -> None:
    judge = Canned(routing="nothing", intake=lambda inputs: "from" not in inputs)
    found = decided(filtered, judge, {"kind": "k"})
    assert [one.attributes["milepost.filter"] for one in found.starts] == ["intake version 3"]
    assert judge.asked[1][1]["from"] == "events"
    assert found.starts[0].key == "some:k#1"


@pytest.mark.parametrize(
    "outcome, said",
    [
        ("gone", "there is no flow 'gone' here; load its module (known: guarded, nothing, refund, ship)"),
        ("milepost.publish", "there is no flow 'milepost.publish' for rules to start"),
        ({"flow": "ship", "input": {"pieces": "two"}}, "the input does not fit the flow 'ship': "),
        ({"flow": "ship", "input": {"places": 2}}, "no value for the argument 'pieces'"),
        ({"flow": "ship", "input": {"pieces": 2, "of": 1}}, "there is no parameter 'of'"),
        ({"flow": "ship", "input": {"pieces": 2, "to": "x" * LIMIT}}, "at most 2,000 bytes are stored"),
        ({"signal": "s", "key": "k", "input": "x" * LIMIT}, "at most 2,000 bytes are stored"),
        ({"flow": "nothing", "key": "4711#1"}, "the key '4711#1' of a start ends with '#' and a number"),
        ([{"flow": "refund"}, {"flow": "gone"}], "there is no flow 'gone'"),
        ("guarded", "came to the flow 'guarded', refused by version 3 of the rules 'house-rules'"),
        (5, "came to what is no action"),
        (Undecidable("there are no rules 'routing'"), "there are no rules 'routing'"),
    ],
)
def test_what_cannot_be_done_makes_the_message_dead(outcome: Any, said: str) -> None:
    found = decided(events, Canned(routing=outcome, **{"house-rules": False}))
    assert isinstance(found, Dead)
    assert said in found.reason
    assert found.key == "events:m1#1"


@pytest.mark.parametrize("action", [{"flow": "refund"}, {"signal": "s", "key": "k"}], ids=["starts", "signals"])
def test_what_one_event_does_is_bounded_together(action: dict[str, Any]) -> None:
    body = {"kind": "x" * (LIMIT // 2)}
    assert isinstance(decided(events, Canned(routing=[action] * 20), body), Routed)
    found = decided(events, Canned(routing=[action] * 40), body)
    assert isinstance(found, Dead)
    assert "all that an event does holds 32,000 bytes at most" in found.reason


def test_a_function_that_returns_nothing_is_said() -> None:
    @on_message(URL, route=rules.route("routing"))
    def careless(event: Event) -> None: ...

    assert "returned nothing that rules can be asked about" in reason(careless, Canned(routing=None))


outcomes = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["refund", "ship", "guarded", "nothing"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["flow", "signal", "input", "key", "queue", "priority", "accept", "pieces"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
actions = st.lists(
    st.fixed_dictionaries(
        {"flow": st.sampled_from(["refund", "ship", "guarded", "nothing"])},
        optional={
            "key": st.text(min_size=1) | st.integers(), "priority": st.integers(-1, 10),
            "input": st.dictionaries(st.sampled_from(["pieces", "to"]), st.integers() | st.text(), max_size=2),
        },
    ),
    max_size=3,
)  # fmt: skip


@given(outcomes | actions, outcomes, st.binary(max_size=30) | st.just(b'{"kind": "k"}'), st.text(max_size=300))
def test_whatever_rules_say_and_whatever_comes_is_decided(said: Any, guard: Any, body: bytes, id: str) -> None:
    judge = Canned(routing=said, intake=guard, **{"house-rules": guard})
    for by in (events, filtered, filtering()):
        kept = received(by, Message("events", body, id=id or "m"))
        found = decide(by, kept, Means(REGISTRY, judge, LIMIT))
        assert decide(by, kept, Means(REGISTRY, judge, LIMIT)) == found
        if isinstance(found, Dead):
            assert 0 < len(found.reason) <= LONGEST_REASON
            continue
        starts = found.starts if isinstance(found, Routed) else (found,)
        assert all(isinstance(one, Start) and one.key and len(one.key) <= KEY_LENGTH for one in starts)
        assert {one.flow for one in starts} <= {"refund", "ship", "guarded", "nothing"}
        places = [one.key for one in starts if one.key and "#" in one.key]
        assert len(set(places)) <= len(starts)
        if by is not events:
            accept = guard.get("accept") if isinstance(guard, dict) else guard
            assert accept is True


# -- definitions -------------------------------------------------------------------------------------------------------


async def some(event: Event) -> None: ...


def plain(event: Event) -> Event:
    return event


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: rules.guard(""), "is not usable"),
        (lambda: rules.guard("a", version=1, tag="b"), "give one of them"),
        (lambda: rules.route("a", version="newest"), "is neither a number nor 'latest'"),  # type: ignore[arg-type]
        (lambda: flow(guard="order-intake")(some), "write guard=rules.guard"),  # type: ignore[call-overload]
        (lambda: on_message(URL, route="routing")(plain), "write route=rules.route"),  # type: ignore[call-overload]
        (lambda: on_message(URL, route=rules.route("r"), signal="s")(plain), "without signal="),  # type: ignore[call-overload]
        (lambda: on_message(URL, route=rules.route("r"))(refund), "put it on a plain function"),
    ],
)
def test_what_cannot_work_is_said_at_once(make: Any, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        make()
