"""moto's server: SQS, SNS and IAM in one process."""

from __future__ import annotations

import importlib.util
import signal
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from tests.servers.recipes.recipe import USER, Account


class Moto:
    """moto's server, which checks signatures and rights only while a test asks it to."""

    name = "moto"
    title = "moto's server for AWS"
    variable = "MILEPOST_TEST_MOTO"
    advice = "pip install 'moto[server]'"
    # It runs in the tests' own Python environment, which other users may not be able to read.
    accounts: Sequence[str] = ("root",)
    stop_signal: int = signal.SIGTERM

    def missing(self) -> str | None:
        needed = {"moto": "moto", "flask": "moto[server]"}
        absent = [package for module, package in needed.items() if importlib.util.find_spec(module) is None]
        return f"the Python package {absent[0]}" if absent else None

    def prepare(self, home: Path, password: str, account: Account) -> None:
        """It keeps everything in memory."""

    def command(self, home: Path, port: int) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]

    def url(self, port: int, password: str) -> str:
        endpoint = quote(f"http://127.0.0.1:{port}", safe="")
        return f"sqs://{USER}:{password}@eu-central-1?endpoint_url={endpoint}"

    def probe(self, port: int, password: str) -> None:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/data.json", timeout=5).close()
