"""The tables: the system of record of every execution.

All names begin with ``milepost_``, so that the tables can live in a database that an application already uses. Times
are microseconds since 1970 (``_us``) by the database's clock; values are JSON text. There are no foreign keys: the one
writer of these tables is this package, its guards are the ``WHERE`` clauses, and a key check would be paid on every
step.

Two columns of ``milepost_steps`` carry the whole protocol, and are set only while they mean something, so that the
indexes on them hold unfinished steps alone however many finished ones there are:

* ``ready_queue``: the queue, while any worker that serves it may claim the step;
* ``due_at_us``: when the sweeper must look at the step.

A change here needs a migration too: see :mod:`engine.store.migrations`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, MetaData, SmallInteger, Table, text

from engine.model.ids import ID_LENGTH
from engine.store.columns import identity, long_text, short_text

PREFIX = "milepost_"
OPERATOR = 0
"""Owner of the steps that wait for an operator, beside the ids of workers, which begin at 1."""
READY_INDEX = "ix_milepost_steps_ready"
DUE_INDEX = "ix_milepost_steps_due"
OWNER_INDEX = "ix_milepost_steps_owner"
NAME_LENGTH = 190
QUEUE_LENGTH = 100
KEY_LENGTH = 190
ATTRIBUTE_LENGTH = 190

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"},
)


def _partial(name: str, *columns: Column[object], where: str) -> Index:
    """An index of the rows where the condition holds; of all rows where the database has no partial indexes."""
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where), mssql_where=text(where))


executions = Table(
    PREFIX + "executions",
    metadata,
    Column("id", short_text(ID_LENGTH), primary_key=True),
    Column("flow", short_text(NAME_LENGTH), nullable=False),
    Column("version", Integer, nullable=False),
    Column("queue", short_text(QUEUE_LENGTH), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", short_text(10), nullable=False),
    # How many events the flow has consumed, and how many are recorded that it has not: the fence of an advance.
    Column("advanced", Integer, nullable=False),
    Column("unread", Integer, nullable=False),
    Column("parent_id", short_text(ID_LENGTH)),
    Column("parent_seq", Integer),
    Column("idempotency_key", short_text(KEY_LENGTH)),
    Column("continued_to", short_text(ID_LENGTH)),
    Column("rerun_of", short_text(ID_LENGTH)),
    # A rerun takes over a past, and with it the random numbers of that past: the id they are seeded from.
    Column("seed_id", short_text(ID_LENGTH)),
    Column("error", long_text()),
    Column("created_us", BigInteger, nullable=False),
    Column("finished_us", BigInteger),
    Index("ix_milepost_executions_state_id", "state", "id"),
    Index("ix_milepost_executions_flow_id", "flow", "id"),
    # PostgreSQL: room on the page keeps the update of the two counters within it, without touching any index.
    postgresql_with={"fillfactor": 70},
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)
Index(
    "ux_milepost_executions_idempotency_key",
    executions.c.idempotency_key,
    unique=True,
    postgresql_where=text("idempotency_key IS NOT NULL"),
    sqlite_where=text("idempotency_key IS NOT NULL"),
    mssql_where=text("idempotency_key IS NOT NULL"),
)

steps = Table(
    PREFIX + "steps",
    metadata,
    Column("execution_id", short_text(ID_LENGTH), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", short_text(8), nullable=False),
    Column("name", short_text(NAME_LENGTH), nullable=False),
    Column("queue", short_text(QUEUE_LENGTH), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", short_text(10), nullable=False),
    # The fencing token: grows by one with every claim and never falls (I4).
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    # 0: it fails when its attempts are used up. Else it becomes a dead letter, to which a retry gives so many new ones.
    Column("dead_letter", SmallInteger, nullable=False),
    # A retry policy of this call's own; NULL: the step's.
    Column("retry", long_text()),
    Column("timeout_us", BigInteger),
    # A worker's id while it is claimed; OPERATOR while it is a dead letter.
    Column("owner", BigInteger),
    Column("ready_queue", short_text(QUEUE_LENGTH)),
    Column("ready_us", BigInteger),
    Column("due_at_us", BigInteger),
    # While the execution is paused or parked: the due time the step goes back to.
    Column("held_due_us", BigInteger),
    # The place of its result among the events that the flow consumed, from 1. Of a cancelled step: how many events the
    # flow had consumed when it gave it up.
    Column("position", Integer),
    # The position of the event at which the flow asked for it: a rerun keeps what was asked for by then.
    Column("issued", Integer),
    # The execution that a child step waits for: the latest one, where a child went on as another.
    Column("child_id", short_text(ID_LENGTH)),
    Column("child_version", Integer),
    Column("input", long_text()),
    Column("output", long_text()),
    Column("progress", long_text()),
    Column("created_us", BigInteger, nullable=False),
    Column("started_us", BigInteger),
    Column("finished_us", BigInteger),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)
_partial(
    READY_INDEX,
    steps.c.ready_queue,
    steps.c.priority,
    steps.c.ready_us,
    where="ready_queue IS NOT NULL",
)
_partial(DUE_INDEX, steps.c.due_at_us, where="due_at_us IS NOT NULL")
_partial(OWNER_INDEX, steps.c.owner, where="owner IS NOT NULL")

signals = Table(
    PREFIX + "signals",
    metadata,
    Column("id", identity(), Identity(), primary_key=True, autoincrement=True),
    Column("execution_id", short_text(ID_LENGTH), nullable=False),
    Column("name", short_text(NAME_LENGTH), nullable=False),
    Column("signal_key", short_text(KEY_LENGTH)),
    Column("payload", long_text(), nullable=False),
    Column("sent_us", BigInteger, nullable=False),
    # The event step that took it; NULL while it waits for one.
    Column("taken_by_seq", Integer),
    Index("ix_milepost_signals_execution_id", "execution_id", "name"),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)
Index(
    "ux_milepost_signals_signal_key",
    signals.c.execution_id,
    signals.c.signal_key,
    unique=True,
    postgresql_where=text("signal_key IS NOT NULL"),
    sqlite_where=text("signal_key IS NOT NULL"),
    mssql_where=text("signal_key IS NOT NULL"),
)

attributes = Table(
    PREFIX + "attributes",
    metadata,
    Column("execution_id", short_text(ID_LENGTH), primary_key=True),
    Column("name", short_text(NAME_LENGTH), primary_key=True),
    Column("value", short_text(ATTRIBUTE_LENGTH), nullable=False),
    Index("ix_milepost_attributes_name_value", "name", "value", "execution_id"),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

workers = Table(
    PREFIX + "workers",
    metadata,
    # The identity that owns steps: a new one at every start, and after every lost lease.
    Column("id", identity(), Identity(), primary_key=True, autoincrement=True),
    Column("name", short_text(NAME_LENGTH), nullable=False),
    Column("host", short_text(NAME_LENGTH), nullable=False),
    Column("pid", BigInteger, nullable=False),
    # Tells a process from a later one that was given the same pid.
    Column("process_token", short_text(80), nullable=False),
    Column("queues", long_text(), nullable=False),
    Column("state", short_text(10), nullable=False),
    # The number of its last committed flush: settles what became of one whose commit was not answered.
    Column("flushes", BigInteger, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Index("ix_milepost_workers_state", "state"),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

generations = Table(
    PREFIX + "generations",
    metadata,
    # What workers hold copies of, such as which queues are paused.
    Column("topic", short_text(NAME_LENGTH), primary_key=True),
    # Grows by one with every change, in the change's own transaction: whoever saw another number holds an old copy.
    Column("generation", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

paused_queues = Table(
    PREFIX + "paused_queues",
    metadata,
    Column("queue", short_text(QUEUE_LENGTH), primary_key=True),
    Column("reason", long_text()),
    Column("paused_us", BigInteger, nullable=False),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

dead_messages = Table(
    PREFIX + "dead_messages",
    metadata,
    Column("id", identity(), Identity(), primary_key=True, autoincrement=True),
    Column("trigger_name", short_text(NAME_LENGTH), nullable=False),
    # The URL of the queue it came from, without secrets.
    Column("source", long_text(), nullable=False),
    # By which a delivery that comes again is known, if the message has anything of the kind.
    Column("message_id", short_text(KEY_LENGTH)),
    Column("message_key", long_text()),
    Column("headers", long_text(), nullable=False),
    # In base64: it may be any bytes.
    Column("body", long_text(), nullable=False),
    Column("reason", long_text(), nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Index("ix_milepost_dead_messages_trigger_name", "trigger_name", "id"),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)
Index(
    "ux_milepost_dead_messages_message_id",
    dead_messages.c.trigger_name,
    dead_messages.c.message_id,
    unique=True,
    postgresql_where=text("message_id IS NOT NULL"),
    sqlite_where=text("message_id IS NOT NULL"),
    mssql_where=text("message_id IS NOT NULL"),
)

rule_versions = Table(
    PREFIX + "rule_versions",
    metadata,
    Column("name", short_text(NAME_LENGTH), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    # The SHA-256 of the content: what decisions record, and what workers keep compiled rules by.
    Column("hash", short_text(64), nullable=False),
    Column("state", short_text(10), nullable=False),
    # The model as JSON text. Only the state of a version ever changes.
    Column("content", long_text(), nullable=False),
    Column("author", short_text(NAME_LENGTH)),
    Column("remark", long_text()),
    # The business dates it is for; NULL: since its activation, and for ever.
    Column("effective_from_us", BigInteger),
    Column("effective_until_us", BigInteger),
    Column("created_us", BigInteger, nullable=False),
    Index("ux_milepost_rule_versions_hash", "name", "hash", unique=True),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

rule_activations = Table(
    PREFIX + "rule_activations",
    metadata,
    # Rows are only added, each later than those before: so what was active at a time never changes.
    Column("name", short_text(NAME_LENGTH), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    # Whether it takes back the one before.
    Column("is_rollback", SmallInteger, nullable=False),
    Column("author", short_text(NAME_LENGTH)),
    Column("remark", long_text()),
    Column("from_us", BigInteger, nullable=False),
    # Of how many of 10,000 buckets of executions; NULL: of all.
    Column("share", Integer),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

rule_shadows = Table(
    PREFIX + "rule_shadows",
    metadata,
    # Rows are only added, as activations are: the last one up to a time says which version decided along.
    Column("name", short_text(NAME_LENGTH), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    # NULL: none.
    Column("version", Integer),
    Column("share", Integer, nullable=False),
    Column("author", short_text(NAME_LENGTH)),
    Column("remark", long_text()),
    Column("from_us", BigInteger, nullable=False),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

rule_tags = Table(
    PREFIX + "rule_tags",
    metadata,
    Column("name", short_text(NAME_LENGTH), primary_key=True),
    Column("tag", short_text(NAME_LENGTH), primary_key=True),
    Column("version", Integer, nullable=False),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

rule_scenarios = Table(
    PREFIX + "rule_scenarios",
    metadata,
    Column("name", short_text(NAME_LENGTH), primary_key=True),
    Column("scenario", short_text(NAME_LENGTH), primary_key=True),
    # NULL: the decision that no other one requires.
    Column("decision", short_text(NAME_LENGTH)),
    Column("inputs", long_text(), nullable=False),
    Column("expected", long_text(), nullable=False),
    # What now() is to the rules.
    Column("now_us", BigInteger, nullable=False),
    Column("author", short_text(NAME_LENGTH)),
    Column("created_us", BigInteger, nullable=False),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

rule_policies = Table(
    PREFIX + "rule_policies",
    metadata,
    # Of rules; "*": what is required of all that have none of their own.
    Column("name", short_text(NAME_LENGTH), primary_key=True),
    # As JSON text: what is added later needs no column.
    Column("required", long_text(), nullable=False),
    Column("author", short_text(NAME_LENGTH)),
    Column("changed_us", BigInteger, nullable=False),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)
