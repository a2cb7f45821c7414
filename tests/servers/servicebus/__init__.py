"""A test server for Azure Service Bus: AMQP 1.0 and the administration API on one port of the loopback, without TLS.

It serves the real client library, and does what the service documents: queues that lock what they hand out, delivery
counts, settlement, dead letters, topics with subscriptions, size limits, signed tokens and rights. It keeps everything
in memory. Sessions, schedules, transactions and rules are left out. Run as ``python -m tests.servers.servicebus HOME
PORT``; ``HOME/key`` holds the key of its policies.

Sources: the AMQP 1.0 standard of OASIS, and Microsoft's "AMQP 1.0 in Azure Service Bus protocol guide" and "AMQP 1.0 in
Azure Service Bus: request-response-based operations".
"""
