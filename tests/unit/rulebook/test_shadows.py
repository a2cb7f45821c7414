"""Rollouts and shadows in a rulebook: a shadow is recorded, never counts, and can harm nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.model.rulebook import Answer, ShadowAnswer
from engine.model.shares import ALL
from engine.rulebook import rulebook, shadows
from engine.rules.model import Decision, InputData, LiteralExpression, Model
from engine.rules.prepared import Prepared
from engine.rules.stored import content_hash, write_model
from engine.store.rules.versions import activate, set_shadow
from tests.unit.rulebook.shop import Shop
from tests.worker.rule_flows import RULES, model


def literal(text: str) -> str:
    """Rules that come to what an expression says."""
    decision = Decision("d", "rate", None, LiteralExpression(text), ("i",))
    return write_model(Model(RULES, "urn:test", (), (InputData("i", "amount"), decision)))


def beside(shop: Shop, number: int | None, share: int = ALL) -> None:
    with shop.database.write() as tx:
        set_shadow(tx, RULES, number, share=share)
    shop.now_us += 10


def shadow_of(answer: Answer) -> ShadowAnswer:
    assert answer.shadow is not None
    return answer.shadow


def test_a_rollout_decides_by_bucket(shop: Shop) -> None:
    shop.put("0.1")
    shop.put("0.2", active=False)
    with shop.database.write() as tx:
        activate(tx, RULES, 2, share=100)
    shop.now_us += 10
    found = [shop.ask(1000, bucket=bucket).version for bucket in (0, 99, 100, None)]
    assert found == [2, 2, 1, 1]


def test_what_a_shadow_decides_is_recorded_where_it_differs(shop: Shop) -> None:
    shop.put("0.1")
    shop.put("0.2", active=False)
    beside(shop, 2)
    answer = shop.ask(bucket=0)
    shadow = shadow_of(answer)
    assert (answer.version, bytes(answer.outcome)) == (1, b'{"rate":0.1,"since":{"@":"2026-11-30"}}')
    assert (shadow.version, shadow.hash, shadow.matched) == (2, content_hash(model("0.2")), (("rate", (1,)),))
    assert shadow.outcome == msgspec.Raw(b'{"rate":0.2,"since":{"@":"2026-11-30"}}')
    assert shadow.error is None
    same = shadow_of(shop.ask(inputs=b'{"amount":5}', bucket=0))
    assert (same.outcome, same.matched, same.error) == (msgspec.UNSET, (("rate", (2,)),), None)


def test_a_shadow_is_for_what_is_active_and_for_its_share(shop: Shop) -> None:
    shop.put("0.1")
    shop.put("0.2", active=False)
    beside(shop, 2, share=100)
    assert shop.ask(bucket=99).shadow is not None
    asked: list[dict[str, Any]] = [
        {"bucket": 100}, {}, {"bucket": 0, "version": 1}, {"bucket": 0, "version": "latest"},
        {"bucket": 0, "begun_us": 999, "version": 1},
    ]  # fmt: skip
    assert [shop.ask(**one).shadow for one in asked] == [None] * len(asked)
    beside(shop, 1)
    assert shop.ask(1010, bucket=0).shadow is None, "the version that decides is no shadow of itself"
    beside(shop, None)
    assert shop.ask(1020, bucket=0).shadow is None
    assert shop.ask(1000, bucket=0).shadow is not None, "who began before goes on with what was set"


@pytest.mark.parametrize(
    "content, said",
    [
        ("{}", "RuleError: version 2 of the rules 'credit' cannot be used by this release"),
        (literal("count(for i in 1..10000000 return i)"), "BudgetExceeded: "),
        (literal("function(a) a"), "a function of a rule cannot be recorded"),
        (literal('string join(for i in 1..20000 return "x", "")'), "too large to be recorded"),
        (literal("if 1 > 0 then {a: amount} else 1 / 0"), None),
    ],
)
def test_a_shadow_harms_nothing(shop: Shop, content: str, said: str | None) -> None:
    shop.put("0.1")
    alone = shop.ask(bucket=0)
    shop.put_text(content)
    beside(shop, 2)
    answer = shop.ask(bucket=0)
    assert msgspec.structs.replace(answer, shadow=None) == alone
    shadow = shadow_of(answer)
    if said is None:
        assert (shadow.outcome, shadow.error) == (msgspec.Raw(b'{"a":5000}'), None)
    else:
        assert said in (shadow.error or "")
        assert shadow.outcome is msgspec.UNSET
    assert len(msgspec.json.encode(shadow)) <= shadows.LARGEST


def test_a_shadow_that_raises_what_nobody_thought_of_harms_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("0.1")
    shop.put("0.2", active=False)
    shop.ask()
    beside(shop, 2)

    def broken(_content: str) -> Prepared:
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr(Prepared, "from_text", broken)
    answer = shop.ask(bucket=0)
    assert (answer.version, shadow_of(answer).error) == (1, "ZeroDivisionError: nobody thought of it")


def test_a_shadow_that_is_null_where_something_was_decided_differs(shop: Shop) -> None:
    shop.put("0.1")
    shop.put_text(literal("null"))
    beside(shop, 2)
    shadow = shadow_of(shop.ask(bucket=0))
    assert shadow.outcome == msgspec.Raw(b"null")
    text = msgspec.json.encode(shop.ask(bucket=0))
    assert msgspec.json.decode(text, type=Answer).shadow == shadow


def test_no_shadow_decides_where_nobody_records_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("0.1")
    shop.put("0.2", active=False)
    beside(shop, 2)
    shop.ask(bucket=0)
    monkeypatch.setattr(rulebook, "decide_beside", None)
    assert shop.ask(bucket=0, with_shadow=False).shadow is None


def test_what_does_not_compile_is_compiled_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("0.1")
    shop.put_text("{}")
    beside(shop, 2)
    first = shadow_of(shop.ask(bucket=0))
    monkeypatch.setattr(Prepared, "from_text", None)
    assert shadow_of(shop.ask(bucket=0)) == first


def test_rollouts_and_shadows_are_compiled_before_they_are_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("0.1")
    for rate in ("0.2", "0.3"):
        shop.put(rate, active=False)
    with shop.database.write() as tx:
        activate(tx, RULES, 2, share=100)
    beside(shop, 3)
    shop.rulebook.look()
    shop.rulebook.compile()
    monkeypatch.setattr(Prepared, "from_text", None)
    for bucket, version in ((0, 2), (100, 1)):
        answer = shop.ask(1000, bucket=bucket)
        assert (answer.version, shadow_of(answer).version, shadow_of(answer).error) == (version, 3, None)
