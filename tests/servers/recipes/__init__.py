"""How each kind of server is found, prepared, started and asked whether it is ready: one module for each."""

from __future__ import annotations

from tests.servers.recipes.kafka import Kafka
from tests.servers.recipes.mariadb import MariaDB
from tests.servers.recipes.postgresql import PostgreSQL
from tests.servers.recipes.recipe import USER, Account, Recipe, ServerError

__all__ = ["KAFKA", "MARIADB", "POSTGRESQL", "RECIPES", "USER", "Account", "Recipe", "ServerError"]

POSTGRESQL: Recipe = PostgreSQL()
MARIADB: Recipe = MariaDB()
KAFKA: Recipe = Kafka()
RECIPES: dict[str, Recipe] = {"postgresql": POSTGRESQL, "mysql": MARIADB, "mariadb": MARIADB, "kafka": KAFKA}
