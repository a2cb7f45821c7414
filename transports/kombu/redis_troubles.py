"""What the errors of Redis and of its client mean."""

from __future__ import annotations

import ssl

from redis import exceptions

from transports.errors import Refused, TransportError, Unavailable

_BUSY = ("LOADING", "BUSY", "OOM", "MISCONF", "NOREPLICAS", "MASTERDOWN", "READONLY", "TRYAGAIN", "CLUSTERDOWN")
"""How the errors of a server begin that may take the same command later."""
_TEMPORARY = (
    exceptions.BusyLoadingError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    exceptions.ClusterDownError,
)
_RIGHTS = (
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
    exceptions.NoPermissionError,
)


def lost_answer(error: Exception) -> bool:
    """Tell whether a command may have been carried out, though it was not answered."""
    if isinstance(error, (*_RIGHTS, exceptions.BusyLoadingError)):
        return False
    return isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError)


def redis_problem(error: Exception, where: str) -> Exception:
    """Return the transport's error for one of the client's."""
    if isinstance(error, TransportError):
        return error
    text = " ".join(str(error).split())
    if isinstance(error, _RIGHTS):
        return Refused(f"Redis at {where} refuses the user, the password or the command: {text}")
    if _bad_certificate(error):
        return Refused(f"the certificate of Redis at {where} is not trusted, or Redis does not trust ours: {text}")
    if isinstance(error, _TEMPORARY) or (isinstance(error, exceptions.ResponseError) and text.startswith(_BUSY)):
        return Unavailable(f"Redis at {where} asks to be left alone for now: {text}")
    if isinstance(error, exceptions.ResponseError):
        return Refused(f"Redis at {where} refuses: {text}")
    if isinstance(error, exceptions.InvalidResponse | exceptions.DataError):
        return Refused(f"what answers at {where} is no Redis: {text}")
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError):
        return Unavailable(f"Redis at {where} is not available: {text}")
    return error


def _bad_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return isinstance(error, ssl.SSLCertVerificationError) or "ALERT" in (error.reason or "")
        error = error.__cause__ or error.__context__
    return False
