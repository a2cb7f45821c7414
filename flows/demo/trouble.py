"""What keeps the demo from running to its end."""

from __future__ import annotations


class DemoFailed(Exception):
    """The demo cannot go on; its message says why and where to look."""
