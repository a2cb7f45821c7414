"""Settings: from ``engine.toml``, the environment and flags to frozen, checked values."""

from __future__ import annotations

from engine.config.loading import load_settings
from engine.config.model import BrokerSettings, LimitSettings, LoggingSettings, Settings, StoreSettings, WorkerSettings
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
