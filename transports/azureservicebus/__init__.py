"""The transport over Azure Service Bus."""

from __future__ import annotations

from transports.azureservicebus.transport import AzureServiceBusTransport

__all__ = ["AzureServiceBusTransport"]
