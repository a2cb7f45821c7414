"""A durable transport over Apache Kafka, and what speaks its protocol."""

from __future__ import annotations

from transports.kafka.transport import KafkaTransport

__all__ = ["KafkaTransport"]
