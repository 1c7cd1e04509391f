"""SQL of archives: everything of many runs at once, where that is little enough to hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.approvals import Approval
from runyard.domain.findings import Action, Finding
from runyard.domain.records import Attempt, Event, LogEntry
from runyard.domain.traces import Artifact, Checkpoint, Output, StateEntry, ToolCall, Usage
from runyard.storage.port import Tx

ROWS = 20_000
SIZES = (
    "SELECT id, LENGTH(payload) + COALESCE(LENGTH(output), 0) FROM runs "
    "WHERE id {among ids} AND project_id = :project_id ORDER BY finished_at, id"
)


class Table(msgspec.Struct, frozen=True):
    """A table of what belongs to runs: its rows as records, their order, and what of them may be big."""

    name: str
    record: type[msgspec.Struct]
    order: str
    big: tuple[str, ...] = ()
    only: str = ""
    """Which rows are told, where not all are."""

    @property
    def _told(self) -> str:
        return f"FROM {self.name} WHERE run_id {{among ids}}" + (f" AND {self.only}" if self.only else "")

    @property
    def measure(self) -> str:
        """Counts and adds up at most so many rows."""
        size = " + ".join(f"COALESCE(LENGTH({column}), 0)" for column in self.big) or "0"
        part = f"SELECT {size} AS size {self._told} LIMIT :n"
        return f"SELECT COUNT(*), COALESCE(SUM(size), 0) FROM ({part}) AS part"

    @property
    def select(self) -> str:
        """All rows of the runs."""
        columns = ", ".join(self.record.__struct_fields__)
        return f"SELECT {columns} {self._told} ORDER BY run_id, {self.order}"


ATTEMPTS = Table("attempts", Attempt, "epoch", ("error",))
EVENTS = Table("events", Event, "seq", ("data",))
LOGS = Table("logs", LogEntry, "seq", ("message", "data"))
CHECKPOINTS = Table("checkpoints", Checkpoint, "number DESC", ("state",))
USAGE = Table("usage", Usage, "id")
TOOL_CALLS = Table("tool_calls", ToolCall, "id", ("input", "output"))
OUTPUTS = Table("outputs", Output, "name", ("value", "schema"))
STATE = Table("run_state", StateEntry, "name", ("value",))
ARTIFACTS = Table("artifacts", Artifact, "id")
FINDINGS = Table("findings", Finding, "id", ("message", "suggestion"), only="current = 1")
ACTIONS = Table("actions", Action, "id", ("description", "details"))
APPROVALS = Table("approvals", Approval, "id", ("description", "changes", "comment"))


def run_sizes(tx: Tx, project_id: int, ids: Sequence[str]) -> list[tuple[str, int]]:
    """(id, characters) of the project's runs, by when they ended; unknown ids are absent."""
    return [(row[0], row[1]) for row in tx.rows(SIZES, project_id=project_id, ids=list(ids))]


def all_of(tx: Tx, table: Table, ids: Sequence[str], most: int) -> dict[str, list[Any]] | None:
    """The runs' records by run, or None when there are more rows or characters than one should hold at a time."""
    row = tx.row(table.measure, ids=list(ids), n=ROWS)
    if row is None or row[0] >= ROWS or row[1] > most:
        return None
    found: dict[str, list[Any]] = {}
    if row[0] == 0:
        return found
    fields = table.record.__struct_fields__
    at = fields.index("run_id")
    for values in tx.rows(table.select, ids=list(ids)):
        found.setdefault(values[at], []).append(table.record(**dict(zip(fields, values, strict=True))))
    return found
