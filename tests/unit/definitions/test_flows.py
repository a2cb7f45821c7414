"""What @flow accepts and refuses, and how definitions are found by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.definitions.flow import flow
from engine.definitions.loading import load_modules
from engine.definitions.registry import Registry
from engine.definitions.step import step
from engine.errors import ConfigError, DefinitionError, NotInFlow, UnknownDefinition


@flow
async def order(item: str, pieces: int = 1) -> str:
    """Order something."""
    return f"{pieces} {item}"


@step
def work() -> None: ...


def test_a_flow_keeps_its_name_its_text_and_its_function() -> None:
    assert (order.name, order.version, order.__name__, order.__doc__) == ("order", 1, "order", "Order something.")
    assert (order.queue, order.priority) == (None, None)
    assert "flow 'order' version 1 at " in repr(order)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"name": ""}, "is not usable"),
        ({"version": 0}, "is not a whole number from 1"),
        ({"version": True}, "is not a whole number from 1"),
        ({"version": 2**31}, "is not a whole number from 1"),
        ({"queue": ""}, "is not a queue name"),
        ({"priority": -1}, "is not a whole number from 0"),
    ],
)
def test_options_that_cannot_work_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):

        @flow(**options)
        async def f() -> None: ...


def test_only_an_async_def_is_a_flow() -> None:
    def plain() -> None: ...

    async def generator() -> AsyncIterator[int]:
        yield 1

    for function, message in ((plain, "is a plain def"), (generator, "is an async generator"), (3, "not a function")):
        with pytest.raises(DefinitionError, match=message):
            flow(function)  # type: ignore[call-overload]


def test_a_call_outside_of_a_flow_says_what_to_do() -> None:
    with pytest.raises(NotInFlow, match=r"Client\.start\(order"):
        order("lamp")
    with pytest.raises(NotInFlow, match="detached outside of a flow"):
        order.detach("lamp")


def test_the_highest_version_is_found_unless_one_is_named() -> None:
    @flow(name="order", version=3)
    async def later() -> None: ...

    registry = Registry([later, order, work])
    assert (registry.flow("order"), registry.flow("order", 1), registry.step("work")) == (later, order, work)
    assert (registry.flows, registry.steps) == ((order, later), (work,))
    registry.add(order)
    with pytest.raises(UnknownDefinition, match="known here in version 1, 3, not in version 2"):
        registry.flow("order", 2)
    with pytest.raises(UnknownDefinition, match=r"no flow 'ordr' here.*known: order"):
        registry.flow("ordr")
    with pytest.raises(UnknownDefinition, match="no step 'x' here"):
        registry.step("x")


def test_two_definitions_under_one_name_are_refused() -> None:
    @flow(name="order")
    async def other() -> None: ...

    @step(name="work")
    def other_work() -> None: ...

    registry = Registry([order, work])
    for definition in (other, other_work):
        with pytest.raises(DefinitionError, match="is defined twice, at "):
            registry.add(definition)
    registry.add(work.options(queue="slow"))
    with pytest.raises(DefinitionError, match="neither a flow nor a step"):
        registry.add(3)  # type: ignore[arg-type]


GOOD = "from engine import flow, step\n@step\ndef {0}_step(): ...\n@flow\nasync def {0}(): await {0}_step()\n"


def test_modules_are_loaded_by_path_and_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loose_one.py").write_text(GOOD.format("one"))
    package = tmp_path / "shop_of_tests"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "flows.py").write_text(GOOD.format("two"))
    registry = load_modules(["loose_one.py", "shop_of_tests.flows"])
    assert [found.name for found in registry.flows] == ["one", "two"]
    assert [found.name for found in registry.steps] == ["one_step", "two_step"]
    assert load_modules([str(package / "flows.py")]).flows == registry.flows[1:], "the same module, by its path"


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("missing_of_tests.py", None, "there is no file 'missing_of_tests.py'"),
        ("missing_of_tests", None, "there is no module 'missing_of_tests'"),
        ("not-a-name", None, "is not the name of a module"),
        ("empty_of_tests.py", "x = 1\n", "holds no flow and no step"),
        ("needs_of_tests.py", "import no_such_module_at_all\n", "cannot be imported: ModuleNotFoundError"),
        ("broken_of_tests.py", "def f(:\n", "cannot be imported: SyntaxError at .*broken_of_tests.py:1"),
        ("raises_of_tests.py", "\nraise ValueError('no')\n", "ValueError at .*raises_of_tests.py:2: no"),
        ("invalid_of_tests.py", "from engine import flow\n@flow\ndef f(): ...\n", "has an invalid definition"),
        ("with-dash_of_tests.py", "x = 1\n", "rename it to a plain identifier"),
    ],
)
def test_modules_that_cannot_be_loaded_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_modules([name])
    assert "\n" not in str(caught.value)


def test_flows_defined_twice_name_both_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("first_of_twice", "second_of_twice"):
        (tmp_path / f"{name}.py").write_text(GOOD.format("same"))
    with pytest.raises(DefinitionError, match=r"defined twice, at .*first_of_twice\.py:\d+ and at .*second_of_twice"):
        load_modules(["first_of_twice", "second_of_twice"])
