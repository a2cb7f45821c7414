"""The driver: a pure function from a flow and its recorded events to what the flow wants next."""

from __future__ import annotations

from engine.driver.run import DEFAULT_MAX_VALUE_BYTES, FlowRun, drive

__all__ = ["DEFAULT_MAX_VALUE_BYTES", "FlowRun", "drive"]
