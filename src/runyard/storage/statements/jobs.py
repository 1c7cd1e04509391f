"""SQL of jobs and their versions."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.records import Job
from runyard.storage.port import Row, Tx

FIELDS = Job.__struct_fields__
COLUMNS = ", ".join(FIELDS)
BY_NAME = f"SELECT {COLUMNS} FROM jobs WHERE project_id = :project_id AND name {{among names}}"
BY_ID = f"SELECT {COLUMNS} FROM jobs WHERE project_id = :project_id AND id {{among ids}}"


def from_row(row: Row) -> Job:
    """A row in the order of `FIELDS` as a record."""
    fields = dict(zip(FIELDS, row, strict=True))
    fields["enabled"] = bool(fields["enabled"])
    return Job(**fields)


def by_name_or_id(tx: Tx, project_id: int, wanted: Sequence[str]) -> dict[str, Job]:
    """The jobs of the project by the name or id they were asked for."""
    found = {}
    names = sorted(set(wanted))
    for row in tx.rows(BY_ID, project_id=project_id, ids=names):
        job = from_row(row)
        found[job.id] = job
    for row in tx.rows(BY_NAME, project_id=project_id, names=names):
        job = from_row(row)
        found[job.name] = job
    return found
