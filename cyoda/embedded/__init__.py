"""PostgreSQL and Valkey started from their wheels, for `make up`, `serve` without a database, and tests (Linux).

Whatever kills the process that started them, they end within seconds and their data is whole at the next start.
"""

from cyoda.embedded.home import EmbeddedError, Home
from cyoda.embedded.postgres import EmbeddedPostgres
from cyoda.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedValkey", "Home"]
