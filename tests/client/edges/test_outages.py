"""A database that is away for a moment: a start is done or it is not, and a key makes it safe to ask again."""

from __future__ import annotations

import threading

import pytest

from engine import StoreUnavailable
from engine.client import Client
from tests.client.edges.stores import end_sessions, made
from tests.worker import sample_flows as flows
from tests.worker.serving import wait_until

pytestmark = pytest.mark.servers


def test_a_start_while_the_database_is_away_is_all_or_nothing(postgresql_url: str) -> None:
    url = made(postgresql_url)
    with Client(url) as client, Client(url) as other:
        client.start(flows.sequence, 0)
        for number in range(3):
            with other.database.connection() as admin:
                end_sessions(admin)
            starter = client.options(key=f"key-{number}")
            with pytest.raises(StoreUnavailable) as caught:
                starter.start(flows.sequence, number)
            assert "\n" not in str(caught.value)
            assert other.count() == {"running": number + 1}, "nothing was written"
            first = starter.start(flows.sequence, number)
            assert not first.existed
            assert starter.start(flows.sequence, number).id == first.id
        with other.database.connection() as admin:
            end_sessions(admin)
        arguments, keys = [(n,) for n in range(1200)], [f"many-{n}" for n in range(1200)]
        with pytest.raises(StoreUnavailable):
            client.start_many(flows.sequence, arguments, keys=keys)
        assert len(client.start_many(flows.sequence, arguments, keys=keys)) == 1200
        assert other.count() == {"running": 1204}


def test_starts_with_keys_are_repeated_until_they_are_answered(postgresql_url: str) -> None:
    """The session ends while a start is under way, at any of its statements, its commit included."""
    url = made(postgresql_url)
    stop = threading.Event()
    with Client(url) as client, Client(url) as other:

        def disturb() -> None:
            pause = 0.02
            while not stop.wait(pause):
                with other.database.connection() as admin:
                    end_sessions(admin)
                # However slow the machine is, some start has the time that it needs.
                pause *= 1.03

        def is_answered(number: int) -> bool:
            try:
                client.options(key=f"key-{number}").start(flows.sequence, number)
            except StoreUnavailable:
                return False
            return True

        disturber = threading.Thread(target=disturb)
        disturber.start()
        try:
            for number in range(60):
                wait_until(lambda number=number: is_answered(number), "an answer", 120)
        finally:
            stop.set()
            disturber.join()
        assert other.count() == {"running": 60}
        assert all(len(other.history(found.id)) == 1 for found in other.find()), "each with its first step (I1)"
