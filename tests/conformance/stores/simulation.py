"""A small cluster in one thread: workers that drive a flow of a kind, lose their memory, die, and are steered."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.errors import ExecutionFinished, LeaseLost
from engine.model.decisions import Cancelled, Command, Ending
from engine.model.states import CANCEL_SEQ, FLOW_SEQ, TERMINAL, ExecutionState, StepState
from engine.model.work import Advance, Checkpoint, Claimed, Flushed, Reschedule, StepOutcome
from engine.store.cancels import cancel
from engine.store.flush import run_flush
from engine.store.history import load_histories
from engine.store.holds import pause, resume
from engine.store.signals import send_signal
from engine.store.workers import declare_dead
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import DONE, ERROR, START_US, back, drive, event, step, timer

MOST_STEPS, ENOUGH = 8, 6


@dataclass
class Flow:
    """What a flow has been given so far; what it decides follows from that alone."""

    consumed: list[int] = field(default_factory=list[int])
    issued: int = 0

    def give(self, seqs: Sequence[int]) -> tuple[list[Command], list[int], Ending | None]:
        """Give it events; return its commands, what it gives up, and how it ends."""
        commands: list[Command] = []
        for seq in seqs:
            self.consumed.append(seq)
            count = 3 if seq == FLOW_SEQ else 1
            for _ in range(min(count, MOST_STEPS - self.issued)):
                self.issued += 1
                commands.append(_command(self.issued))
        over: Ending | None = DONE if len(self.consumed) > ENOUGH else None
        if CANCEL_SEQ in self.consumed:
            over = Cancelled()
        open_seqs = [seq for seq in range(1, self.issued + 1) if seq not in self.consumed]
        return commands, open_seqs if over else [], over


def _command(seq: int) -> Command:
    if seq == 3:
        return timer(seq, 5)
    return event(seq, timeout_seconds=7) if seq == 5 else step(seq)


class Actor:
    """One worker, with what it remembers."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self._store = store
        self._chance = chance
        self.start_anew()

    def start_anew(self) -> None:
        """Forget everything, and take a new identity."""
        self.worker = self._store.worker(room=4)
        self.claims: dict[tuple[str, int], Claimed] = {}
        self._live: dict[str, Flow] = {}
        self._stale: set[str] = set()

    def turn(self) -> None:
        """Finish some of what it has claimed, and claim more."""
        held = list(self.claims.values())
        chosen = held if self._chance.random() < 0.5 else self._chance.sample(held, self._chance.randint(0, len(held)))
        flows = {claim.execution_id: claim for claim in held if claim.seq == FLOW_SEQ}
        outcomes: dict[str, list[StepOutcome]] = defaultdict(list)
        returned: list[Reschedule] = []
        for claim in (claim for claim in chosen if claim.seq != FLOW_SEQ):
            if self._chance.random() < 0.15:
                returned.append(back(claim, self._chance.choice([0, 2]), error=ERROR, refund=True))
            else:
                output = f'"{self.worker.id}/{claim.attempt}"'
                outcomes[claim.execution_id].append(
                    StepOutcome(claim.execution_id, claim.seq, claim.attempt, StepState.COMPLETED, output, START_US)
                )
        checkpoints = [
            Checkpoint(id, tuple(outcomes[id]), self._advance(id, [o.seq for o in outcomes[id]], flows.get(id)))
            for id in sorted(outcomes.keys() | flows.keys())
        ]
        flush = self.worker.build(
            *checkpoints,
            reschedules=returned,
            claim_due=True,
            room=4,
            take_new=self._chance.random() < 0.5,
            take_woken=self._chance.random() < 0.5,
        )
        with self._store.database.write() as tx:
            flushed = run_flush(tx, flush)
            # A transaction that fails at its very end is tried again, with the same flush.
            again = self._chance.random() < 0.1
            if again:
                tx.connection.rollback()
        if again:
            flushed = self.worker.run(flush)
        self._settle(flushed, checkpoints, returned)

    def _advance(self, id: str, ended: list[int], flow: Claimed | None) -> Advance | None:
        if flow is not None:
            loaded = self._store.read(load_histories, {id: 0})[id]
            if loaded.state != ExecutionState.RUNNING:
                return drive(id, loaded.advanced, (), flow_attempt=flow.attempt)
            driven = self._live[id] = Flow()
            driven.give([event.seq for event in loaded.history.consumed])
            assert driven.issued == len(loaded.history.known)
            seqs = [event.seq for event in loaded.history.unread]
        else:
            if id not in self._live or not ended:
                return None
            driven, seqs = self._live[id], ended
        base = len(driven.consumed)
        commands, cancels, ending = driven.give(seqs)
        attempt = None if flow is None else flow.attempt
        return drive(id, base, seqs, *commands, cancels=cancels, ending=ending, flow_attempt=attempt)

    def _settle(self, flushed: Flushed, checkpoints: list[Checkpoint], returned: list[Reschedule]) -> None:
        for id in flushed.stale:
            self._live.pop(id, None)
        for checkpoint in checkpoints:
            for outcome in checkpoint.outcomes:
                self.claims.pop((outcome.execution_id, outcome.seq), None)
            if checkpoint.advance is not None and checkpoint.execution_id not in flushed.held:
                self.claims.pop((checkpoint.execution_id, FLOW_SEQ), None)
        for one in returned:
            self.claims.pop((one.execution_id, one.seq), None)
        for claim in flushed.claimed:
            self.claims[claim.execution_id, claim.seq] = claim
        # A cache is bounded: any flow may be forgotten at any time.
        if self._live and self._chance.random() < 0.2:
            self._live.pop(self._chance.choice(sorted(self._live)))


class Cluster:
    """Two workers, an operator, and time."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._chance = random.Random(seed)
        self.actors = [Actor(store, self._chance) for _ in range(2)]
        self.ids = [store.start(delay_us=delay_us) for delay_us in (None, None, 3_000_000)]

    def happen(self) -> None:
        """Let something happen."""
        kind = self._chance.choices(
            ["turn", "time", "die", "lost", "pause", "resume", "signal", "cancel"], [12, 4, 1, 1, 1, 3, 2, 0.3]
        )[0]
        actor, id = self._chance.choice(self.actors), self._chance.choice(self.ids)
        if kind == "turn":
            self._turn(actor)
        elif kind == "time":
            self._store.clock.go_on(self._chance.choice([0.1, 1, 3]))
            self._store.sweep()
        elif kind == "die":
            # Its peers notice, and it does not: what it still writes meets the fence.
            self._store.write(declare_dead, [actor.worker.id])
            if self._chance.random() < 0.5:
                actor.start_anew()
        elif kind == "lost":
            actor.start_anew()
            for worker in {view.owner for one in self.ids for view in self._store.steps(one).values()} - {None, 0}:
                if worker not in {actor.worker.id for actor in self.actors}:
                    self._store.write(declare_dead, [worker])
        else:
            self._steer(kind, id)

    def _steer(self, kind: str, id: str) -> None:
        try:
            if kind == "signal":
                self._store.write(send_signal, id, "approved", "1")
            else:
                self._store.write({"pause": pause, "resume": resume, "cancel": cancel}[kind], id)
        except ExecutionFinished:
            assert self._store.execution(id).state in TERMINAL

    def _turn(self, actor: Actor) -> None:
        try:
            actor.turn()
        except LeaseLost:
            actor.start_anew()

    def settle(self, rounds: int) -> bool:
        """Let nothing go wrong any more; tell whether every execution has ended after so many rounds."""
        for _ in range(rounds):
            if all(self._store.execution(id).state in TERMINAL for id in self.ids):
                return True
            for id in self.ids:
                self._steer("resume", id)
            self._store.clock.go_on(2)
            self._store.sweep()
            for actor in self.actors:
                self._turn(actor)
        return False
