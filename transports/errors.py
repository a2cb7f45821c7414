"""Every error a transport raises on purpose, under one base.

An error says what happened, what it means, and what to do about it. The default message of an error is the first line
of its docstring.
"""

from __future__ import annotations


class TransportError(Exception):
    """Something went wrong between this process and the broker."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class Unavailable(TransportError):
    """The broker cannot be reached, or asks to be left alone for now; try again.

    Nothing that the broker has confirmed is lost.
    """


class NotConfirmed(TransportError):
    """The broker may or may not have taken the message; send it again and expect that it may arrive twice."""


class Refused(TransportError):
    """The broker or the transport will not do this however often it is asked: change the request, or the set-up."""


class TooLarge(Refused):
    """The message is larger than this transport carries."""


class UnknownQueue(Refused):
    """The broker knows no queue of that name; declare it first."""


class Closed(TransportError):
    """This transport has been closed; open another one."""


class NoTransport(TransportError):
    """No transport for that kind of broker can be used in this process."""
