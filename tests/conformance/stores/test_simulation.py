"""Whatever happens, in whatever order: the rows are in order after every step of it, and all work ends (I1 to I7)."""

from __future__ import annotations

import pytest

from engine.model.states import FINISHED_STEP, TERMINAL, StepState
from engine.model.views import StepView
from tests.conformance.stores.simulation import Cluster
from tests.conformance.stores.soundness import faults
from tests.conformance.stores.subject import Store

EVENTS, ROUNDS = 50, 60


class Witness:
    """Remembers what was final, and holds everybody to it."""

    def __init__(self, store: Store, cluster: Cluster) -> None:
        self._store = store
        self._cluster = cluster
        self._final: dict[tuple[str, int], StepView] = {}

    def look(self) -> None:
        assert faults(self._store.database) == []
        for id in self._cluster.ids:
            over = self._store.execution(id).state in TERMINAL
            for seq, view in self._store.steps(id).items():
                before = self._final.get((id, seq))
                if before is not None:
                    # Its place is known when the flow has read it; all else is frozen (I2, I3).
                    changed = [name for name in view.__struct_fields__ if getattr(view, name) != getattr(before, name)]
                    assert set(changed) <= {"position"}
                    assert before.position is None or not changed
                if view.state in FINISHED_STEP:
                    self._final[id, seq] = view
                assert not over or view.state in FINISHED_STEP


@pytest.mark.parametrize("seed", range(4))
def test_everything_that_can_happen(store: Store, seed: int) -> None:
    cluster = Cluster(store, seed)
    witness = Witness(store, cluster)
    for _ in range(EVENTS):
        cluster.happen()
        witness.look()
        for actor in cluster.actors:
            # User code never runs after its result is recorded (I6): what a worker holds is at its own attempt.
            for (id, seq), claim in actor.claims.items():
                view = store.step(id, seq)
                mine = view.owner == actor.worker.id and view.attempt == claim.attempt
                assert not mine or view.state == StepState.CLAIMED
    assert cluster.settle(ROUNDS), "I7: after faults stopped, an execution did not end"
    witness.look()
