"""The rule engine: FEEL, decision tables and graphs of decisions. Values in, values out.

In a flow, ``await rules.decide("credit-policy", order)`` has a version in the store decide.
"""

from __future__ import annotations

from engine.rules.asking import Ruling, decide

__all__ = ["Ruling", "decide"]
