"""The control signal that ends a flow from the inside without being an error of it."""

from __future__ import annotations


class ContinueAsNew(BaseException):
    """Raised by ``continue_as_new``. It is no ``Exception``, so that ``except Exception`` in user code lets it pass."""

    def __init__(self, input: str) -> None:
        super().__init__("the flow continues as a new execution")
        self.input = input
        """The arguments of the new execution, as JSON text."""
