"""A test server for Azure Service Bus."""

from __future__ import annotations

import importlib.util
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.servers.recipes.recipe import USER, Account

_ROOT = Path(__file__).resolve().parents[3]


class ServiceBus:
    """The test server of this project, which speaks AMQP 1.0 and the administration API on one port."""

    name = "servicebus"
    title = "the test server for Azure Service Bus"
    variable = "MILEPOST_TEST_SERVICEBUS"
    advice = "pip install python-qpid-proton (it has wheels for Linux; elsewhere it needs a C compiler)"
    # It runs from this checkout, which other users may not be able to read.
    accounts: Sequence[str] = ("root",)
    stop_signal: int = signal.SIGTERM

    def missing(self) -> str | None:
        return None if importlib.util.find_spec("proton") else "the Python package python-qpid-proton"

    def prepare(self, home: Path, password: str, account: Account) -> None:
        secret = home / "key"
        secret.write_text(password)
        account.own(secret)

    def command(self, home: Path, port: int) -> list[str]:
        return ["env", f"PYTHONPATH={_ROOT}", sys.executable, "-m", "tests.servers.servicebus", str(home), str(port)]

    def url(self, port: int, password: str) -> str:
        return f"azureservicebus://{USER}:{password}@127.0.0.1:{port}/?emulator=true&management_port={port}"

    def probe(self, port: int, password: str) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/")
        try:
            urllib.request.urlopen(request, timeout=5).close()  # noqa: S310
        except urllib.error.HTTPError as error:
            # It answers, and knows nobody who does not sign.
            error.close()
