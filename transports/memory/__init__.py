"""A transport within one process, and a broker for it that a test can trouble."""

from __future__ import annotations

from transports.memory.broker import MemoryBroker, forget_memory_broker, memory_broker
from transports.memory.clock import Clock, ManualClock, MonotonicClock
from transports.memory.faults import Fate, FaultRates, Faults, NoFaults, RandomFaults
from transports.memory.transport import MemoryTransport

__all__ = [
    "Clock",
    "Fate",
    "FaultRates",
    "Faults",
    "ManualClock",
    "MemoryBroker",
    "MemoryTransport",
    "MonotonicClock",
    "NoFaults",
    "RandomFaults",
    "forget_memory_broker",
    "memory_broker",
]
