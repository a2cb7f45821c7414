"""What goes wrong at AWS, as this package's errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    CredentialRetrievalError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)
from botocore.exceptions import ConnectionError as NoConnection  # pyright: ignore[reportMissingTypeStubs]

from transports.errors import Refused, TooLarge, Unavailable, UnknownQueue

if TYPE_CHECKING:
    from transports.errors import TransportError

Failure = (BotoCoreError, ClientError)
"""What boto3's clients raise."""

_TAG = re.compile(r"<[^>]*>")
_LONGEST_WORDS = 300
_NO_QUEUE = {"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}
_NO_TOPIC = {"NotFound", "NotFoundException"}
_TOO_LONG = {"BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong"}
_RIGHTS = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "KmsAccessDenied",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
}
_LATER = {
    "InternalError",
    "InternalFailure",
    "KmsThrottled",
    "OverLimit",
    "QueueDeletedRecently",
    "AWS.SimpleQueueService.QueueDeletedRecently",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


def code_of(error: BaseException) -> str:
    """Return the code that AWS gave an error; empty where it never answered."""
    return str(_answer(error).get("Error", {}).get("Code", ""))


def is_no_topic(error: BaseException | None) -> bool:
    """Tell whether AWS knows no such topic or subscription."""
    return error is not None and code_of(error) in _NO_TOPIC


def problem(
    error: BotoCoreError | ClientError, where: str, doing: str, *, lost: type[TransportError] = Unavailable
) -> TransportError:
    """Return the error to raise for one of botocore's.

    ``doing`` says what was tried. ``lost`` is the error where the request may have been carried out though no answer
    came.
    """
    if isinstance(error, ClientError):
        return _from_answer(error, where, doing)
    said = _one_line(str(error))
    if isinstance(error, SSLError):
        return Refused(f"{where} shows a certificate that is not trusted, while {doing}: {said}")
    if isinstance(error, ReadTimeoutError | ConnectionClosedError):
        return lost(f"{where} did not answer while {doing}: {said}")
    if isinstance(error, NoConnection | HTTPClientError):
        return Unavailable(f"{where} cannot be reached, while {doing}: {said}")
    if isinstance(error, CredentialRetrievalError):
        return Unavailable(f"credentials for {where} could not be fetched, while {doing}: {said}")
    return Refused(f"{where} cannot be used for {doing}: {said}; look at the credentials, the region and the URL")


def _from_answer(error: ClientError, where: str, doing: str) -> TransportError:
    code = code_of(error)
    status = int(_answer(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"{code}: {_one_line(str(_answer(error).get('Error', {}).get('Message', '')))}"
    if code in _NO_QUEUE:
        return UnknownQueue(f"{where} has no such queue, or shows it to others only, while {doing}: declare it first")
    if code in _TOO_LONG or "MessageTooLong" in said or "must be shorter than" in said:
        return TooLarge(f"{where} takes no message of this size, while {doing} ({said}): send a pointer to the data")
    if code in _LATER or status >= 500 or status == 429:
        return Unavailable(f"{where} asks to be left alone for now, while {doing} ({said})")
    if code in _RIGHTS or status in {401, 403}:
        return Refused(f"{where} refuses {doing} ({said}): look at the credentials and at what they may do")
    return Refused(f"{where} refuses {doing} ({said})")


def _answer(error: BaseException) -> dict[str, Any]:
    return cast("dict[str, Any]", getattr(error, "response", None) or {})


def _one_line(text: str) -> str:
    # What stands between client and service may answer with a page.
    words = " ".join(_TAG.sub(" ", text).split())
    return words[:_LONGEST_WORDS] or "without a word"
