"""SQL of outputs."""

from __future__ import annotations

from runyard.domain.traces import Output
from runyard.storage.port import Tx

FIELDS = Output.__struct_fields__
COLUMNS = ", ".join(FIELDS)
PUT = (
    "INSERT INTO outputs (run_id, name, value, schema, at) VALUES (:run_id, :name, :value, :schema, :at) "
    "ON CONFLICT (run_id, name) DO UPDATE SET value = excluded.value, schema = excluded.schema, at = excluded.at"
)
GET = f"SELECT {COLUMNS} FROM outputs WHERE run_id = :run_id AND name = :name"
COUNT = "SELECT COUNT(*) FROM outputs WHERE run_id = :run_id"
SIZES = "SELECT name, LENGTH(value) FROM outputs WHERE run_id = :run_id AND name > :after ORDER BY name LIMIT :n"
NAMES = "SELECT name, at FROM outputs WHERE run_id = :run_id ORDER BY name"
BETWEEN = f"SELECT {COLUMNS} FROM outputs WHERE run_id = :run_id AND name >= :first AND name <= :last ORDER BY name"


def put(tx: Tx, output: Output) -> None:
    """Set an output."""
    one = output
    tx.run(PUT, run_id=one.run_id, name=one.name, value=one.value, schema=one.schema, at=one.at)


def get(tx: Tx, run_id: str, name: str) -> Output | None:
    """One output, if it is set."""
    row = tx.row(GET, run_id=run_id, name=name)
    return Output(**dict(zip(FIELDS, row, strict=True))) if row else None


def count(tx: Tx, run_id: str) -> int:
    """How many outputs the run has."""
    row = tx.row(COUNT, run_id=run_id)
    return int(row[0]) if row else 0


def sizes(tx: Tx, run_id: str, after: str, n: int) -> list[tuple[str, int]]:
    """(name, characters) of the run's outputs after a name, by name."""
    return [(row[0], row[1]) for row in tx.rows(SIZES, run_id=run_id, after=after, n=n)]


def between(tx: Tx, run_id: str, first: str, last: str) -> list[Output]:
    """The outputs from one name to another, by name."""
    rows = tx.rows(BETWEEN, run_id=run_id, first=first, last=last)
    return [Output(**dict(zip(FIELDS, row, strict=True))) for row in rows]


def names(tx: Tx, run_id: str) -> list[tuple[str, int]]:
    """(name, time) of all outputs of the run, by name."""
    return [(row[0], row[1]) for row in tx.rows(NAMES, run_id=run_id)]
