"""SQL of changed limits: telling live runs of a job which lanes they belong to, and lanes how wide they are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Tx, Update

CHANGE = (
    "INSERT INTO cap_changes (job_id, project_id, position, since, at) VALUES (:job_id, :project_id, '', :now, :now) "
    "ON CONFLICT (job_id) DO UPDATE SET position = '', since = :now, at = :now"
)
DUE = "SELECT job_id, project_id, position, since FROM cap_changes WHERE at <= :now ORDER BY at LIMIT 1 {skip_locked}"
OF_JOB = "SELECT job_id, project_id, position, since FROM cap_changes WHERE job_id = :job_id {lock}"
GO_ON = "UPDATE cap_changes SET position = :position, at = :at WHERE job_id = :job_id"
FORGET = "DELETE FROM cap_changes WHERE job_id = :job_id"
LIVE = (
    "SELECT id, state, hold, job_lane, key_lane, concurrency_key FROM runs "
    "WHERE job_id = :job_id AND finished_at IS NULL AND id > :position ORDER BY id NULLS FIRST LIMIT :n {lock}"
)
SET_LANES = Update("runs", {"job_lane": "bigint", "key_lane": "bigint"}, {"id": "text"})
HOLD_BACK = Update("runs", {"hold": "text", "hold_lane": "bigint"}, {"id": "text"})
_OF_JOB = "project_id = :project_id AND name >= :first AND name < :beyond"
_READY_OF_JOB = "SELECT 1 FROM runs WHERE job_lane = lanes.id AND state = 'queued' AND hold IS NULL"
OVERFULL_JOB = f"SELECT id FROM lanes WHERE {_OF_JOB} AND used > cap AND EXISTS ({_READY_OF_JOB}) ORDER BY id LIMIT :n"
OVERFULL_KEYS = OVERFULL_JOB.replace("job_lane", "key_lane")
ROOMY = (
    f"SELECT id FROM lanes WHERE {_OF_JOB} AND used < cap AND EXISTS (SELECT 1 FROM runs WHERE hold_lane = lanes.id) "
    "ORDER BY id LIMIT :n"
)
SURPLUS_OF_JOB = (
    "SELECT id, job_lane, key_lane FROM runs WHERE job_lane = :lane AND state = 'queued' AND hold IS NULL "
    "ORDER BY rank DESC, id DESC LIMIT :n {skip_locked}"
)
SURPLUS_OF_KEY = SURPLUS_OF_JOB.replace("WHERE job_lane", "WHERE key_lane")
# A run that is brought back when its job is gone keeps its lanes.
DELETE_LANES = (
    f"DELETE FROM lanes WHERE used = 0 AND id IN (SELECT id FROM lanes WHERE {_OF_JOB} AND used = 0 LIMIT :n)"
)
DELETE_RATE = "DELETE FROM rates WHERE project_id = :project_id AND name = :name"


class Change(msgspec.Struct, frozen=True):
    """A job whose limits changed, and the last live run that was told."""

    job_id: str
    project_id: int
    position: str
    since: int


class Live(msgspec.Struct, frozen=True):
    """What matters of a live run for its lanes."""

    id: str
    state: str
    hold: str | None
    job_lane: int | None
    key_lane: int | None
    concurrency_key: str | None


def note(tx: Tx, project_id: int, job_id: str) -> Change:
    """Keep in mind that the limits of the job changed now; locked."""
    tx.run(CHANGE, job_id=job_id, project_id=project_id, now=tx.now)
    row = tx.row(OF_JOB, job_id=job_id)
    assert row is not None
    return Change(*row)


def due(tx: Tx) -> Change | None:
    """A change that is to be carried on with, locked."""
    row = tx.row(DUE, now=tx.now)
    return Change(*row) if row is not None else None


def go_on(tx: Tx, job_id: str, *, position: str, at: int) -> None:
    """Carry on behind that run, at that time."""
    tx.run(GO_ON, job_id=job_id, position=position, at=at)


def forget(tx: Tx, job_id: str) -> None:
    """The change is done with."""
    tx.run(FORGET, job_id=job_id)


def live(tx: Tx, job_id: str, *, position: str, n: int) -> list[Live]:
    """Runs of the job that have not ended, in the order of their ids, locked."""
    return [Live(*row) for row in tx.rows(LIVE, job_id=job_id, position=position, n=n)]


def set_lanes(tx: Tx, rows: Sequence[tuple[int | None, int | None, str]]) -> None:
    """Put runs on lanes: (job lane, key lane, run)."""
    tx.update(SET_LANES, rows)


def surplus(tx: Tx, lane: int, n: int, *, by_key: bool) -> list[tuple[str, int | None, int | None]]:
    """The last claimable runs of the lane, as (run, job lane, key lane), locked."""
    rows = tx.rows(SURPLUS_OF_KEY if by_key else SURPLUS_OF_JOB, lane=lane, n=n)
    return [(row[0], row[1], row[2]) for row in rows]


def hold_back(tx: Tx, lane: int, ids: Sequence[str]) -> None:
    """Take claimable runs out of the ready index on behalf of the lane."""
    tx.update(HOLD_BACK, [("lane", lane, run_id) for run_id in ids])


def overfull(tx: Tx, project_id: int, names: tuple[str, str], n: int, *, by_key: bool) -> list[int]:
    """Lanes within the range of names that let more through than they may, and could call some back."""
    sql = OVERFULL_KEYS if by_key else OVERFULL_JOB
    return [row[0] for row in tx.rows(sql, project_id=project_id, first=names[0], beyond=names[1], n=n)]


def roomy(tx: Tx, project_id: int, names: tuple[str, str], n: int) -> list[int]:
    """Lanes within the range of names that could let somebody through and hold somebody back."""
    return [row[0] for row in tx.rows(ROOMY, project_id=project_id, first=names[0], beyond=names[1], n=n)]


def delete_lanes(tx: Tx, project_id: int, names: tuple[str, str], n: int) -> int:
    """Drop at most so many lanes within the range of names that nobody uses; how many went."""
    return tx.run(DELETE_LANES, project_id=project_id, first=names[0], beyond=names[1], n=n)


def delete_rate(tx: Tx, project_id: int, rate: str) -> None:
    """Drop a rate."""
    tx.run(DELETE_RATE, project_id=project_id, name=rate)
