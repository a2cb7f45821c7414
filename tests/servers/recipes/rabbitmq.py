"""RabbitMQ: one node, without the port mapper that nodes of a cluster find each other by."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pika

from tests.servers.management import Management, beside
from tests.servers.recipes.recipe import USER, Account

_PROGRAM = "rabbitmq-server"
_NODE = f"{USER}@localhost"


class RabbitMQ:
    """RabbitMQ with its management plugin; any version from 3.8 on."""

    name = "rabbitmq"
    title = "RabbitMQ"
    variable = "MILEPOST_TEST_RABBITMQ"
    advice = "install it (Debian: apt-get install rabbitmq-server; macOS: brew install rabbitmq)"
    accounts: Sequence[str] = ("rabbitmq",)
    stop_signal: int = signal.SIGTERM

    # The command on the path is a wrapper on Debian, which wants to be root or a certain user.
    _patterns = (
        "/usr/lib/rabbitmq/bin",
        "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
        "/opt/homebrew/opt/rabbitmq/sbin",
        "/usr/local/opt/rabbitmq/sbin",
    )

    def _program(self) -> str | None:
        directories = [path for pattern in self._patterns for path in sorted(Path("/").glob(pattern.lstrip("/")))]
        found = [path for directory in reversed(directories) if (path := directory / _PROGRAM).is_file()]
        return str(found[0]) if found else shutil.which(_PROGRAM)

    def missing(self) -> str | None:
        return None if self._program() else _PROGRAM

    def prepare(self, home: Path, password: str, account: Account) -> None:
        (home / "enabled_plugins").write_text("[rabbitmq_management].\n")
        secret = home / "password"
        secret.write_text(password)
        secret.chmod(0o600)
        account.own(secret)

    def command(self, home: Path, port: int) -> list[str]:
        program = self._program()
        assert program is not None
        settings = {
            "listeners.tcp.default": f"127.0.0.1:{port}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": beside(port, 10_000),
            "management_agent.disable_metrics_collector": "true",
            "default_user": USER,
            "default_pass": (home / "password").read_text(),
            # Nobody cares how full the disk of a test is, or how much memory the other servers leave.
            "disk_free_limit.absolute": "50MB",
            "vm_memory_high_watermark.absolute": "1GB",
        }
        configuration = home / "rabbitmq.conf"
        configuration.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        erlang = [
            # Distribution is up before the server looks whether a port mapper runs, and needs none.
            f"-sname {_NODE} -setcookie {(home / 'password').read_text()}",
            f"-erl_epmd_port {port + 1} -kernel inet_dist_use_interface {{127,0,0,1}}",
        ]
        environment = {
            "HOME": home,
            "LANG": "C.UTF-8",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": configuration,
            "RABBITMQ_ENABLED_PLUGINS_FILE": home / "enabled_plugins",
            "RABBITMQ_MNESIA_BASE": home / "data",
            "RABBITMQ_LOG_BASE": home,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_NODENAME": _NODE,
            # For every program of Erlang's that it starts: a port mapper would outlive it.
            "ERL_AFLAGS": "-start_epmd false",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": " ".join(erlang),
            # As under systemd: the server replaces the script that starts it, and is the process that is stopped.
            "NOTIFY_SOCKET": home / "nobody",
        }
        return ["/usr/bin/env", *(f"{name}={value}" for name, value in environment.items()), program]

    def url(self, port: int, password: str) -> str:
        return f"amqp://{USER}:{quote(password, safe='')}@127.0.0.1:{port}/%2F"

    def probe(self, port: int, password: str) -> None:
        management = Management(self.url(port, password))
        management.make_vhost(USER)
        pika.BlockingConnection(pika.URLParameters(f"{self.url(port, password).rpartition('/')[0]}/{USER}")).close()
