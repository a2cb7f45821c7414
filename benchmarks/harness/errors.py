"""Why there is no figure."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A measurement that went wrong. There is no figure of it."""
