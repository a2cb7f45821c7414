"""Settings: from ``engine.toml``, the environment and flags to frozen, checked values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.exports import exports

if TYPE_CHECKING:
    from engine.config.loading import load_settings
    from engine.config.model import (
        BrokerSettings,
        LimitSettings,
        LoggingSettings,
        Settings,
        StoreSettings,
        WorkerSettings,
    )
    from engine.config.values import Duration, Url

__all__ = [
    "BrokerSettings",
    "Duration",
    "LimitSettings",
    "LoggingSettings",
    "Settings",
    "StoreSettings",
    "Url",
    "WorkerSettings",
    "load_settings",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "engine.config.loading": "load_settings",
        "engine.config.model": ("BrokerSettings LimitSettings LoggingSettings Settings StoreSettings WorkerSettings"),
        "engine.config.values": "Duration Url",
    },
)
