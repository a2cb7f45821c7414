"""The Technology Compatibility Kit of DMN, where a checkout of it is named by MILEPOST_TCK: its rate only goes up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tck.floor import FILE, LEVELS, complaints, known_failures
from tests.tck.kit import folders_of
from tests.tck.runner import run

KIT = os.environ.get("MILEPOST_TCK")
JAVA = "0076-feel-external-java"
"""The folder whose cases call functions of Java, which are known and not called."""


@pytest.mark.parametrize("level", LEVELS)
def test_no_case_fails_but_those_that_are_known(level: int) -> None:
    if KIT is None:
        pytest.skip("NOT TRIED: DMN's compatibility kit, for MILEPOST_TCK names no checkout of github.com/dmn-tck/tck")
    tally = run(folders_of(Path(KIT), (level,)))
    assert tally.total > 0
    assert tally.passed + len(tally.failures) == tally.total == len(tally.tried)
    failed = {failure["case"]: failure["problems"] for failure in tally.failures}
    assert complaints(known_failures(level), tally.tried, failed) == [], failed


def test_nothing_is_known_to_fail_but_what_calls_java() -> None:
    assert known_failures(2) == frozenset()
    assert {case.partition("/")[0] for case in known_failures(3)} == {JAVA}


def test_a_rate_that_falls_and_one_that_rises_are_noticed() -> None:
    tried = ["a/a#1", "a/a#2", "b/b#1"]
    assert complaints(["b/b#1"], tried, ["b/b#1"]) == []
    assert complaints(["b/b#1"], tried, ["a/a#2", "b/b#1"]) == ["a/a#2 fails: mend the engine"]
    assert complaints(["b/b#1"], tried, []) == [f"b/b#1 passes now: take it off {FILE.name}, so that it stays so"]


def test_a_checkout_without_a_folder_says_nothing_of_it() -> None:
    assert complaints(["b/b#1"], ["a/a#1"], []) == []
