"""What is stored is read again as it was, in one form only, and nothing else is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from engine.rules import model
from engine.rules.errors import ModelError
from engine.rules.stored import content_hash, read_model, write_model
from tests.unit.rules.models import models

TABLE = model.DecisionTable(
    (model.InputClause("Age", type="number"),),
    (model.OutputClause("Fare"),),
    (model.Rule(("< 18",), ("5",)), model.Rule(("-",), ("9.50",), id="r2")),
)
MODEL = model.Model(
    "Fares",
    "urn:fares",
    elements=(model.InputData("i", "Age", "number"), model.Decision("d", "Fare", expression=TABLE, requires=("i",))),
)
TEXT = (
    '{"format":1,"model":{"elements":[{"element":"input","id":"i","name":"Age","type":"number"},{"element":"decision",'
    '"expression":{"box":"table","inputs":[{"expression":"Age","type":"number"}],"outputs":[{"name":"Fare"}],'
    '"rules":[{"conclusions":["5"],"conditions":["< 18"]},{"conclusions":["9.50"],"conditions":["-"],"id":"r2"}]},'
    '"id":"d","name":"Fare","requires":["i"]}],"name":"Fares","namespace":"urn:fares"}}'
)


@given(models())
def test_what_is_written_is_read_again_as_it_was(source: model.Model) -> None:
    text = write_model(source)
    assert read_model(text) == source
    assert write_model(read_model(text.encode())) == text


def test_the_text_and_the_hash_are_those_of_this_format() -> None:
    # Hashes of versions are kept in databases: if this fails, the format needs another number.
    assert write_model(MODEL) == TEXT
    assert content_hash(MODEL) == "9f1cba7a7edd56e5aa1fe1c7c699e1e5396767350b2a90646f3ba6bb6d54e73f"


def test_the_order_and_blanks_of_what_is_read_do_not_matter() -> None:
    assert content_hash(read_model(json.dumps(json.loads(TEXT), indent=2))) == content_hash(MODEL)


def changed(path: list[Any], value: Any) -> str:
    whole = json.loads(TEXT)
    inner = whole
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return json.dumps(whole)


RULE = ["model", "elements", 1, "expression", "rules", 0]


@pytest.mark.parametrize(
    "path, value, says",
    [
        (["format"], 2, "has the format 2; this version reads 1"),
        (["format"], True, "has the format True"),
        (["more"], 1, "this is no stored model"),
        (["model"], [], "model should be an object, and is []"),
        (["model", "name"], None, "model.name should be a text, and is null"),
        (["model", "colour"], "red", "model has 'colour', which nothing is known of"),
        (["model", "elements"], {}, "model.elements should be a list"),
        (["model", "elements", 1, "element"], "verdict", "model.elements[1].element should be one of input, decision"),
        (["model", "elements", 1], "d", "model.elements[1] should be an object with 'element'"),
        (["model", "elements", 1, "expression", "box"], ["table"], "expression.box should be one of literal, table"),
        (["model", "elements", 1, "expression", "hit_policy"], "BEST", "hit_policy should be one of UNIQUE, FIRST"),
        ([*RULE, "conditions", 0], 18, "rules[0].conditions[0] should be a text, and is 18"),
        ([*RULE, "conditions", 0], 1.5, "rules[0].conditions[0] should be a text, and is 1.5"),
        ([*RULE], {"conditions": []}, "model.elements[1].expression.rules[0] has no 'conclusions'"),
        (["model", "items"], [{"name": "t", "collection": 1}], "model.items[0].collection should be true or false"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused_with_its_place(path: list[Any], value: Any, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_model(changed(path, value))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[1]", "no stored model"),
        (b"\xff\xfe\xfa", "no JSON"),
        ('{"format":1,"format":1}', "'format' twice"),
        ('{"format":NaN,"model":1}', "it has NaN"),
        ("[" * 100_000, "nested too deep"),
        ('{"format":1,"model":{"name":"a","namespace":"b","elements":[{"element":"decision","id":"d","name":"n",'
         '"expression":' + '{"box":"list","items":[' * 900 + "]}" * 900 + "}]}}", "nested too deep"),
    ],
)  # fmt: skip
def test_hostile_texts_are_refused(text: str | bytes, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_model(text)
    assert says in str(caught.value)


def test_what_no_text_can_hold_is_refused() -> None:
    with pytest.raises(ModelError, match="half of a surrogate pair"):
        write_model(model.Model("\ud800", "n"))
    deep: model.Expression = model.BoxedList(())
    for _ in range(2000):
        deep = model.BoxedList((deep,))
    with pytest.raises(ModelError, match="too deep"):
        write_model(model.Model("m", "n", elements=(model.Decision("d", "d", expression=deep),)))
