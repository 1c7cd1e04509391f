"""PostgreSQL: any number of servers on one database."""

from runyard.storage.postgres.connections import applied
from runyard.storage.postgres.store import PostgresStore

__all__ = ["PostgresStore", "applied"]
