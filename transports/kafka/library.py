"""The client library, confluent-kafka: most of it is written in C, and its types say little."""

from __future__ import annotations

from typing import Any

import confluent_kafka
import confluent_kafka.admin
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException

__all__ = [
    "OFFSET_BEGINNING", "AdminClient", "AlterConfigOpType", "ConfigEntry", "ConfigResource", "Consumer",
    "ConsumerGroupTopicPartitions", "KafkaError", "KafkaException", "NewTopic", "OffsetSpec", "Producer",
    "ResourceType", "ShareConsumer", "TopicCollection", "TopicPartition",
]  # fmt: skip

_main: Any = confluent_kafka
_admin: Any = confluent_kafka.admin

Consumer: Any = _main.Consumer
Producer: Any = _main.Producer
ShareConsumer: Any = getattr(_main, "ShareConsumer", None)
"""None where the library is older than share groups."""
TopicPartition: Any = _main.TopicPartition
TopicCollection: Any = _main.TopicCollection
ConsumerGroupTopicPartitions: Any = _main.ConsumerGroupTopicPartitions
AdminClient: Any = _admin.AdminClient
AlterConfigOpType: Any = _admin.AlterConfigOpType
ConfigEntry: Any = _admin.ConfigEntry
ConfigResource: Any = _admin.ConfigResource
NewTopic: Any = _admin.NewTopic
OffsetSpec: Any = _admin.OffsetSpec
ResourceType: Any = _admin.ResourceType
