"""Every setting there is, with its default, its bounds and what it does.

The texts here are the reference documentation: ``python -m engine.config.reference`` prints it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from engine.config.urls import check_broker_url, check_named_broker_url, check_store_url, store_backend
from engine.config.values import AnyCase, AutoOrBoolean, Count, Duration, Names, QueueNames, Url

SOURCES: ContextVar[tuple[PydanticBaseSettingsSource, ...]] = ContextVar("SOURCES", default=())
"""Where the settings being loaded come from, the strongest first; without any, ``Settings()`` is all defaults."""


def _positive(value: Duration) -> Duration:
    if value <= 0:
        raise ValueError("must be longer than nothing")
    return value


def _one_second_or_more(value: Duration) -> Duration:
    if value < 1_000_000:
        raise ValueError('must be at least "1s"')
    return value


PositiveDuration = Annotated[Duration, AfterValidator(_positive)]


class Section(BaseModel):
    """A table of ``engine.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class StoreSettings(Section):
    """The SQL database that holds every execution: the system of record."""

    url: Annotated[Url, Url.checked_by(check_store_url)] = Field(
        default=Url("sqlite:///milepost.db"),
        description=(
            "Where the database is: `sqlite:///file.db`, `postgresql://user:password@host/database` or "
            "`mysql://user:password@host/database` (also `mariadb://`). A driver may be named, as in "
            "`postgresql+psycopg://`."
        ),
    )
    pool_size: Count = Field(default=10, ge=1, le=1000, description="Connections kept open by each process.")
    pool_overflow: Count = Field(
        default=10, ge=0, le=1000, description="Connections that may be opened beyond `pool_size` when all are in use."
    )
    pool_timeout: PositiveDuration = Field(
        default=Duration(30_000_000), description="How long to wait for a free connection before giving up."
    )
    pool_recycle: PositiveDuration = Field(
        default=Duration(1_800_000_000),
        description="Connections older than this are replaced, before a proxy or the server closes them.",
    )
    auto_migrate: Annotated[Literal["auto"] | bool, AutoOrBoolean] = Field(
        default="auto",
        description=(
            "Whether a worker brings the tables up to date when it starts: `true`, `false`, or `auto`, which does so "
            "on SQLite only. Otherwise run `engine migrate`."
        ),
    )

    @property
    def masked_url(self) -> str:
        """The URL without its secrets, for people to read."""
        return self.url.masked

    @property
    def pool_options(self) -> dict[str, Any]:
        """What the store's ``Database`` is to know of its connections; times in seconds."""
        return {
            "pool_size": self.pool_size,
            "pool_overflow": self.pool_overflow,
            "pool_timeout": self.pool_timeout.seconds,
            "pool_recycle": self.pool_recycle.seconds,
        }

    @property
    def backend(self) -> str:
        """The kind of database: sqlite, postgresql or mysql."""
        return store_backend(self.url.reveal())

    @property
    def migrates_itself(self) -> bool:
        """Whether a starting worker brings the tables up to date."""
        return self.backend == "sqlite" if self.auto_migrate == "auto" else self.auto_migrate


class BrokerSettings(Section):
    """What carries messages between workers. Any of them may lose everything without harm."""

    url: Annotated[Url, Url.checked_by(check_broker_url)] = Field(
        default=Url("sql"),
        description=(
            "`sql` for the queue inside the store, which needs no further server; or the URL of a broker, whose "
            "scheme names the transport."
        ),
    )
    resend_after: PositiveDuration = Field(
        default=Duration(10_000_000),
        description=(
            "A step whose message was not acted on for this long is sent again, and then after ever longer waits. "
            "Without meaning for the queue inside the store."
        ),
    )

    @property
    def masked_url(self) -> str:
        """The URL without its secrets, for people to read."""
        return self.url.masked


class WorkerSettings(Section):
    """What one worker serves, and how much at a time."""

    queues: QueueNames = Field(default=("default",), description="The queues it takes steps from.")
    concurrency: Count = Field(
        default=100, ge=1, le=10_000, description="How many steps each process runs at the same time."
    )
    threads: Count = Field(
        default_factory=lambda values: int(values["concurrency"]),
        ge=1,
        le=10_000,
        description="How many of them may be plain functions, which run on threads.",
        json_schema_extra={"default": "that of concurrency"},
    )
    processes: Count = Field(
        default=1, ge=1, le=256, description="Worker processes that `engine-worker` starts, each with its own pool."
    )
    lease: Annotated[Duration, AfterValidator(_one_second_or_more)] = Field(
        default=Duration(10_000_000),
        description=(
            "A worker that was not heard of for this long is dead to its peers, and what it held is run elsewhere. "
            "Shorter recovers faster and asks more of the database."
        ),
    )
    drain_grace: Duration = Field(
        default=Duration(30_000_000),
        description="How long a worker that was told to stop waits for running steps before it hands them back.",
    )
    poll_interval: PositiveDuration = Field(
        default=Duration(250_000),
        description="How often an idle worker asks the queue inside the store, where nothing wakes it.",
    )
    sweep_interval: PositiveDuration = Field(
        default=Duration(1_000_000),
        description="How often a worker looks for steps that fell due: timers, retries, timeouts, lost messages.",
    )
    cached_flows: Count = Field(
        default=1000,
        ge=0,
        le=1_000_000,
        description="How many suspended flows each process keeps in memory, to spare a replay.",
    )
    triggers: bool = Field(
        default=True,
        description=(
            "Whether it takes messages of other programs from the queues that `@on_message` names in its modules. "
            "Workers that do share them."
        ),
    )


class LimitSettings(Section):
    """Bounds that protect the store from a flow that went wrong."""

    max_value_bytes: Count = Field(
        default=1 << 20,
        ge=1 << 10,
        le=1 << 26,
        description="The largest argument, result or signal, in bytes of JSON. Keep larger data elsewhere.",
    )
    max_steps: Count = Field(
        default=100_000,
        ge=10,
        le=10_000_000,
        description=(
            "Steps, timers, waits, children and markers of one execution. A flow that asks for more fails there, and "
            "nothing of it runs any more. One that runs for ever starts afresh with `continue_as_new`."
        ),
    )


class LoggingSettings(Section):
    """What is written to standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        default="info", description="The least important messages that are written."
    )
    format: Annotated[Literal["auto", "console", "json"], AnyCase] = Field(
        default="auto",
        description="`json` for one object a line, `console` for people, `auto` for people on a terminal only.",
    )


class Settings(BaseSettings):
    """Everything that can be set. Frozen; whatever prints it prints no password."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True, env_prefix="ENGINE_"
    )

    store: StoreSettings = Field(default_factory=StoreSettings)
    broker: BrokerSettings = Field(default_factory=BrokerSettings)
    brokers: dict[str, Annotated[Url, Url.checked_by(check_named_broker_url)]] = Field(
        default_factory=dict[str, Url],
        description=(
            'The brokers of other programs, by names of your own: with `shop = "kafka://user:password@host:9092"`, '
            "flows write `broker://shop/orders` for the queue or topic `orders` there, and neither code nor the store "
            "holds the password."
        ),
    )
    flows: Names = Field(
        default=(),
        description="The modules that define flows and steps: `package.module`, or the path of a file `my_flow.py`.",
    )
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from where :func:`engine.config.load_settings` found them, and from nowhere else.

        The sources are the engine's own so that an error can name the file, variable or flag a value came from.
        """
        return (init_settings, *SOURCES.get())
