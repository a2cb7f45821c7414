"""A transport over Amazon SQS, with broadcasts over Amazon SNS."""

from __future__ import annotations

from transports.sqs.transport import SqsTransport

__all__ = ["SqsTransport"]
