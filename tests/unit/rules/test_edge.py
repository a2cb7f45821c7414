"""What outcomes of rules say at the edge: what is accepted in so many words is let in, and no outcome is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MilepostError
from engine.model.edge import Action, Basis
from engine.rules.edge import ENTRIES, actions_of, inputs_of, verdict_of
from engine.rules.errors import RuleError
from engine.rules.feel.exchange import NotAValue
from engine.rules.feel.values import Date
from tests.unit.messaging.judges import VERSION, answer

BASIS = Basis("intake", VERSION, (("intake", (2,)),))

leaves = st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False)
values = st.recursive(
    leaves | st.dates() | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
entries = st.dictionaries(st.sampled_from([*ENTRIES, "accept", "reason", "other"]), values, max_size=5)


# -- guards ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome, accepted, reason",
    [
        (True, True, None),
        (False, False, None),
        ({"accept": True, "reason": None}, True, None),
        ({"accept": False, "reason": "too small"}, False, "too small"),
        ({"accept": False, "reason": 5, "other": 1}, False, "5"),
        (None, False, "they came to null, and not to accept, true or false; no rule matches"),
        ({"accept": None}, False, 'they came to {"accept":null}, and not to accept, true or false'),
        ({"accept": "true"}, False, 'they came to {"accept":"true"}, and not to accept, true or false'),
        ([True], False, "they came to [true], and not to accept, true or false"),
        ("yes", False, 'they came to "yes", and not to accept, true or false'),
    ],
)
def test_a_guard_accepts_what_is_accepted_in_so_many_words(outcome: Any, accepted: bool, reason: str | None) -> None:
    verdict = verdict_of(answer(outcome))
    assert (verdict.basis, verdict.accepted, verdict.reason) == (BASIS, accepted, reason)


def test_a_refusal_says_by_what_and_why() -> None:
    verdict = verdict_of(answer({"accept": False, "reason": "too small"}))
    assert verdict.refusal == "refused by version 3 of the rules 'intake' (rule 2 of 'intake'): too small"
    assert Basis("r", 1).text == "version 1 of the rules 'r'"
    matched = (("a", (1, 3)), ("b", ()), ("c", (2,)), ("d", (1, 2, 3)))
    assert Basis("r", 1, matched).matched_text == "rules 1 and 3 of 'a', rule 2 of 'c', rules 1, 2 and 3 of 'd'"
    assert Basis("r" * 190, 12).word == "r" * 179 + " version 12"


@given(values | entries)
def test_no_other_outcome_lets_anything_in(outcome: Any) -> None:
    accept = outcome.get("accept") if isinstance(outcome, dict) else outcome
    assert verdict_of(answer(outcome)).accepted is (accept is True)


# -- routes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome, expected",
    [
        (None, ()),
        ([], ()),
        ([None, {"flow": None, "input": None}], ()),
        ("refund", (Action(flow="refund"),)),
        ({"flow": "refund", "key": 17, "input": None}, (Action(flow="refund", key="17"),)),
        ({"flow": "refund", "key": Decimal("1.50")}, (Action(flow="refund", key="1.5"),)),
        ({"flow": "refund", "key": Decimal("1E+3")}, (Action(flow="refund", key="1000"),)),
        (
            {"flow": "f", "input": {"on": date(2026, 11, 30), "rate": Decimal("0.10")}, "delay": timedelta(minutes=5)},
            (Action(flow="f", input='{"on":"2026-11-30","rate":0.10}', delay_us=300_000_000),),
        ),
        (
            [{"flow": "a", "priority": 0, "queue": "fast"}, None, {"signal": "paid", "key": "k", "input": [1]}],
            (Action(flow="a", priority=0, queue="fast"), Action(signal="paid", key="k", input="[1]")),
        ),
    ],
)
def test_an_outcome_says_what_an_event_does(outcome: Any, expected: tuple[Action, ...]) -> None:
    found = actions_of(answer(outcome))
    assert (found.basis, found.actions) == (BASIS, expected)


@pytest.mark.parametrize(
    "outcome, said",
    [
        (5, "5; it is a context with a flow or a signal"),
        (True, "true; it is a context"),
        ([["refund"]], '["refund"]; it is a context'),
        ({"flow": "a", "signal": "b"}, "both a flow and a signal"),
        ({"key": "a"}, "neither a flow nor a signal"),
        ({"flow": "a", "quue": "b"}, "an entry 'quue'; there are flow, signal,"),
        ({"flow": 5}, "the flow is 5"),
        ("", 'the flow is "",'),
        ({"flow": "a", "input": [1]}, "the input is [1]; it is a context"),
        ({"flow": "a", "priority": 10}, "the priority is 10"),
        ({"flow": "a", "priority": Decimal("1.5")}, "the priority is 1.5"),
        ({"flow": "a", "queue": "a b"}, "'a b' is not a queue name"),
        ({"flow": "a", "delay": "5m"}, 'the delay is "5m"; it is a duration'),
        ({"flow": "a", "delay": timedelta(days=-1)}, 'the delay is "-P1D"'),
        ({"flow": "a", "delay": timedelta(days=40_000)}, "of a hundred years at most"),
        ({"flow": "a", "key": {"a": 1}}, "the key is {"),
        ({"flow": "a", "key": ""}, 'the key is "";'),
        (["a"] * 1001, "came to 1001 actions; an event does 1000 at most"),
        ({"signal": "a"}, "goes to the execution that was started with its key"),
        ({"signal": "a", "key": "k", "queue": "q"}, "a signal has no queue"),
    ],
)
def test_what_is_no_action_is_said(outcome: Any, said: str) -> None:
    with pytest.raises(RuleError) as caught:
        actions_of(answer(outcome))
    assert said in str(caught.value)
    assert str(caught.value).startswith("version 3 of the rules 'intake' (rule 2 of 'intake') came to ")


@given(values | entries | st.lists(entries, max_size=3))
def test_whatever_comes_out_is_actions_or_an_error(outcome: Any) -> None:
    try:
        found = actions_of(answer(outcome))
    except RuleError:
        return
    for one in found.actions:
        assert (one.flow is None) is not (one.signal is None)
        assert one.input is None or one.signal is not None or isinstance(msgspec.json.decode(one.input), dict)
        assert one.priority is None or 0 <= one.priority <= 9
        assert one.delay_us is None or one.delay_us >= 0


# -- inputs ------------------------------------------------------------------------------------------------------------


@dataclass
class Order:
    amount: Decimal
    due: date


def test_the_entries_of_what_they_are_asked_about_go_before_values_by_name() -> None:
    order = Order(Decimal("1.50"), date(2026, 11, 30))
    context = {"amount": Decimal("1.50"), "due": Date(2026, 11, 30)}
    assert inputs_of(order, {"order": order, "amount": 7, "express": True}) == {
        **context, "order": context, "express": True
    }  # fmt: skip
    assert inputs_of(5, {"pieces": 5}) == {"pieces": Decimal(5)}


def test_what_rules_have_no_value_for_is_left_out_unless_they_are_asked_about_it() -> None:
    assert inputs_of(b"x", {"body": b"x", "pieces": 1, "other": object()}) == {"pieces": Decimal(1)}
    with pytest.raises(NotAValue):
        inputs_of({"a": b"x"}, {})


@pytest.mark.parametrize("event", ["text", 5, ["list"], b"bytes"])
def test_an_event_has_entries(event: Any) -> None:
    with pytest.raises(NotAValue, match="give a mapping, a dataclass or a model"):
        inputs_of(event, {"event": event}, needs_entries=True)
    assert inputs_of({"a": 1}, {}, needs_entries=True) == {"a": 1}


@given(values)
def test_whatever_they_are_asked_about_is_inputs_or_an_error(subject: Any) -> None:
    try:
        assert isinstance(inputs_of(subject, {"subject": subject}), dict)
    except MilepostError:
        assert isinstance(subject, dict | list), "only parts of it can be no value"
