"""What can be wrong with decision models."""

from __future__ import annotations

from engine.errors import MilepostError, NonRetryable


class RuleError(MilepostError):
    """Something is wrong with rules, or with how they are used."""


class ModelError(RuleError):
    """A decision model cannot be read, or is not complete in itself."""


class Undecidable(RuleError, NonRetryable):
    """Rules cannot decide what they were asked, however often that is tried."""
