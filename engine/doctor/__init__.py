"""The doctor: looks at the store and the broker that the settings name, and says what is wrong and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.exports import exports

if TYPE_CHECKING:
    from engine.doctor.examination import examine
    from engine.doctor.findings import Finding, Verdict

__all__ = ["Finding", "Verdict", "examine"]

__getattr__, __dir__ = exports(
    __name__, {"engine.doctor.examination": "examine", "engine.doctor.findings": "Finding Verdict"}
)
