"""The files that ``engine new`` writes."""

from __future__ import annotations

from typing import Final

FLOW_FILE: Final = "hello_flow.py"
CONFIG_FILE: Final = "engine.toml"

_FLOW: Final = '''"""A first flow: engine start hello --arg name=Ann --wait"""

from __future__ import annotations

from engine import Retry, flow, gather, sleep, step


@step(retry=Retry(attempts=5, backoff="1s..30s"), timeout="10s")
def greet(name: str, language: str) -> str:
    """A step: any input and output is fine here. Its result is recorded, so it never runs again once it is."""
    words = {"en": "Hello", "fr": "Bonjour", "de": "Guten Tag"}
    return f"{words[language]}, {name}!"


@flow
async def hello(name: str) -> list[str]:
    """A flow: it only says which steps run. It survives crashes and restarts of its workers."""
    first = await greet(name, "en")
    await sleep("1s")
    others = await gather(greet(name, "fr"), greet(name, "de"))
    return [first, *others]
'''

_CONFIG: Final = """# Settings of engine and engine-worker. All of them, with their values in force: engine config
flows = ["hello_flow.py"]

[store]
url = "sqlite:///milepost.db"

[worker]
queues = ["default"]
"""


def flow_text() -> str:
    """Return the flow's module."""
    return _FLOW


def config_text() -> str:
    """Return the configuration."""
    return _CONFIG
