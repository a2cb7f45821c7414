"""The rule engine: FEEL, decision tables and graphs of decisions. Values in, values out.

In a flow, ``await rules.decide("credit-policy", order)`` has a version in the store decide. ``rules.guard`` and
``rules.route`` leave it to rules what is let in, and what an event starts.
"""

from __future__ import annotations

from engine.definitions.ruled import Guard, Route, guard, route
from engine.rules.asking import Ruling, decide

__all__ = ["Guard", "Route", "Ruling", "decide", "guard", "route"]
