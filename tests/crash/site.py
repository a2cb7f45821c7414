"""Where a crash happens: a store, a queue, the workers, and what must be true when everything is over."""

from __future__ import annotations

import functools
import itertools
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from engine.client import Client
from engine.config import load_settings
from engine.errors import StoreUnavailable
from tests.conformance.stores.soundness import faults
from tests.crash.crash_flows import result_of_life
from tests.crash.fleet import Fleet, Member, fleet
from tests.servers.databases import DatabaseServer
from tests.worker.serving import Store, Trace, wait_until

APPROVED = 100
OPEN_LIVES = 30
"""What load means."""
PATIENCE_SECONDS = 90.0
"""Several sites are at work at once, on a machine that may have more to do."""
SHORT_LEASE = {"worker.lease": "1s"}
_NUMBERS = itertools.count()


class Site:
    """The store of one test and its workers, as clients and an operator see them."""

    def __init__(
        self, store: Store, broker: str | None, trace: Trace, workers: Fleet, client: Client, directory: Path, *,
        url: str,
    ) -> None:  # fmt: skip
        self.url = url
        """Where the workers reach the store."""
        self.store = store
        self.broker = broker
        self.trace = trace
        self.workers = workers
        self.client = client
        self.directory = directory
        self.lives: dict[str, int] = {}
        """The executions of ``life``, and the number each was started with."""

    def start_lives(self, count: int) -> list[str]:
        first = len(self.lives)
        ids = [self.client.start("life", n=number).id for number in range(first, first + count)]
        self.lives |= {id: number for number, id in enumerate(ids, start=first)}
        return ids

    def start_waiting(self, count: int) -> tuple[list[str], Path]:
        """Start executions whose steps last until there is a file of this name."""
        path = self.directory / f"go-{next(_NUMBERS)}"
        return [self.client.start("waiting", path=str(path)).id for _ in range(count)], path

    def approve(self, ids: list[str]) -> None:
        for id in ids:
            wait_until(functools.partial(self._approve, id), "the approval being sent")

    def _approve(self, id: str) -> bool:
        try:
            self.client.signal(id, "approved", APPROVED, key="approval")
        except StoreUnavailable:
            return False
        return True

    @contextmanager
    def load(self) -> Iterator[None]:
        """Keep executions under way, and send them the signals that they wait for."""
        over = threading.Event()
        errors: list[BaseException] = []

        def keep_up() -> None:
            try:
                while not over.wait(0.02):
                    if self._count_running() < OPEN_LIVES:
                        self.approve(self.start_lives(5))
            except BaseException as error:  # noqa: BLE001 - shown by the test
                errors.append(error)

        thread = threading.Thread(target=keep_up, name="load")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert errors == []

    def _count_running(self) -> int:
        return int(self.store.rows("SELECT count(*) FROM milepost_executions WHERE state = 'running'")[0][0])

    def start_with_failpoint(self, spec: str, **settings: Any) -> tuple[Member, Path]:
        """Start a worker that is going to fail; return it, and the file that tells that it has."""
        fired = self.directory / f"fired-{len(self.workers.members)}"
        (member,) = self.workers.start(failpoint=spec, fired=fired, ready=False, **settings)
        return member, fired

    def identities_of(self, member: Member) -> list[int]:
        """The ids under which a process is alive in the store."""
        query = "SELECT id FROM milepost_workers WHERE pid = :pid AND state = 'alive' ORDER BY id"
        return [row[0] for row in self.store.rows(query, pid=member.pid)]

    def owned_by(self, member: Member) -> int:
        """How many steps, apart from flows themselves, a process holds."""
        query = (
            "SELECT count(*) FROM milepost_steps s JOIN milepost_workers w ON w.id = s.owner "
            "WHERE s.seq > 0 AND w.pid = :pid AND w.state = 'alive'"
        )
        return int(self.store.rows(query, pid=member.pid)[0][0])

    def steps(self) -> list[Any]:
        return self.store.rows("SELECT * FROM milepost_steps ORDER BY execution_id, seq")

    def stop_between_transactions(self, member: Member) -> None:
        """Stop a process at a moment at which it holds no lock."""

        def stopped() -> bool:
            member.stop()
            if not self.locked_files() and not self._in_transactions():
                return True
            member.resume()
            return False

        wait_until(stopped, "a moment without a transaction")

    def _in_transactions(self) -> bool:
        if not self.url.startswith("postgresql"):
            return False
        return bool(
            self.store.rows(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND state <> 'idle' AND backend_type = 'client backend'"
            )
        )

    def wait_for_the_store(self) -> None:
        """Wait until every connection of this process that a crash of the server has broken is replaced."""

        def answers() -> bool:
            with suppress(StoreUnavailable), self.client.database.read(), self.store.database.read():
                return True
            return False

        wait_until(answers, "the store being back")

    def limit_idle_transactions(self) -> None:
        """Have PostgreSQL end transactions of workers that lie idle for a second, and not only after ten."""
        if self.url.startswith("postgresql"):
            name = make_url(self.url).database
            self.store.execute(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '1s'")

    def locked_files(self) -> list[Path]:
        """The SQLite files whose write lock somebody holds: where that process is stopped, nobody else can write."""
        return [file for file in sorted(self.directory.glob("*.db")) if _is_locked(file)]

    def check(self) -> None:
        """Nothing lost, nothing recorded twice, everything finished, and each with its own result."""
        states = dict(self.store.rows("SELECT state, count(*) FROM milepost_executions GROUP BY state"))
        assert set(states) == {"completed"}, states
        outputs = {
            row[0]: json.loads(row[1])
            for row in self.store.rows("SELECT execution_id, output FROM milepost_steps WHERE seq = 0")
        }
        wrong = {id: outputs.get(id) for id, n in self.lives.items() if outputs.get(id) != result_of_life(n)}
        assert wrong == {}, "every execution has its own result"
        assert faults(self.store.database) == []
        self.store.check()
        self.trace.check(self.store)
        self._check_rows()

    def _check_rows(self) -> None:
        """A transactional step took effect once, in the attempt whose result is recorded."""
        written = self.store.rows("SELECT name, attempt FROM app_rows ORDER BY name")
        recorded = self.store.rows(
            "SELECT execution_id, attempt FROM milepost_steps WHERE name = 'writes' AND state = 'completed'"
        )
        expected = sorted((f"row {self.lives[id]}", attempt) for id, attempt in recorded)
        assert sorted((row[0], row[1]) for row in written) == expected
        assert len(expected) == len(self.lives)


def _is_locked(file: Path) -> bool:
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.execute("ROLLBACK")
        return False


@contextmanager
def site(url: str, broker: str | None, directory: Path, settings: dict[str, Any]) -> Iterator[Site]:
    """Set up a store with its workers' settings; ``broker``: None for the queue inside the store."""
    store = Store(_unlimited(url))
    trace = Trace(directory / "trace")
    settings = {"store.url": url} | settings
    if broker is not None:
        settings = {"broker.url": broker, "broker.resend_after": "300ms"} | settings
    known = load_settings(None, settings | {"store.url": store.url}, environment={})
    try:
        store.execute("CREATE TABLE app_rows (name VARCHAR(20), attempt INTEGER)")
        with fleet(trace, directory, settings) as workers, Client(known) as client:
            yield Site(store, broker, trace, workers, client, directory, url=url)
    finally:
        store.close()


def _unlimited(url: str) -> str:
    """Return the URL for sessions of the test itself, which may be kept waiting in a transaction by a busy machine:
    what a test says of idle transactions is for its workers."""
    if not url.startswith("postgresql"):
        return url
    options = {"options": "-c idle_in_transaction_session_timeout=0"}
    return make_url(url).update_query_dict(options).render_as_string(hide_password=False)


class Sites:
    """Sites of one kind of store and queue, each with a database of its own; opened from several threads at once."""

    def __init__(self, kind: str, queue: str, server: DatabaseServer | None, directory: Path) -> None:
        self.kind = kind
        self.queue = queue
        self._server = server
        self._directory = directory
        self._lock = threading.Lock()
        self._count = itertools.count()

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.queue}"

    @contextmanager
    def open(self, settings: dict[str, Any] | None = None) -> Iterator[Site]:
        """Set up a site whose workers have these settings."""
        directory = self._directory / str(next(self._count))
        directory.mkdir()
        with self._database(directory) as url:
            broker = None
            if self.queue == "broker":
                broker = f"sql+sqlite:///{directory / 'broker.db'}" if self.kind == "sqlite" else f"sql+{url}"
            with site(url, broker, directory, settings or {}) as made:
                yield made

    @contextmanager
    def _database(self, directory: Path) -> Iterator[str]:
        if self._server is None:
            yield f"sqlite:///{directory / 'milepost.db'}"
            return
        with ExitStack() as made:
            # The server's one connection for this is not for two threads at once.
            with self._lock:
                fresh = self._server.fresh_database()
                url = fresh.__enter__()
            made.callback(self._drop, fresh)
            yield url

    def _drop(self, fresh: AbstractContextManager[str]) -> None:
        with self._lock:
            fresh.__exit__(None, None, None)
