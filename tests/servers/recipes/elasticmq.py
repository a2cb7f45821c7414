"""ElasticMQ: SQS in one process, without SNS, and without any check of credentials."""

from __future__ import annotations

import signal
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from tests.servers.recipes.jars import JAVA_ADVICE, Jars
from tests.servers.recipes.recipe import USER, Account

LIMIT_BYTES = 256 * 1024
"""What it takes in one message, as SQS did until 2025."""


class ElasticMQ:
    """ElasticMQ with the limits that it has by default, which are those of SQS before messages could have 1 MiB."""

    name = "elasticmq"
    title = "ElasticMQ"
    variable = "MILEPOST_TEST_ELASTICMQ"
    advice = JAVA_ADVICE
    accounts: Sequence[str] = ()
    stop_signal: int = signal.SIGTERM

    def __init__(self) -> None:
        self._jars = Jars(Path(__file__).resolve().parents[1] / "elasticmq" / "pom.xml")

    def missing(self) -> str | None:
        return self._jars.missing()

    def prepare(self, home: Path, password: str, account: Account) -> None:
        self._jars.fetch()

    def command(self, home: Path, port: int) -> list[str]:
        settings = {
            "rest-sqs.bind-hostname": "127.0.0.1",
            "rest-sqs.bind-port": port,
            "rest-stats.enabled": "false",
            # The queues' URLs hold this address, and boto3 goes to the endpoint that it was given all the same.
            "node-address.host": "127.0.0.1",
            "node-address.port": port,
        }
        options = [f"-D{name}={value}" for name, value in settings.items()]
        return self._jars.java("org.elasticmq.server.Main", *options)

    def url(self, port: int, password: str) -> str:
        # It believes any credentials; these are as good as others.
        endpoint = quote(f"http://127.0.0.1:{port}", safe="")
        return f"sqs://{USER}:{password}@elasticmq?endpoint_url={endpoint}"

    def probe(self, port: int, password: str) -> None:
        _answers(f"http://127.0.0.1:{port}/")


def _answers(url: str) -> None:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - on the loopback
    except urllib.error.HTTPError as error:
        # It is there, and expects something else than that.
        error.close()
