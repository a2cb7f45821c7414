"""What @step accepts, what it makes of it, and what it refuses at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from engine.definitions.context import StepContext, running_step, step_context
from engine.definitions.step import DEFAULT_RETRY, UNLIMITED_ATTEMPTS, step
from engine.errors import DefinitionError, NotInFlow, NotInStep
from engine.model.retry import Retry, decode_policy


@step
def plain(a: int) -> int:
    """Add one."""
    return a + 1


def test_a_step_keeps_its_name_its_text_and_its_function() -> None:
    assert (plain.name, plain.__name__, plain.__doc__, plain.fn(1)) == ("plain", "plain", "Add one.", 2)
    assert "step 'plain' at " in repr(plain)


def test_the_defaults() -> None:
    assert (plain.run_in, plain.is_async, plain.inline, plain.transactional) == ("thread", False, False, False)
    assert (plain.queue, plain.priority, plain.timeout_us, plain.heartbeat_timeout_us) == (None, None, None, None)
    assert (plain.retry, plain.max_attempts, plain.dead_letter) == (DEFAULT_RETRY, 3, False)


def test_an_async_def_runs_on_the_loop() -> None:
    @step
    async def coroutine() -> None: ...

    assert (coroutine.is_async, coroutine.run_in) == (True, "loop")


def test_every_option() -> None:
    @step(
        name="charge", retry=Retry(attempts=None, then="dead_letter"), timeout="1m", heartbeat_timeout=2.5,
        queue="slow", priority=0, transactional=True,
    )  # fmt: skip
    def f() -> None: ...

    assert (f.name, f.timeout_us, f.heartbeat_timeout_us) == ("charge", 60_000_000, 2_500_000)
    assert (f.queue, f.priority, f.transactional) == ("slow", 0, True)
    assert (f.max_attempts, f.dead_letter) == (UNLIMITED_ATTEMPTS, True)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"name": ""}, "is not usable"),
        ({"name": "a" * 191}, "at most 190 are stored"),
        ({"name": " a"}, "is not usable"),
        ({"timeout": "0s"}, "leaves no time at all"),
        ({"timeout": "soon"}, "is not a duration"),
        ({"heartbeat_timeout": timedelta(0)}, "leaves no time at all"),
        ({"queue": "a queue"}, "is not a queue name"),
        ({"queue": "q" * 101}, "at most 100 are allowed"),
        ({"priority": 10}, "is not a whole number from 0"),
        ({"priority": True}, "is not a whole number from 0"),
        ({"inline": 1}, "is neither True nor False"),
        ({"retry": 3}, "is not a policy"),
        ({"run_in": "cloud"}, "is none of auto, thread, loop, process"),
        ({"inline": True, "queue": "slow"}, "would never be looked at"),
        ({"inline": True, "transactional": True}, "nor inline"),
        ({"run_in": "process", "transactional": True}, "drop run_in='process' or transactional=True"),
    ],
)
def test_options_that_cannot_work_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):

        @step(**options)
        def f() -> None: ...


def test_functions_that_cannot_be_steps_are_refused() -> None:
    def generator() -> Iterator[int]:
        yield 1

    async def async_generator() -> AsyncIterator[int]:
        yield 1

    class Shop:
        def method(self) -> None: ...

    for function, message in (
        (generator, "return a list"),
        (async_generator, "return a list"),
        (Shop.method, "could not rebuild its 'self'"),
        (Shop, "is not a function"),
        (lambda: None, "is no name to find it by"),
    ):
        with pytest.raises(DefinitionError, match=message):
            step(function)  # type: ignore[call-overload]


@pytest.mark.parametrize("options", [{"transactional": True}, {"run_in": "thread"}, {"run_in": "process"}])
def test_an_async_def_refuses_what_needs_a_plain_one(options: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="async def"):

        @step(**options)
        async def f() -> None: ...


def test_a_step_for_another_process_is_at_the_top_of_its_module() -> None:
    with pytest.raises(DefinitionError, match="move it to the top of its module"):

        @step(run_in="process")
        def f() -> None: ...


def test_options_make_a_copy_that_stands_for_the_same_step() -> None:
    copy = plain.options(queue="slow", priority=1, timeout="5s", retry=Retry(attempts=1))
    assert (copy.name, copy.origin, copy.queue, copy.priority, copy.timeout_us) == (
        "plain", plain, "slow", 1, 5_000_000
    )  # fmt: skip
    assert (copy.max_attempts, plain.own_retry) == (1, None)
    assert copy.own_retry is not None
    assert decode_policy(copy.own_retry).first_us == 1_000_000
    assert (plain.queue, plain.max_attempts) == (None, 3), "the step itself is as it was"
    assert copy.options(queue=None, timeout=None).queue is None
    with pytest.raises(DefinitionError):
        plain.options(inline=True).options(queue="slow")


def test_a_call_outside_of_a_flow_says_what_to_do() -> None:
    with pytest.raises(NotInFlow, match=r"plain\.fn\(\.\.\.\)"):
        plain(1)


def test_the_context_of_a_step() -> None:
    with pytest.raises(NotInStep):
        step_context()
    beats: list[Any] = []
    context = StepContext(
        execution_id="x", seq=3, attempt=2, step="plain", progress={"done": 1}, on_heartbeat=beats.append,
        is_cancelled=lambda: bool(beats),
    )  # fmt: skip
    with running_step(context):
        seen = step_context()
        assert (seen.idempotency_key, seen.attempt, seen.progress, seen.cancelled) == ("x-3", 2, {"done": 1}, False)
        seen.heartbeat({"done": 2})
        assert (beats, seen.cancelled) == ([{"done": 2}], True)
        with pytest.raises(NotInStep, match="transactional=True"):
            _ = seen.connection
    with pytest.raises(NotInStep):
        step_context()
