"""Time, randomness and versions for flow code: the same answers whenever an execution is replayed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast
from uuid import UUID

from engine.definitions.current import require_run
from engine.definitions.options import check_name

if TYPE_CHECKING:
    from engine.driver.scope import Scope

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UUID_BITS: Final = 128
_UUID_VERSION: Final = 4


def _scope(what: str) -> Scope:
    return cast("Scope", require_run(what))


def now() -> datetime:
    """Return the time, in UTC, at which the latest event that the flow has seen was recorded.

    It stands still until the flow awaits something. Raises ``NotInFlow`` outside of a flow.
    """
    return _EPOCH + timedelta(microseconds=_scope("now()").now_us)


def random() -> Random:
    """Return the execution's random number generator, seeded from its id. Raises ``NotInFlow`` outside of a flow."""
    return _scope("random()").random


def uuid() -> UUID:
    """Return a new random UUID, the same one in every replay. Raises ``NotInFlow`` outside of a flow."""
    return UUID(int=_scope("uuid()").random.getrandbits(_UUID_BITS), version=_UUID_VERSION)


def patched(name: str) -> bool:
    """Tell whether this execution is to run changed code: True unless it had passed this place before the change.

    Write ``if patched("with-insurance"): ... else: ...`` with the earlier code in the ``else``. The answer is recorded,
    and is the same for a name everywhere in one execution. Raises ``NotInFlow`` outside of a flow.
    """
    scope = _scope("patched()")
    return scope.patched(check_name("patched", name))


def continue_as_new(*args: Any, **kwargs: Any) -> NoReturn:
    """End this execution, and go on as a new one of the same flow with these arguments and an empty history.

    For flows that run for ever. It raises a signal that is no ``Exception``: let it pass. Raises ``CodecError`` for
    arguments that do not fit the flow, ``NotInFlow`` outside of a flow.
    """
    raise _scope("continue_as_new()").continue_as_new(args, kwargs)
