"""Apache Kafka: one process that is broker and controller. Its jars come from Maven Central, once for each version."""

from __future__ import annotations

import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka.admin import AdminClient

from tests.servers.recipes.jars import JAVA_ADVICE, Jars
from tests.servers.recipes.recipe import USER, Account, ServerError

STRANGER = "stranger"
"""A user with the password ``secret``, who may log in and do nothing else."""
_JAVA = ("-Xmx512m", "-Xms128m")
_CLUSTER_ID = "bWlsZXBvc3QtdGVzdHMtMQ"


def proxied_port(port: int) -> int:
    """Return where the server listens for clients that come through a proxy."""
    return port + 1


def proxy_port(port: int) -> int:
    """Return the port at which the server tells those clients to find it: a test may put a proxy there."""
    return port + 2


def _controller_port(port: int) -> int:
    return port + 3


class Kafka:
    """Apache Kafka 4, with passwords (SASL PLAIN) and access control lists."""

    name = "kafka"
    title = "Apache Kafka"
    variable = "MILEPOST_TEST_KAFKA"
    advice = JAVA_ADVICE
    accounts: Sequence[str] = ()
    stop_signal: int = signal.SIGTERM

    def __init__(self) -> None:
        self._jars = Jars(Path(__file__).resolve().parents[1] / "kafka" / "pom.xml")

    def missing(self) -> str | None:
        return self._jars.missing()

    def prepare(self, home: Path, password: str, account: Account) -> None:
        self._jars.fetch()
        (home / "password").write_text(password)
        # The ports are only known when it starts; formatting wants to see some.
        self._configure(home, 9092)
        format_storage = [*self._jars.java("kafka.tools.StorageTool", *_JAVA), "format", "--cluster-id", _CLUSTER_ID]
        account.run([*format_storage, "--config", str(home / "server.properties")], home)

    def _configure(self, home: Path, port: int) -> None:
        password = (home / "password").read_text()
        proxied, proxy, controller = proxied_port(port), proxy_port(port), _controller_port(port)
        users = f'user_{USER}="{password}" user_{STRANGER}="secret"'
        login = (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'username="{USER}" password="{password}" {users};'
        )
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "CLIENT",
            "listeners": f"CLIENT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxied},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"CLIENT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy}",
            "listener.security.protocol.map": ",".join(
                f"{name}:SASL_PLAINTEXT" for name in ("CLIENT", "PROXIED", "CONTROLLER")
            ),
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.mechanism.controller.protocol": "PLAIN",
            **{f"listener.name.{name}.plain.sasl.jaas.config": login for name in ("client", "proxied", "controller")},
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{USER}",
            "log.dirs": home / "data",
            "num.partitions": 1,
            # One broker can keep one copy, and a few partitions of its own topics are ready sooner.
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            # Tests that wait for a consumer to be given up should not wait for long.
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 500,
            "group.consumer.min.heartbeat.interval.ms": 100,
            "group.consumer.heartbeat.interval.ms": 200,
            "group.consumer.min.session.timeout.ms": 500,
            "group.share.min.heartbeat.interval.ms": 100,
            "group.share.heartbeat.interval.ms": 200,
            "group.share.min.session.timeout.ms": 500,
            "group.share.min.record.lock.duration.ms": 1000,
            # Without these, one that only stands still for a while would be given up as well.
            "group.consumer.session.timeout.ms": 30000,
            "group.share.session.timeout.ms": 30000,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "log.cleaner.enable": "false",
        }
        (home / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def _check_ports(self, port: int) -> None:
        """Have another port tried if those beside this one are taken."""
        for beside in (proxied_port(port), proxy_port(port), _controller_port(port)):
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", beside))
                except (OSError, OverflowError) as error:
                    raise ServerError(f"port {beside} of the loopback is taken: {error}") from error

    def command(self, home: Path, port: int) -> list[str]:
        self._check_ports(port)
        self._configure(home, port)
        return [*self._jars.java("kafka.Kafka", *_JAVA), str(home / "server.properties")]

    def url(self, port: int, password: str) -> str:
        return f"kafka://{USER}:{password}@127.0.0.1:{port}?security_protocol=SASL_PLAINTEXT"

    def probe(self, port: int, password: str) -> None:
        settings = {"bootstrap.servers": f"127.0.0.1:{port}", "security.protocol": "SASL_PLAINTEXT"}
        login = {"sasl.mechanism": "PLAIN", "sasl.username": USER, "sasl.password": password}
        AdminClient({**settings, **login, "log_level": 0}).list_topics(timeout=1.0)
