"""Looks at what rules there are: whoever looks while something is being activated waits, and sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from engine.errors import StoreUnavailable
from engine.model.topics import RULES
from engine.store.database import Transaction
from engine.store.dialects import sqlite
from engine.store.generations import bump, read_generations, settled_generation
from engine.store.rules.versions import activate, add_version, read_shelf
from tests.conformance.stores.subject import Store
from tests.conformance.transports.helpers import Background

NAME = "credit"
IMPATIENT = {"postgresql": "SET lock_timeout = '100ms'", "mysql": "SET innodb_lock_wait_timeout = 1"}


class Impatient:
    """The same store for somebody who is refused, and soon, where others have to wait."""

    def __init__(self, store: Store) -> None:
        self._database = store.open()
        self._statement = IMPATIENT.get(store.kind)
        if self._statement is not None:
            event.listen(self._database.engine, "connect", self._connected)

    def _connected(self, connection: Any, _record: Any) -> None:
        connection.cursor().execute(self._statement)
        connection.commit()

    def waits(self, call: Callable[[Transaction], object]) -> bool:
        """Tell whether a call has to wait for another transaction."""
        with pytest.MonkeyPatch.context() as patch:
            # How long writers of one SQLite file wait for each other is nothing that a connection says.
            patch.setattr(sqlite, "BUSY_SECONDS", 0.05)
            try:
                with self._database.write() as tx:
                    call(tx)
            except StoreUnavailable:
                return True
            return False


@pytest.fixture
def impatient(store: Store) -> Impatient:
    return Impatient(store)


@pytest.fixture
def ready(store: Store) -> Store:
    """Two versions, of which the first is active."""
    for content in ("a", "b"):
        store.write(add_version, NAME, content, f"{content:0>64}")
    store.write(activate, NAME, 1)
    return store


def settled(tx: Transaction) -> int:
    return settled_generation(tx, RULES)


def look(tx: Transaction) -> tuple[int, int | None]:
    """Return the generation, and the version that is active for who begins now."""
    generation = settled(tx)
    found = read_shelf(tx, NAME).active(tx.now_us, tx.now_us)
    return generation, None if found is None else found.number


def test_a_look_does_not_come_back_until_an_activation_under_way_is_committed(
    ready: Store, impatient: Impatient
) -> None:
    before, _ = ready.write(look)
    activated, go_on = threading.Event(), threading.Event()

    def activation() -> None:
        with ready.open().write() as tx:
            activate(tx, NAME, 2)
            activated.set()
            assert go_on.wait(60)

    changing = Background(activation)
    try:
        assert activated.wait(60)
        assert impatient.waits(settled)
        # Reading alone does not wait, and so sees what was there before.
        assert ready.read(read_generations)[RULES] == before
        looking = Background(lambda: ready.write(look))
    finally:
        go_on.set()
    changing.join()
    assert looking.join() == (before + 1, 2)
    assert not impatient.waits(settled)


def test_a_look_does_not_wait_for_an_activation_that_was_taken_back(ready: Store, impatient: Impatient) -> None:
    before = ready.write(look)

    def fail(tx: Transaction) -> None:
        activate(tx, NAME, 2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ready.write(fail)
    assert not impatient.waits(settled)
    assert ready.write(look) == before


def test_an_activation_waits_for_a_look_so_that_it_is_later(ready: Store, impatient: Impatient) -> None:
    with ready.database.write() as tx:
        settled(tx)
        assert impatient.waits(lambda other: bump(other, RULES))
    assert not impatient.waits(lambda other: bump(other, RULES))


def test_looks_do_not_wait_for_each_other_on_a_server(server_store: Store) -> None:
    server_store.write(bump, RULES)
    with server_store.database.write() as tx:
        assert settled(tx) == 1
        assert not Impatient(server_store).waits(settled)
