"""Models that import others: put into one, stored as one, and decided, explained and compared as a whole."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from engine.client.rules.decisions import usable_model
from engine.client.rules.imports import roots
from engine.rules.analysis.analyse import analyse_model
from engine.rules.changes.kinds import Cell
from engine.rules.changes.models import compare
from engine.rules.checking import check
from engine.rules.dmn.reader import read_dmn
from engine.rules.errors import ModelError
from engine.rules.files import RuleFileError, write_rules
from engine.rules.imports import folded, graph_of
from engine.rules.model import Import, Model
from engine.rules.prepared import Prepared
from engine.rules.scenarios import Scenario
from engine.rules.stored import content_hash, read_model, write_model
from engine.rules.trial import try_model
from tests.unit.rules.analysis.tables import NOW
from tests.unit.rules.dmn.lending import IMPORT, LENDING, RISK, SHARED, put

MODELS = {f"urn:{one}": read_dmn(text.encode()) for one, text in [("risk", RISK), ("shared", SHARED)]}
LENT = folded(read_dmn(LENDING.encode()), lambda namespace, _: MODELS[namespace])
GIVEN = {"Age": Decimal(30), "Amount": Decimal(500)}


def test_a_model_has_within_it_what_it_imports_in_one_order() -> None:
    assert [one.name for one in LENT.imported] == ["risk", "shared"]
    turned = replace(read_dmn(LENDING.encode()), imports=LENT.imports[::-1])
    assert [one.name for one in folded(turned, lambda namespace, _: MODELS[namespace]).imported] == ["risk", "shared"]
    assert check(LENT) == []


def test_it_is_stored_as_one_and_its_hash_is_that_of_all_of_it() -> None:
    assert read_model(write_model(LENT)) == LENT
    other = replace(MODELS["urn:shared"], items=())
    assert content_hash(replace(LENT, imported=(MODELS["urn:risk"], other))) != content_hash(LENT)
    alone = read_dmn(SHARED.encode())
    assert "imported" not in write_model(alone), "what imports nothing keeps its hash"


def test_it_decides_and_is_explained_as_a_whole() -> None:
    prepared = Prepared.from_text(write_model(LENT))
    assert set(prepared.inputs(prepared.decision(None))) == {"Age", "Amount"}
    reached = prepared.decide(None, GIVEN, 0)
    assert (reached.decision, reached.outcome, reached.problems) == ("Offer", 6, ())
    assert dict(reached.matched) == {"Offer": (2,), "Risk": (2,)}
    explained = prepared.explain(None, GIVEN, 0)
    assert [(one.decision, one.explanation.matched) for one in explained] == [
        ("Offer", (2,)),
        ("risk / Risk", (2,)),
    ]
    assert prepared.decide(None, {"Age": Decimal(18)}, 0).outcome == 0


def test_what_is_imported_is_tried_analysed_and_compared_too() -> None:
    trial = try_model(Prepared(LENT), [Scenario("one", {"Age": 30, "Amount": 500}, 6, now=NOW)])
    assert trial.passed
    assert trial.coverage["risk / Risk"].never_matched == ("1",)
    assert set(analyse_model(LENT)) == {"Offer", "Risk"}
    risk = read_dmn(RISK.replace("&lt; 25", "&lt; 21").encode())
    (change,) = compare(LENT, replace(LENT, imported=(risk, MODELS["urn:shared"])))
    assert (change.name, change.within) == ("Risk", "risk")
    assert change.table is not None
    assert [rule.cells[0] for rule in change.table.rules] == [Cell("< 25", "< 21")]


def test_what_is_wrong_with_an_import_is_said_with_its_name() -> None:
    broken = read_dmn(RISK.replace("&lt; 25", "&lt; young").encode())
    (problem, *_) = check(replace(LENT, imported=(broken, MODELS["urn:shared"])))
    assert "imported model 'risk': decision 'Risk', rule 1" in str(problem)
    circle = Model("a", "urn:a", imports=(Import("b", "urn:b"),))
    other = Model("b", "urn:b", imports=(Import("a", "urn:a"),))
    with pytest.raises(ModelError, match="models import each other: urn:a imports urn:b imports urn:a"):
        graph_of(folded(circle, lambda _namespace, _model: other))


def test_files_are_found_by_namespace_among_those_given_and_next_to_it(tmp_path: Path) -> None:
    here = put(tmp_path / "here", main=LENDING, anything=SHARED)
    elsewhere = put(tmp_path / "elsewhere", risk=RISK)
    (here / "torn.dmn").write_text("<")
    main, risk = here / "main.dmn", elsewhere / "risk.dmn"
    assert usable_model(main, None, [main, risk]) == LENT
    assert roots([main, risk]) == [main]
    assert roots([risk]) == [risk]
    with pytest.raises(RuleFileError) as failed:
        usable_model(main)
    assert str(failed.value).startswith(
        "main.dmn: model 'lending' imports 'urn:risk', and no file that was given or is next to it has this namespace: "
        "give the file of that model too; torn.dmn cannot be read: "
    )


def test_two_files_of_one_namespace_have_to_be_told_apart(tmp_path: Path) -> None:
    here = put(tmp_path, main=LENDING, shared=SHARED, risk=RISK, old=RISK)
    with pytest.raises(RuleFileError, match=r"old\.dmn and .*risk\.dmn have this namespace: give the one that is"):
        usable_model(here / "main.dmn")
    assert usable_model(here / "main.dmn", None, [here / "risk.dmn"]) == LENT


def test_an_import_that_imports_what_is_not_there_is_said(tmp_path: Path) -> None:
    here = put(tmp_path, main=LENDING.replace(IMPORT.format("shared"), ""), risk=RISK)
    with pytest.raises(RuleFileError, match=r"main\.dmn: model 'risk' imports 'urn:shared'"):
        usable_model(here / "main.dmn")


def test_one_of_dmn_is_written_beside_those_that_it_imports() -> None:
    files = [write_rules("a.dmn", one, LENT.imported) for one in (LENT, *LENT.imported)]
    first, *others = map(read_dmn, files)
    again = {one.namespace: one for one in others}
    assert folded(first, lambda namespace, _: again[namespace]) == LENT
