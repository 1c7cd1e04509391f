"""SQL of lanes (concurrency limits) and rates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runyard.domain.records import Run
from runyard.storage.port import Insert, Tx, Update
from runyard.storage.statements import runs

UPSERT = (
    "INSERT INTO lanes (project_id, name, cap, used) VALUES (:project_id, :name, :cap, 0) "
    "ON CONFLICT (project_id, name) DO UPDATE SET cap = :cap RETURNING id"
)
LOCK = "SELECT id, cap, used FROM lanes WHERE id {among ids} ORDER BY id {lock}"
SHIFT = "UPDATE lanes SET used = used + :by WHERE id = :id"
COUNT = Update("lanes", {"used": "bigint"}, {"id": "bigint"})
HELD = (
    f"SELECT {runs.COLUMNS} FROM runs WHERE hold_lane = :lane AND state = 'queued' "
    "ORDER BY rank, id LIMIT :n {skip_locked}"
)
# One text, so that one look finds both: ranks have no colon.
FIRST_HELD = (
    "SELECT id, (SELECT CAST(runs.rank AS TEXT) || ':' || runs.id FROM runs WHERE runs.hold_lane = lanes.id "
    "AND runs.state = 'queued' ORDER BY runs.rank, runs.id LIMIT 1 {skip_locked}) FROM lanes WHERE id {among lanes}"
)
_WORST = (
    "AND state = 'queued' AND hold IS NULL AND rank > :rank AND NOT (id {among moving}) "
    "ORDER BY rank DESC, id DESC LIMIT :n {skip_locked}"
)
WORST_OF_JOB = f"SELECT {runs.COLUMNS} FROM runs WHERE job_lane = :lane {_WORST}"
WORST_OF_KEY = f"SELECT {runs.COLUMNS} FROM runs WHERE key_lane = :lane {_WORST}"
WITH_ROOM = (
    "SELECT id FROM lanes WHERE used < cap AND EXISTS (SELECT 1 FROM runs WHERE hold_lane = lanes.id) "
    "ORDER BY id LIMIT :n"
)
SET_CAP = "UPDATE lanes SET cap = :cap WHERE project_id = :project_id AND name = :name"
SET_CAPS = (
    "UPDATE lanes SET cap = :cap WHERE project_id = :project_id AND name >= :first AND name < :beyond AND cap <> :cap"
)
FIND = "SELECT id FROM lanes WHERE project_id = :project_id AND name = :name"
RATE = "SELECT next_at FROM rates WHERE project_id = :project_id AND name = :name {lock}"
ADD_RATE = (
    "INSERT INTO rates (project_id, name, next_at) VALUES (:project_id, :name, 0) "
    "ON CONFLICT (project_id, name) DO NOTHING"
)
# Written though nothing changes: so whoever comes second waits for the first to commit.
QUEUE_UP = Insert(
    "rates",
    {"project_id": "bigint", "name": "text", "next_at": "bigint"},
    "ON CONFLICT (project_id, name) DO UPDATE SET next_at = rates.next_at",
)
SET_RATE = "UPDATE rates SET next_at = :next_at WHERE project_id = :project_id AND name = :name"
COUNT_SINCE = """
    SELECT COUNT(*) FROM (
        SELECT 1 FROM runs WHERE job_id = :job_id AND id >= :since AND finished_at IS NULL
        UNION ALL
        SELECT 1 FROM runs WHERE job_id = :job_id AND id >= :since AND finished_at IS NOT NULL AND state {among ended}
        LIMIT :n
    ) AS recent"""


def upsert(tx: Tx, project_id: int, name: str, cap: int) -> int:
    """The lane's id, with this cap from now on."""
    row = tx.row(UPSERT, project_id=project_id, name=name, cap=cap)
    assert row is not None
    return int(row[0])


def queue_up(tx: Tx, rates: Iterable[tuple[int, str]]) -> None:
    """Have whoever names one of these (project, name) wait until this transaction is over."""
    tx.insert(QUEUE_UP, [(*rate, 0) for rate in sorted(set(rates))])


def lock(tx: Tx, ids: Sequence[int]) -> dict[int, list[int]]:
    """[cap, used] of the lanes, locked in id order."""
    return {row[0]: [row[1], row[2]] for row in tx.rows(LOCK, ids=sorted(set(ids)))}


def shift(tx: Tx, lane: int, by: int) -> None:
    """Count so many more (or fewer) runs that the lane lets through."""
    tx.run(SHIFT, id=lane, by=by)


def count(tx: Tx, rows: Sequence[tuple[int, int]]) -> None:
    """Write how many runs lanes that are locked let through: (how many, lane)."""
    tx.update(COUNT, rows)


def first_held(tx: Tx, lanes: Iterable[int]) -> dict[int, tuple[int, str]]:
    """Rank and id of the first run that each of the lanes holds back, locked."""
    rows = tx.rows(FIRST_HELD, lanes=sorted(set(lanes)))
    return {lane: (int(rank), run_id) for lane, text in rows if text for rank, _, run_id in [text.partition(":")]}


def held(tx: Tx, lane: int, n: int) -> list[Run]:
    """The first runs the lane holds back, in claim order, locked."""
    return [runs.from_row(row) for row in tx.wide_rows(HELD, lane=lane, n=n)]


def worst(tx: Tx, lane: int, rank: int, n: int, *, by_key: bool, moving: Iterable[str]) -> list[Run]:
    """The last claimable runs of the lane that stand behind this rank and are none of those, last first, locked."""
    sql = WORST_OF_KEY if by_key else WORST_OF_JOB
    return [runs.from_row(row) for row in tx.wide_rows(sql, lane=lane, rank=rank, n=n, moving=sorted(moving))]


def with_room(tx: Tx, n: int) -> list[int]:
    """Lanes that could let somebody through and hold somebody back."""
    return [row[0] for row in tx.rows(WITH_ROOM, n=n)]
