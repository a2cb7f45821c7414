"""``python -m tests.worker.process URL``: one worker, until a signal; says ``ready`` once it is registered.

Settings come from ENGINE_ variables.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from engine.config import load_settings
from engine.definitions.loading import load_modules
from engine.logs import configure_logging
from engine.store.database import Database
from engine.worker.worker import Worker
from tests.worker.serving import MODULE


async def serve(url: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name.startswith("ENGINE_")}
    settings = load_settings(None, {"store.url": url}, environment={"ENGINE_FLOWS": MODULE} | environment)
    worker = Worker(settings, Database(url), load_modules(settings.flows))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    served = asyncio.ensure_future(worker.run())
    while not worker.worker_id and not served.done():
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await served


if __name__ == "__main__":
    # On standard error; the test listens for one word on standard output.
    configure_logging("info", "console")
    asyncio.run(serve(sys.argv[1]))
