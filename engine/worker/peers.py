"""What a worker holds copies of, kept up to date: it reads again what its peers, or a client, have changed.

A generation in the store tells that a copy is old. It is looked at now and then, and at once when somebody says that
something changed; so what is said may get lost, and whoever says it without reason causes a look and nothing else.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

from engine.model.topics import STEPS
from engine.store.generations import read_generations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engine.store.database import Database, Transaction

    Reload = Callable[[Transaction], None]

LOOK_SECONDS = 2.0
"""How long a change goes unnoticed at most of which nothing was heard."""
UNTOLD_LOOK_SECONDS = 0.5
"""The same where nobody is ever told of changes."""
BETWEEN_SECONDS = 0.1
"""The shortest time between two looks, however much is heard."""


class Peers:
    """Reads topics again whose generations have changed.

    ``reloads`` read what a topic is about, with the transaction that has read the generations. ``look_for_steps`` finds
    out which steps were given up. ``told``: whether peers are told of changes, and told at once.
    """

    def __init__(
        self, database: Database, reloads: Mapping[str, Reload], look_for_steps: Callable[[], None], *, told: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._database = database
        self._reloads = reloads
        self._look_for_steps = look_for_steps
        self._look_seconds = LOOK_SECONDS if told else UNTOLD_LOOK_SECONDS
        self._monotonic = monotonic
        self._known: dict[str, int] = {}
        self._lock = threading.Lock()
        self._heard: set[str] = set()
        self._looked_at = -math.inf

    def hear(self, topics: Iterable[str]) -> bool:
        """Take note of what is said to have changed; tell whether a look is called for. Called from any thread."""
        said = {topic for topic in topics if topic == STEPS or topic in self._reloads}
        with self._lock:
            self._heard |= said
        return bool(said)

    def turn(self) -> float:
        """Look, unless that was done a moment ago; returns when the next look is due."""
        wait = self._looked_at + BETWEEN_SECONDS - self._monotonic()
        if wait > 0:
            return wait
        self._looked_at = self._monotonic()
        with self._lock:
            heard, self._heard = self._heard, set()
        self.look()
        if STEPS in heard:
            self._look_for_steps()
        return self._look_seconds

    def look(self) -> None:
        """Read every topic whose generation is not that of this worker's copy."""
        with self._database.read() as tx:
            generations = read_generations(tx)
            for topic, reload in self._reloads.items():
                generation = generations.get(topic, 0)
                if self._known.get(topic) != generation:
                    reload(tx)
                    self._known[topic] = generation
