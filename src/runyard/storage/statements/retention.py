"""SQL of retention: which runs have been kept long enough, and taking everything of them away in slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runyard.domain.channels import OWN
from runyard.domain.states import RunState
from runyard.storage.port import Insert, Tx

EXPIRED = (
    # Runs of tasks go with their tasks.
    "SELECT id FROM runs WHERE state = :state AND finished_at < :before AND task_id IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM retirements WHERE retirements.run_id = runs.id) "
    "ORDER BY finished_at LIMIT :n {skip_locked}"
)
ABANDONED = "SELECT run_id FROM retirements WHERE claimed_until < :now ORDER BY run_id LIMIT :n {skip_locked}"
CLAIM = Insert(
    "retirements",
    {"run_id": "text", "claimant": "text", "claimed_until": "bigint", "archived": "bigint"},
    "ON CONFLICT (run_id) DO NOTHING",
)
RECLAIM = "UPDATE retirements SET claimant = :claimant, claimed_until = :until WHERE run_id {among ids}"
CLAIMED = (
    "SELECT r.run_id, r.archived, runs.project_id, runs.finished_at FROM retirements r JOIN runs ON runs.id = r.run_id "
    "WHERE r.claimant = :claimant AND r.run_id {among ids} ORDER BY runs.project_id, runs.finished_at, r.run_id"
)
SET_ARCHIVED = "UPDATE retirements SET archived = 1 WHERE run_id {among ids}"
EVENTS = "SELECT seq, project_id FROM events WHERE run_id {among ids} LIMIT :n"
DELETE_EVENTS = "DELETE FROM events WHERE project_id = :project_id AND seq {among seqs}"
LOOSE_EVENTS = "SELECT seq, project_id, at FROM events WHERE run_id IS NULL ORDER BY seq LIMIT :n"
ARTIFACTS = "SELECT id, project_id, sha256 FROM artifacts WHERE run_id {among ids} LIMIT :n"
DELETE_ARTIFACTS = "DELETE FROM artifacts WHERE id {among ids}"
KEYS = (
    "SELECT project_id, COALESCE(job_id, ''), idempotency_key FROM runs "
    "WHERE id {among ids} AND idempotency_key IS NOT NULL"
)
DELETE_KEYS = (
    "DELETE FROM idempotency_keys "
    "WHERE project_id = :project_id AND scope = :scope AND name {among names} AND run_id {among ids}"
)
RESTING_RUNS = "SELECT id FROM runs WHERE id {among ids} AND state {among states}"
DELETE_RUNS = "DELETE FROM runs WHERE id {among ids}"
DELETE_RETIREMENTS = "DELETE FROM retirements WHERE run_id {among ids}"


class Part(msgspec.Struct, frozen=True):
    """Rows that belong to a run, and how heavy one is: a row that may hold a mebibyte counts for many."""

    table: str
    key: str
    weight: int = 1
    where: str = "run_id {among ids}"

    @property
    def delete(self) -> str:
        """Deletes at most `n` of the runs' rows."""
        return (
            f"DELETE FROM {self.table} WHERE ({self.key}) IN "
            f"(SELECT {self.key} FROM {self.table} WHERE {self.where} LIMIT :n)"
        )


# The channels that runs of tasks have for themselves, by their names; both by indexes that begin with these columns.
_OWN = (
    f"IN (SELECT project_id, '{OWN}' || replace(id, '-', '') FROM runs WHERE id {{among ids}} AND task_id IS NOT NULL)"
)
PARTS = (
    Part("logs", "run_id, seq"),
    Part("chunks", "run_id, seq", 4),
    Part("attempts", "run_id, epoch"),
    Part("checkpoints", "run_id, number", 40),
    Part("usage", "id"),
    Part("tool_calls", "id", 40),
    Part("outputs", "run_id, name", 40),
    Part("run_state", "run_id, name", 4),
    Part("run_tags", "project_id, tag, value, run_id"),
    Part("chunks", "run_id, seq", 4),
    Part("resource_samples", "id"),
    Part("coding_runs", "run_id", 40),
    Part("manifests", "artifact_id"),
    Part("uploads", "id"),
    Part("threads", "run_id"),
    Part("relays", "id"),
    Part("permissions", "approval_id"),
    Part("sandbox_usage", "run_id"),
    Part("event_waits", "id", 4),
    Part(
        "delivery_attempts",
        "delivery_id, number",
        where="delivery_id IN (SELECT id FROM deliveries WHERE run_id {among ids})",
    ),
    Part("deliveries", "id", 4),
    Part("findings", "id"),
    Part("actions", "id", 4),
    Part("approvals", "id", 4),
    Part("channel_messages", "id", 4, where=f"(project_id, channel) {_OWN}"),
    Part("channels", "project_id, name", where=f"(project_id, name) {_OWN}"),
)


class Claimed(msgspec.Struct, frozen=True):
    """A run that this caller takes away."""

    run_id: str
    archived: bool
    project_id: int
    finished_at: int


def expired(tx: Tx, before: Mapping[str, int], n: int) -> list[str]:
    """The first runs that ended in a state before that state's time and that nobody takes away yet, locked."""
    found: list[str] = []
    for state, time in before.items():
        if len(found) < n:
            found += [row[0] for row in tx.rows(EXPIRED, state=state, before=time, n=n - len(found))]
    return found


def abandoned(tx: Tx, n: int) -> list[str]:
    """Runs whose taking away was begun and not finished in time, locked."""
    return [row[0] for row in tx.rows(ABANDONED, now=tx.now, n=n)]


def claim(tx: Tx, fresh: Sequence[str], left: Sequence[str], claimant: str, until: int) -> list[Claimed]:
    """Make runs this claimant's to take away; those it got, by project and age."""
    if fresh:
        tx.insert(CLAIM, [(run_id, claimant, until, 0) for run_id in sorted(fresh)])
    if left:
        tx.run(RECLAIM, claimant=claimant, until=until, ids=list(left))
    rows = tx.rows(CLAIMED, claimant=claimant, ids=[*fresh, *left])
    return [Claimed(row[0], bool(row[1]), row[2], row[3]) for row in rows]


def set_archived(tx: Tx, ids: Sequence[str]) -> None:
    """Remember that the runs are in an archive."""
    tx.run(SET_ARCHIVED, ids=list(ids))


def resting(tx: Tx, ids: Sequence[str], among: frozenset[RunState]) -> list[str]:
    """Those of the runs that are in one of these states."""
    states = sorted(state.value for state in among)
    return [row[0] for row in tx.rows(RESTING_RUNS, ids=list(ids), states=states)]


def delete_part(tx: Tx, part: Part, ids: Sequence[str], n: int) -> int:
    """Delete at most so many of the runs' rows of one kind; how many went."""
    return tx.run(part.delete, ids=list(ids), n=n)


def delete_events(tx: Tx, ids: Sequence[str], n: int) -> list[tuple[int, int]]:
    """Delete at most so many of the runs' events; (seq, project) of those that went."""
    rows = [(row[0], row[1]) for row in tx.rows(EVENTS, ids=list(ids), n=n)]
    _delete_events(tx, rows)
    return rows


def _delete_events(tx: Tx, rows: Sequence[tuple[int, int]]) -> None:
    seqs: dict[int, list[int]] = {}
    for seq, project_id in rows:
        seqs.setdefault(project_id, []).append(seq)
    for project_id, some in sorted(seqs.items()):
        tx.run(DELETE_EVENTS, project_id=project_id, seqs=some)


def delete_loose_events(tx: Tx, before: int, n: int) -> list[tuple[int, int]]:
    """Delete the oldest events about no run, as far as they are old enough; (seq, project) of those that went."""
    rows = [(row[0], row[1]) for row in tx.rows(LOOSE_EVENTS, n=n) if row[2] < before]
    _delete_events(tx, rows)
    return rows


def delete_artifacts(tx: Tx, ids: Sequence[str], n: int) -> list[tuple[int, str]]:
    """Delete at most so many of the runs' artifact rows; (project, hash) of those that went."""
    rows = tx.rows(ARTIFACTS, ids=list(ids), n=n)
    if rows:
        tx.run(DELETE_ARTIFACTS, ids=[row[0] for row in rows])
    return [(row[1], row[2]) for row in rows]


def delete_runs(tx: Tx, ids: Sequence[str]) -> int:
    """Delete runs whose other rows are gone, their idempotency keys and their retirement; how many went."""
    names: dict[tuple[int, str], list[str]] = {}
    for project_id, scope, name in tx.rows(KEYS, ids=list(ids)):
        names.setdefault((project_id, scope), []).append(name)
    for (project_id, scope), some in sorted(names.items()):
        tx.run(DELETE_KEYS, project_id=project_id, scope=scope, names=sorted(some), ids=list(ids))
    tx.run(DELETE_RETIREMENTS, ids=list(ids))
    return tx.run(DELETE_RUNS, ids=list(ids))
