"""How each kind of server is found, prepared, started and asked whether it is ready: one module for each."""

from __future__ import annotations

from tests.servers.recipes.elasticmq import ElasticMQ
from tests.servers.recipes.kafka import Kafka
from tests.servers.recipes.mariadb import MariaDB
from tests.servers.recipes.moto import Moto
from tests.servers.recipes.postgresql import PostgreSQL
from tests.servers.recipes.rabbitmq import RabbitMQ
from tests.servers.recipes.recipe import USER, Account, Recipe, ServerError
from tests.servers.recipes.redis import Redis
from tests.servers.recipes.servicebus import ServiceBus

__all__ = [
    "ELASTICMQ",
    "KAFKA",
    "MARIADB",
    "MOTO",
    "POSTGRESQL",
    "RABBITMQ",
    "RECIPES",
    "REDIS",
    "SERVICEBUS",
    "USER",
    "Account",
    "Recipe",
    "ServerError",
]

POSTGRESQL: Recipe = PostgreSQL()
MARIADB: Recipe = MariaDB()
RABBITMQ: Recipe = RabbitMQ()
KAFKA: Recipe = Kafka()
SERVICEBUS: Recipe = ServiceBus()
REDIS: Recipe = Redis()
ELASTICMQ: Recipe = ElasticMQ()
MOTO: Recipe = Moto()
RECIPES: dict[str, Recipe] = {
    "postgresql": POSTGRESQL,
    "mysql": MARIADB,
    "mariadb": MARIADB,
    "rabbitmq": RABBITMQ,
    "kafka": KAFKA,
    "servicebus": SERVICEBUS,
    "redis": REDIS,
    "elasticmq": ELASTICMQ,
    "moto": MOTO,
}
