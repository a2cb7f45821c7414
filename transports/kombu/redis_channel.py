"""Redis through one of kombu's channels: its connections, lists, message form and fan-out, used with care.

kombu's own way of consuming takes a message off its list and writes it down as unacknowledged in two steps, so that a
message is lost when the connection breaks or the process ends in between; its tags travel with the message, so that a
late acknowledgement settles what has meanwhile gone to another consumer; and it looks at the clocks of the clients. So
taking, settling and giving back are scripts here (see ``redis_scripts``), run by the client that the channel has.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from transports.errors import Closed, Refused
from transports.kombu.kinds import DEFAULT_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from transports.kombu.address import Address

PRIORITY_STEPS = list(range(10))
"""kombu's default is every third; a list for each loses nothing of what others put into theirs."""


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """How to reach Redis, and what to call things there. Times in seconds."""

    address: Address
    prefix: str
    passive: bool
    """Queues are other programs': messages go to the list that everybody reads, whatever their priority."""
    timeout_seconds: float
    visibility_seconds: float
    poll_seconds: float
    client_name: str
    durable: bool
    tls: Mapping[str, Any] | None
    sentinel_master: str | None

    @property
    def own(self) -> str:
        """What the names of everything begin with that is no queue. Without a prefix they would be kombu's own names,
        under which its consumers keep something else."""
        return self.prefix or DEFAULT_PREFIX


class RedisChannel:
    """One of kombu's channels, opened when it is first used."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._opening = threading.Lock()
        self._connection: Any = None
        self._closed = False
        self._channel: Any = None
        self._scripts: dict[str, Any] = {}

    @property
    def client(self) -> Any:
        """The Redis client of the channel."""
        return self._opened().client

    @property
    def broadcasts(self) -> str:
        """Where kombu's fan-out exchange for broadcasts publishes."""
        channel = self._opened()
        # The prefix has the database's number in it once a connection was made.
        return f"{channel.keyprefix_fanout}{self.exchange}"

    @property
    def exchange(self) -> str:
        """The exchange for broadcasts."""
        return f"{self._settings.own}broadcasts"

    @property
    def channels(self) -> str:
        """How the channels begin on which news of queues are published. Those of Redis know no databases."""
        return f"{self._opened().keyprefix_fanout}{self._settings.own}news/"

    @property
    def separator(self) -> str:
        """What kombu puts between a queue and a priority."""
        return str(self._opened().sep)

    @property
    def unacknowledged(self) -> list[str]:
        """The keys of what is handed out. They are not kombu's: others would give it back when they see fit."""
        return [f"{self._settings.own}unacked", f"{self._settings.own}unacked_index"]

    def lists(self, queue: str) -> list[str]:
        """Return the keys of a queue's lists, that of the first priority first, as kombu names them."""
        name, sep = self._settings.prefix + queue, self.separator
        return [f"{name}{sep}{step}" if step else name for step in PRIORITY_STEPS]

    def news(self, queue: str) -> str:
        """Return the channel on which news of a queue are published."""
        return f"{self.channels}{self._settings.prefix}{queue}"

    def run(self, script: str, keys: Iterable[str], arguments: Iterable[Any]) -> Any:
        """Run a script once. It is never repeated by itself: taking twice would hold messages that nobody knows of."""
        client = self.client
        loaded = self._scripts.get(script)
        if loaded is None:
            loaded = self._scripts[script] = client.register_script(script)
        return loaded(keys=list(keys), args=list(arguments))

    def ask(self, command: str, keys: Iterable[str]) -> list[Any]:
        """Ask the same of each key, in one go."""
        with self.client.pipeline(transaction=False) as pipeline:
            for key in keys:
                getattr(pipeline, command)(key)
            return list(pipeline.execute())

    def check_connection(self) -> None:
        """Make sure of a connection, so that an error that follows comes from the command and not from its absence."""
        pool = self.client.connection_pool
        pool.release(pool.get_connection())

    def _opened(self) -> Any:
        if self._channel is None:
            with self._opening:
                if self._closed:
                    raise Closed(f"this transport to {self._settings.address} has been closed; open another one")
                if self._channel is None:
                    self._channel = self._open()
        return self._channel

    def _open(self) -> Any:
        # Below kombu's own handling of connections, which would try again and again.
        self._connection = self._connect()
        transport = self._connection.transport
        channel = transport.create_channel(transport.establish_connection())
        if self._settings.durable and int(channel.client.info("persistence").get("aof_enabled", 0)) != 1:
            raise Refused(
                f"durable=yes was asked for, and Redis at {self._settings.address} keeps no log of what it is told: "
                "set appendonly yes in its configuration, or leave the option out"
            )
        return channel

    def _connect(self) -> Any:
        settings, address = self._settings, self._settings.address
        options: dict[str, Any] = {
            "socket_timeout": settings.timeout_seconds,
            "socket_connect_timeout": settings.timeout_seconds,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "retry_on_timeout": False,
            "client_name": settings.client_name,
            "priority_steps": PRIORITY_STEPS,
            "fanout_patterns": False,
            # Should kombu itself ever give back what it finds there, then nothing of ours.
            "unacked_key": f"{settings.own}kombu_unacked",
            "unacked_index_key": f"{settings.own}kombu_unacked_index",
            "unacked_mutex_key": f"{settings.own}kombu_unacked_mutex",
        }
        if settings.sentinel_master is not None:
            options["master_name"] = settings.sentinel_master
        # Given one by one: kombu's reading of a URL turns the checks of certificates off unless it is told otherwise.
        return import_module("kombu").Connection(
            hostname=address.host or "localhost",
            port=address.port,
            userid=address.user,
            password=address.password,
            virtual_host=address.path or "0",
            transport="sentinel" if settings.sentinel_master is not None else "redis",
            ssl=dict(settings.tls) if settings.tls is not None else False,
            connect_timeout=settings.timeout_seconds,
            transport_options=options,
        )

    def close(self) -> None:
        """Close every connection."""
        with self._opening:
            self._closed = True
            channel, self._channel = self._channel, None
            if channel is not None:
                transport = self._connection.transport
                transport.close_connection(transport)
