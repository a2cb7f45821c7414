"""Flushes that the store refuses for good: the whole, the decision of one flow, or the results themselves."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy.exc import DataError, IntegrityError

from engine.errors import LeaseLost, StoreUnavailable
from tests.simulation.violations import ERROR, I2, Violation

if TYPE_CHECKING:
    from engine.model.work import Flush, Flushed
    from engine.store.database import Transaction
    from tests.simulation.world import World

WHOLE, DECISION, RESULTS = "whole", "decision", "results"


class Refusals:
    """Draws, for a flush that records something, whether the store refuses it, and how much of it."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._refused: dict[int, tuple[str, str]] = {}
        """By worker: the execution that the store cannot take, and how much of what is recorded of it."""

    def run(self, tx: Transaction, flush: Flush, genuine: Callable[[Transaction, Flush], Flushed]) -> Flushed:
        """Run a flush, or refuse it."""
        for what in self._world.witness.fenced(flush):
            self._world.fire(f"fenced: {what}")
        try:
            flushed = genuine(tx, flush)
        except (LeaseLost, StoreUnavailable):
            raise
        except IntegrityError as error:
            what = f"a key of the tables is the last line: {error}"
            raise self._world.witness.found(Violation(I2, what)) from error
        except Exception as error:
            raise self._world.witness.found(Violation(ERROR, f"a flush was refused: {error!r}")) from error
        if self._refuses(flush):
            raise DataError("", None, ValueError("an injected fault: a value that the column cannot hold"))
        return flushed

    def _refuses(self, flush: Flush) -> bool:
        checkpoints = flush.checkpoints
        if flush.claim_due or flush.pointers or not checkpoints:
            # A part that claims, too, is the whole; one that records nothing is the rest.
            self._refused.pop(flush.worker_id, None)
        if checkpoints and flush.worker_id not in self._refused:
            if self._chance.random() >= self._world.rates.refused:
                return False
            with_results = [one for one in checkpoints if one.outcomes]
            what = self._chance.choice((WHOLE, DECISION, *([RESULTS] * 2 if with_results else ())))
            one = self._chance.choice(with_results if what == RESULTS else checkpoints)
            self._refused[flush.worker_id] = (one.execution_id, what)
            self._world.fire(f"refused: {what}")
            return True
        if not checkpoints:
            return False
        execution_id, what = self._refused[flush.worker_id]
        concerned = [one for one in checkpoints if one.execution_id == execution_id]
        if what == RESULTS:
            return any(one.outcomes for one in concerned)
        return what == DECISION and any(one.advance is not None for one in concerned)
