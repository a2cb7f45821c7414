"""Nothing in the project turns data into code: no pickle, no eval, no exec, no shell."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import pytest

from tests.house.sources import Module, modules

MODULES = {"cloudpickle", "cPickle", "dill", "jsonpickle", "marshal", "pickle", "shelve"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CODE_MAKER = "engine.rules.feel.code"
"""The one module that makes code, of a tree that it checks node by node; what it lets through has tests of its own."""
LONGEST_MODULE = 400


def dangers(known: Mapping[str, Module]) -> list[str]:
    """Name every place where data could become code."""
    found: list[str] = []
    for module in known.values():
        found += [
            f"{module.name}:{imported.line} imports {imported.target}"
            for imported in module.imports
            if imported.target.split(".")[0] in MODULES
        ]
        found += [
            f"{module.name}:{node.lineno} calls {danger}"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call) and (danger := _call(node))
        ]
    return found


def _call(node: ast.Call) -> str | None:
    name = ast.unparse(node.func)
    if name in BUILTINS or name in {f"builtins.{builtin}" for builtin in BUILTINS}:
        return name
    if name in {"os.system", "os.popen"}:
        return name
    if name in {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}:
        return name
    shell = next((keyword.value for keyword in node.keywords if keyword.arg == "shell"), None)
    if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
        return f"{name} with a shell"
    return None


def test_no_module_turns_data_into_code() -> None:
    found = dangers(modules("engine", "transports", "flows"))
    assert [one for one in found if not one.startswith(f"{CODE_MAKER}:")] == []
    assert sorted(one.partition(" ")[2] for one in found) == ["calls compile", "calls exec"]


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "def f():\n    import marshal",
        "eval('1')",
        "exec(code)",
        "compile(text, '', 'exec')",
        "import builtins\nbuiltins.eval('1')",
        "import os\nos.system('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import yaml\nyaml.load(text)",
    ],
)
def test_the_check_sees_each_danger(source: str) -> None:
    assert len(dangers({"x": Module("x", source)})) == 1


@pytest.mark.parametrize(
    "source", ["import re\nre.compile('a')", "model.eval()", "import yaml\nyaml.safe_load(text)", "run(shell=False)"]
)
def test_the_check_accepts_what_only_looks_like_it(source: str) -> None:
    assert dangers({"x": Module("x", source)}) == []


def test_modules_stay_small() -> None:
    lengths = {name: len(module.source.splitlines()) for name, module in modules("engine", "transports").items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}
