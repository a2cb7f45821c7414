"""A transport over RabbitMQ, by AMQP 0-9-1."""

from __future__ import annotations

from transports.rabbitmq.transport import RabbitTransport

__all__ = ["RabbitTransport"]
