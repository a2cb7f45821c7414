"""What a worker says of itself when it starts: as a block for people, and as the fields of one log event."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.config import Settings
    from engine.definitions.registry import Registry

MOST_NAMES = 20
_LABEL_WIDTH = 13
_INDENT = 2


def facts(settings: Settings, registry: Registry, worker: str, version: str) -> dict[str, Any]:
    """Return what there is to say, without secrets."""
    served = registry.triggers if settings.worker.triggers else ()
    return {
        "version": version,
        "worker": worker,
        "store": settings.store.masked_url,
        "broker": settings.broker.masked_url,
        "queues": list(settings.worker.queues),
        "concurrency": settings.worker.concurrency,
        "flows": [flow.name if flow.version == 1 else f"{flow.name}/{flow.version}" for flow in registry.flows],
        "steps": [step.name for step in registry.steps],
        "triggers": [f"{one.name} ({one.source})" for one in served],
    }


def banner(facts: Mapping[str, Any], width: int = 100) -> Text:
    """Return the facts as an aligned block, at most ``width`` columns wide."""
    concurrency = facts["concurrency"]
    lines = {
        "worker": facts["worker"],
        "store": facts["store"],
        "broker": "none: steps are claimed from the store" if facts["broker"] == "sql" else facts["broker"],
        "queues": ", ".join(facts["queues"]),
        "concurrency": f"{concurrency} step{'' if concurrency == 1 else 's'} at a time",
        "flows": _names(facts["flows"]),
        "steps": _names(facts["steps"]),
    }
    if facts["triggers"]:
        lines["triggers"] = _names(facts["triggers"])
    text = Text(f"Milepost {facts['version']}\n", style="bold")
    room = max(width - _INDENT - _LABEL_WIDTH, 20)
    for label, value in lines.items():
        # A URL or a name is not broken: it is there to be copied.
        wrapped = textwrap.wrap(str(value), room, break_long_words=False, break_on_hyphens=False) or [""]
        text.append(f"{' ' * _INDENT}{label:<{_LABEL_WIDTH}}", style="not bold dim")
        text.append(("\n" + " " * (_INDENT + _LABEL_WIDTH)).join(wrapped) + "\n", style="not bold")
    text.rstrip()
    return text


def _names(names: Sequence[str]) -> str:
    if not names:
        return "none"
    left_out = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {left_out} more" if left_out > 0 else "")
