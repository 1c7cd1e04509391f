"""SQL of findings; each list is read from an index that ends in the id, newest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runyard.domain.findings import Finding
from runyard.storage.port import Insert, Row, Tx

FIELDS: tuple[str, ...] = Finding.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {"project_id", "attempt", "current", "line", "at"}
_SAID = ("id", "current", "severity", "type", "rule", "file", "line", "message", "suggestion", "at")
# A run that was queued anew after its last attempt counts its attempts from one again.
ADD = Insert(
    "findings",
    {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS},
    "ON CONFLICT (run_id, attempt, fingerprint) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _SAID),
)
KNOWN = (
    "SELECT fingerprint FROM findings "
    "WHERE run_id = :run_id AND attempt = :attempt AND fingerprint {among prints} AND current = 1"
)
RETIRE = "UPDATE findings SET current = 0 WHERE run_id = :run_id AND current = 1"
OF_RUN = f"SELECT {COLUMNS} FROM findings WHERE run_id = :run_id AND current = 1 AND id > :after ORDER BY id LIMIT :n"
LEADING = {
    # From what usually singles out the fewest to what singles out the most: findings_order, _file, _repository, _job,
    # _type, _severity, and _project for none of them.
    "run_id": "run_id = :run_id",
    "file": "project_id = :project_id AND file = :file",
    "repository_id": "repository_id = :repository_id",
    "job_id": "job_id = :job_id",
    "type": "project_id = :project_id AND type = :type",
    "severity": "project_id = :project_id AND severity = :severity",
    "project_id": "project_id = :project_id",
}
AHEAD = f"SELECT {COLUMNS} FROM findings WHERE {{lead}} AND current = 1 AND id < :before ORDER BY id DESC LIMIT :scan"
LIST = "SELECT {columns} FROM ({ahead}) AS ahead WHERE {wanted} ORDER BY id DESC LIMIT :n"
REACH = "SELECT COUNT(*), MIN(id) FROM ({ahead}) AS ahead"


def add(tx: Tx, findings: Sequence[Finding]) -> None:
    """Add findings that are not current already."""
    tx.insert(ADD, [msgspec.structs.astuple(one) for one in findings])


def known(tx: Tx, run_id: str, attempt: int, prints: Sequence[str]) -> set[str]:
    """Which of the fingerprints are of current findings of the attempt."""
    return {row[0] for row in tx.rows(KNOWN, run_id=run_id, attempt=attempt, prints=list(prints))}


def retire(tx: Tx, run_id: str) -> None:
    """Let none of the run's findings be current any more."""
    tx.run(RETIRE, run_id=run_id)


def of_run(tx: Tx, run_id: str, *, after: str, n: int) -> list[Finding]:
    """The run's current findings after an id, in the order told."""
    return [_from_row(row) for row in tx.rows(OF_RUN, run_id=run_id, after=after, n=n)]


def newest(
    tx: Tx, wanted: Mapping[str, str | int], *, before: str, n: int, scan: int
) -> tuple[list[Finding], str | None]:
    """Of the next `scan` findings below an id the first `n` that have these values, newest first.

    Beside them the id to go on below when there may be more and fewer than `n` were found.
    """
    first = next(name for name in LEADING if name in wanted)
    ahead = AHEAD.format(lead=LEADING[first])
    every = " AND ".join(f"{name} = :{name}" for name in wanted)
    text = LIST.format(columns=COLUMNS, ahead=ahead, wanted=every)
    found = [_from_row(row) for row in tx.rows(text, before=before, n=n, scan=scan, **wanted)]
    if len(found) == n:
        return found, None
    looked, lowest = tx.rows(REACH.format(ahead=ahead), before=before, scan=scan, **wanted)[0]
    return found, lowest if looked == scan else None


def _from_row(row: Row) -> Finding:
    return Finding(**dict(zip(FIELDS, row, strict=True)))
