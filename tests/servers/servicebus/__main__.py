"""``python -m tests.servers.servicebus HOME PORT``: serve until a signal ends the process."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.servers.servicebus.serving import Server


def main(home: str, port: str) -> None:
    """Serve on a port of the loopback, with the key that is in ``HOME/key``."""
    key = (Path(home) / "key").read_text().strip()
    asyncio.run(Server(key).serve(int(port)))


if __name__ == "__main__":
    main(*sys.argv[1:])
