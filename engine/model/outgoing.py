"""A message for another program, on its way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message, and the URL of the queue or topic it is for. ``id`` is the same however often it is sent."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    key: str | None
    id: str
