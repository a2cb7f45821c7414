"""The determinism errors: each names what history has, what the code did, and where."""

from __future__ import annotations

from engine.errors import DeterminismError
from engine.model.history import Event, FlowStart, KnownCommand

_ADVICE = (
    "The code of the flow changed in a part that this execution has already run, or it depends on something that is "
    "not recorded. Bring the earlier code back, guard the change with patched(...), or keep the earlier code under its "
    "version."
)


def different_command(start: FlowStart, known: KnownCommand, kind: str, name: str) -> DeterminismError:
    """The code issued another command than the recorded one."""
    return _error(
        start, known.seq, f"history has {_name(known.kind, known.name)}", f"the code issued {_name(kind, name)}"
    )


def not_recorded(start: FlowStart, seq: int, kind: str, name: str) -> DeterminismError:
    """The code issued a command where history, given the same events, has none."""
    return _error(start, seq, "history has nothing", f"the code, given the same events, issued {_name(kind, name)}")


def never_issued(start: FlowStart, known: KnownCommand, last_seq: int) -> DeterminismError:
    """History has a command that the code, given the same events, did not issue."""
    ours = (
        f"the code, given the same events, issued nothing after seq {last_seq}"
        if last_seq
        else "the code issued nothing"
    )
    return _error(start, known.seq, f"history has {_name(known.kind, known.name)}", ours)


def still_awaited(start: FlowStart, known: KnownCommand) -> DeterminismError:
    """History says that the flow gave a command up, and the code, given the same events, still waits for it."""
    return _error(
        start,
        known.seq,
        f"history says that the flow gave up {_name(known.kind, known.name)}",
        "the code, given the same events, still waits for it",
    )


def unknown_event(start: FlowStart, event: Event, known: KnownCommand | None, last_seq: int) -> DeterminismError:
    """History has a result for a command that the code did not issue before it."""
    theirs = f"history has a result ({event.state})" + (f" of {_name(known.kind, known.name)}" if known else "")
    return _error(start, event.seq, theirs, f"the code had issued nothing after seq {last_seq} by then")


def already_given(start: FlowStart, event: Event) -> DeterminismError:
    """A result was recorded for a command that is finished, or that has no result."""
    return _error(
        start,
        event.seq,
        f"history has a result ({event.state})",
        "the command that the code issued there was finished before",
    )


def ended_early(start: FlowStart, event: Event, ending: str) -> DeterminismError:
    """History goes on after the event at which the code ended the flow."""
    return _error(
        start, event.seq, f"history goes on with a result ({event.state})", f"the code ended before it ({ending})"
    )


def not_started(start: FlowStart, event: Event) -> DeterminismError:
    """The first event was not the start, or the start came again."""
    return _error(
        start, event.seq, f"history has a result ({event.state})", "the start, seq 0, comes first and comes once"
    )


def _name(kind: str, name: str) -> str:
    return f"{kind} {name!r}"


def _error(start: FlowStart, seq: int, theirs: str, ours: str) -> DeterminismError:
    return DeterminismError(
        f"execution {start.execution_id} of flow {start.flow!r} version {start.version} at seq {seq}: "
        f"{theirs}, but {ours}. " + _ADVICE,
        seq=seq,
    )
