"""Packages that import what they export when it is asked for tell type checkers the same names."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from engine.exports import exports
from tests.house.sources import modules

PACKAGES = {
    name: module
    for name, module in modules("engine").items()
    if module.is_package and any(one.target == "engine.exports.exports" for one in module.imports)
}


def homes(name: str) -> dict[str, str]:
    """The table that a package gives to ``exports``: module by module the names in it."""
    calls = [node for node in ast.walk(PACKAGES[name].tree) if isinstance(node, ast.Call)]
    (table,) = (ast.literal_eval(call.args[1]) for call in calls if ast.unparse(call.func) == "exports")
    return table


@pytest.mark.parametrize("name", PACKAGES)
def test_names_are_those_that_type_checkers_see(name: str) -> None:
    told = {one.target for one in PACKAGES[name].imports if not one.at_import}
    given = {f"{home}.{one}" for home, names in homes(name).items() for one in names.split()}
    assert {target.replace("engine.rules.rules", "engine.rules") for target in given} == told
    package: Any = import_module(name)
    assert sorted(package.__all__) == sorted(" ".join(homes(name).values()).split())


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_can_be_asked_for_in_a_new_process(name: str) -> None:
    program = f"import {name} as it\nassert set(it.__all__) <= set(dir(it))\nfrom {name} import *\nprint(*it.__all__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(import_module(name).__all__)


def test_one_name_is_imported_once_and_other_names_are_unknown() -> None:
    get, names = exports("engine.model", {"engine.model.retry": "Retry", "engine.model.topics": "topics"})
    package: Any = import_module("engine.model")
    try:
        assert get("Retry") is package.Retry
        assert get("topics") is import_module("engine.model.topics")
        assert {"Retry", "topics", "__name__"} <= set(names())
        with pytest.raises(AttributeError, match=r"^module 'engine\.model' has no attribute 'Nobody'$"):
            get("Nobody")
    finally:
        del package.Retry
