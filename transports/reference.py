"""What each broker can do, as Markdown, made from what the transports declare. Nothing is connected to.

``python -m transports.reference`` prints it; ``docs/reference/capabilities.md`` is its output. It needs the client
libraries of all transports.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from transports.loading import EXTRAS, open_transport
from transports.protocol import Capabilities

_INTRODUCTION = """\
# What each broker can do

<!-- Made by `python -m transports.reference > docs/reference/capabilities.md`, from what the transports declare. -->

A broker carries hints, and the store has the truth: **whatever is "no" here costs time or comfort, never a step**. That
holds for brokers that lose messages too. [Choosing a broker](../brokers/README.md) says which to take.

The queue inside the store, `broker.url = "sql"`, is the default and not in the tables: it carries no messages. Workers
claim steps from the store itself, by priority.

## What there is
"""
_OTHERS = """

Other transports of kombu (`kombu+mongodb://` and the like) declare that they carry messages, and nothing else: see
[kombu](../brokers/kombu.md).
"""
_MEANINGS = "\n## What the columns mean\n"
_TABLE = "\n## What they can do\n"


@dataclass(frozen=True, slots=True)
class Column:
    """One capability: what it is called, and what it means to somebody who chooses a broker."""

    title: str
    meaning: str


COLUMNS: Final[Mapping[str, Column]] = {
    "durable": Column(
        "outlives a restart",
        "What the broker has confirmed is still there when it was restarted. If not, those steps wait until they are "
        "sent again, `broker.resend_after` and more.",
    ),
    "shared": Column(
        "shared",
        "Other processes see the same queues. If not, it is for tests, and no worker process can be reached by it.",
    ),
    "redelivers": Column(
        "gives again",
        "A message that was handed to a worker which died before it claimed the step goes to another worker. If not, "
        "the step waits until it is sent again.",
    ),
    "settles_singly": Column(
        "one by one",
        "An acknowledged message does not come again because one before it was not acknowledged. If not, more messages "
        "come twice, and are dropped.",
    ),
    "releases": Column(
        "gives back",
        "What a worker has received and not claimed when it ends is at once there for others. If not, it takes as long "
        "as after a crash.",
    ),
    "broadcasts": Column(
        "broadcasts",
        "Workers can tell each other at once that something has changed. If not, they notice with their next look at "
        "the store, a little later.",
    ),
    "priorities": Column(
        "priorities",
        "The broker hands out urgent messages first. If not, a step's priority counts among the messages that a worker "
        "has received, but not among those that wait in the broker.",
    ),
    "depth": Column(
        "counts",
        "The broker can tell how many messages wait in a queue: `engine doctor` shows it. The number of steps that "
        "wait, by `engine queues`, comes from the store and is always there.",
    ),
    "checks_queues": Column(
        "knows its queues",
        "Sending to a queue that is not there is an error, so that it is made anew at once when the broker was wiped. "
        "If not, a queue comes into being with its first message.",
    ),
    "max_message_bytes": Column(
        "largest message",
        "What is carried with default options. The engine's own messages are pointers of a few hundred bytes, whatever "
        "values your flows use.",
    ),
}
"""By the names of the fields of :class:`Capabilities`, in the order of the page."""

_MANAGE = (
    "With the right Manage. Whether it is there shows only once the transport is connected: without it, queues are not "
    "counted, and broadcasts reach only workers that have a subscription which you made for them."
)
_LOG = "Redis must keep a log (`appendonly yes`): it is checked, and an error where it does not."
_FILES = "The files outlive processes; a crash of the machine may take the last ones."


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of broker, as it is set up by a URL.

    ``url`` is opened for what it declares and not connected to. ``needs`` is what to install where the scheme has no
    extra of its own, ``tried_on`` what the tests run against, ``notes`` what a plain yes would keep quiet about.
    """

    name: str
    url: str
    page: str
    tried_on: str
    needs: str = "nothing"
    notes: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def scheme(self) -> str:
        """The part of the URL before its first colon."""
        return self.url.partition("://")[0]

    def capabilities(self) -> Capabilities:
        """Return what the transport declares. Raises NoTransport if its client library is not installed."""
        transport = open_transport(self.url)
        try:
            return transport.capabilities
        finally:
            transport.close()


_SQS_TRIED = "ElasticMQ 1.6; moto 5.2 for broadcasts; not AWS itself"

KINDS: Final = (
    Kind("RabbitMQ", "amqp://user:password@host:5672/vhost", "rabbitmq", "RabbitMQ 3.10"),
    Kind("RabbitMQ, classic queues", "amqp://host/vhost?queue_type=classic", "rabbitmq", "RabbitMQ 3.10"),
    Kind("Apache Kafka", "kafka://host:9092", "kafka", "Kafka 4.2"),
    Kind("Apache Kafka, a share group", "kafka://host:9092?group_protocol=share", "kafka", "Kafka 4.2"),
    Kind(
        "Azure Service Bus", "azureservicebus://ours.servicebus.windows.net/", "azureservicebus",
        "a server of this project's own, made after the documented protocol; not the service itself",
        notes={"broadcasts": _MANAGE, "depth": _MANAGE},
    ),
    Kind("Amazon SQS and SNS", "sqs://KEY:SECRET@eu-central-1", "sqs", _SQS_TRIED),
    Kind("Amazon SQS alone", "sqs://KEY:SECRET@eu-central-1?broadcasts=false", "sqs", _SQS_TRIED),
    Kind("Redis", "redis://user:password@host:6379/0", "redis", "Redis 7.0"),
    Kind("Redis, with a log", "redis://host/0?durable=yes", "redis", "Redis 7.0", notes={"durable": _LOG}),
    Kind(
        "files, by kombu", "kombu+filesystem:///var/lib/milepost/queues", "kombu", "a local disk",
        notes={"durable": _FILES},
    ),
    Kind(
        "tables of a SQL database", "sql+postgresql://user:password@host/database", "README",
        "PostgreSQL 15, MariaDB 10.11, SQLite 3.40", "the extra of that database",
    ),
    Kind("within one process", "memory://name", "README", "all of its suite; for tests"),
)  # fmt: skip


def reference() -> str:
    """Return the whole page."""
    notes: list[str] = []
    declared = [(kind, kind.capabilities()) for kind in KINDS]
    parts = [
        _INTRODUCTION,
        _table(["broker", "`broker.url`", "install", "tested against"], (_what_it_is(kind) for kind in KINDS)),
        _TABLE,
        _table(
            ["broker", *(column.title for column in COLUMNS.values())],
            ([kind.name, *_cells(kind, can, notes)] for kind, can in declared),
        ),
        *(f"\n{number}. {note}" for number, note in enumerate(notes, 1)),
        _OTHERS,
        _MEANINGS,
        *(f"\n- **{column.title}** (`{name}`). {column.meaning}" for name, column in COLUMNS.items()),
        "\n",
    ]
    return "".join(parts)


def _table(titles: list[str], rows: Iterable[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _what_it_is(kind: Kind) -> list[str]:
    extra = EXTRAS.get(kind.scheme.partition("+")[0])
    install = f"`milepost[{extra}]`" if extra else kind.needs
    return [f"[{kind.name}](../brokers/{kind.page}.md)", f"`{kind.url}`", install, kind.tried_on]


def _cells(kind: Kind, capabilities: Capabilities, notes: list[str]) -> Iterator[str]:
    """The row of one kind. A note that is new is added to ``notes``."""
    for name in COLUMNS:
        value: bool | int = getattr(capabilities, name)
        text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else _size(value)
        note = kind.notes.get(name)
        if note is not None:
            if note not in notes:
                notes.append(note)
            text += f" ({notes.index(note) + 1})"
        yield text


def _size(count: int) -> str:
    unit, name = (1 << 20, "MiB") if count % (1 << 20) == 0 else (1 << 10, "KiB")
    return f"{count // unit} {name}"


if __name__ == "__main__":
    sys.stdout.write(reference())
