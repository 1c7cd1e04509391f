"""SQL of payloads seen lately."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.storage.port import Insert, Tx

OF_JOBS = (
    "SELECT job_id, hash, run_id FROM payload_marks WHERE job_id {among jobs} AND hash {among hashes} AND at > :now"
)
DROP_OLD = "DELETE FROM payload_marks WHERE job_id {among jobs} AND hash {among hashes} AND at <= :now"
TAKE = Insert(
    "payload_marks",
    {"job_id": "text", "hash": "text", "run_id": "text", "at": "bigint"},
    "ON CONFLICT (job_id, hash) DO NOTHING",
)
RETAKE = (
    "UPDATE payload_marks SET run_id = :run_id, at = :until WHERE job_id = :job_id AND hash = :hash AND run_id = :stale"
)
PRUNE = (
    "DELETE FROM payload_marks WHERE (job_id, hash) IN "
    "(SELECT job_id, hash FROM payload_marks WHERE at <= :now ORDER BY at LIMIT :n)"
)

Mark = tuple[str, str]
"""Job and hash of a payload."""


def holders(tx: Tx, marks: Sequence[Mark]) -> dict[Mark, str]:
    """Which run each payload made that was seen and not forgotten yet."""
    wanted = set(marks)
    jobs, hashes = sorted({job for job, _ in wanted}), sorted({one for _, one in wanted})
    rows = tx.rows(OF_JOBS, jobs=jobs, hashes=hashes, now=tx.now)
    return {(job_id, one): run_id for job_id, one, run_id in rows if (job_id, one) in wanted}


def take(tx: Tx, rows: Sequence[tuple[str, str, str, int]]) -> None:
    """Remember (job, hash, run, until when); what is remembered already stays. Waits for writers of the same."""
    tx.run(DROP_OLD, jobs=sorted({row[0] for row in rows}), hashes=sorted({row[1] for row in rows}), now=tx.now)
    tx.insert(TAKE, sorted({row[:2]: row for row in reversed(rows)}.values()))


def retake(tx: Tx, mark: Mark, *, run_id: str, until: int, stale: str) -> bool:
    """Let a payload stand for another run than the one that is gone; False when somebody else did."""
    return tx.run(RETAKE, job_id=mark[0], hash=mark[1], run_id=run_id, until=until, stale=stale) == 1


def prune(tx: Tx, n: int) -> int:
    """Forget up to `n` payloads whose time is over; how many went."""
    return tx.run(PRUNE, now=tx.now, n=n)
