"""Errors of AWS as errors of this package."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError, ReadTimeoutError, SSLError

from transports import NotConfirmed, Refused, TooLarge, TransportError, Unavailable, UnknownQueue
from transports.sqs.problems import problem


def answer(code: str, message: str = "so it is", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "SendMessage"
    )


@pytest.mark.parametrize(
    "error, expected",
    [
        (answer("AWS.SimpleQueueService.NonExistentQueue"), UnknownQueue),
        (answer("QueueDoesNotExist"), UnknownQueue),
        (answer("AccessDenied", status=403), Refused),
        (answer("403", "<html><p>Forbidden</p></html>", 403), Refused),
        (answer("ExpiredToken"), Refused),
        (answer("SomethingNew"), Refused),
        (answer("InvalidParameterValue", "Message must be shorter than 262144 bytes."), TooLarge),
        (answer("BatchRequestTooLong"), TooLarge),
        (answer("QueueDeletedRecently"), Unavailable),
        (answer("OverLimit", status=403), Unavailable),
        (answer("Throttling"), Unavailable),
        (answer("SomethingNew", status=503), Unavailable),
        (ReadTimeoutError(endpoint_url="https://host"), NotConfirmed),
        (ConnectTimeoutError(endpoint_url="https://host"), Unavailable),
        (SSLError(endpoint_url="https://host", error="self-signed"), Refused),
        (NoCredentialsError(), Refused),
    ],
)
def test_each_says_whether_trying_again_helps(error: Exception, expected: type[TransportError]) -> None:
    made = problem(error, "SQS in eu-west-1", "sending to queue 'work'", lost=NotConfirmed)  # type: ignore[arg-type]
    assert type(made) is expected
    assert "\n" not in str(made)
    assert "<" not in str(made)
