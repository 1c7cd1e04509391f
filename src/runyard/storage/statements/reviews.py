"""SQL of reviews of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.reviews import Review, ReviewOutcome, ReviewPolicy, ReviewStatus
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = Review.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {
    "project_id",
    "class_id",
    "round",
    "attempt",
    "deadline_at",
    "requested_at",
    "routed_at",
    "started_at",
    "reviewed_at",
    "created_at",
    "updated_at",
}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS} | {"confidence": "double precision"}
_FIXED = {"id", "project_id", "task_id", "run_id", "worker_id", "policy", "round", "attempt", "parent_id"}
_FIXED |= {"deadline_at", "requested_at", "created_at"}
_MOVING = tuple(name for name in FIELDS if name not in _FIXED)

ADD = Insert("reviews", _TYPES)
SAVE = Update("reviews", {name: _TYPES[name] for name in _MOVING}, {"id": "text"})
GET = f"SELECT {COLUMNS} FROM reviews WHERE id {{among ids}}"
LOCK = f"{GET} ORDER BY id {{lock}}"
OF_RUN = f"SELECT {COLUMNS} FROM reviews WHERE run_id = :run_id ORDER BY updated_at DESC, id DESC LIMIT :n"
OF_TASK = f"SELECT {COLUMNS} FROM reviews WHERE task_id = :task_id ORDER BY updated_at DESC, id DESC LIMIT :n"
BOUND = f"SELECT {COLUMNS} FROM reviews WHERE session_id = :session_id AND status = 'in_review'"
# The oldest of each class, found by the index `reviews_ready`.
OLDEST = (
    "SELECT c.value, (SELECT r.id FROM reviews r WHERE r.class_id = CAST(c.value AS bigint) "
    "AND r.status = 'requested' AND (r.worker_id IS NULL OR r.worker_id <> :session_id) "
    "AND NOT (r.id {among passed}) ORDER BY r.id LIMIT 1) FROM {each classes} AS c"
)
# A session that asks waits for nobody: what others are at is passed over.
FREE_TASK = (
    "SELECT t.id FROM tasks t WHERE t.id = (SELECT r.task_id FROM reviews r WHERE r.id = :review_id) {skip_locked}"
)
OVERDUE = "SELECT id, task_id FROM reviews WHERE deadline_at <= :now AND outcome IS NULL ORDER BY deadline_at LIMIT :n"
NEXT_DEADLINE = (
    "SELECT deadline_at FROM reviews WHERE deadline_at IS NOT NULL AND outcome IS NULL ORDER BY deadline_at LIMIT 1"
)
FREE = (
    "UPDATE reviews SET status = 'requested', session_id = NULL, agent = NULL, peer_id = NULL, channel_id = NULL, "
    "routed_at = NULL, started_at = NULL, updated_at = :now "
    "WHERE session_id {among ids} AND status = 'in_review' RETURNING project_id"
)
RECLASS = "UPDATE reviews SET class_id = :class_id WHERE task_id = :task_id AND status = 'requested'"
_PAGE = f"SELECT {COLUMNS} FROM reviews WHERE {{where}} AND id < :before ORDER BY id DESC LIMIT :n"
_STATUSES = tuple(status.value for status in ReviewStatus)


def from_row(row: Row) -> Review:
    """A row in the order of `FIELDS` as a record."""
    fields: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    fields["policy"] = ReviewPolicy(fields["policy"])
    fields["status"] = ReviewStatus(fields["status"])
    fields["outcome"] = ReviewOutcome(fields["outcome"]) if fields["outcome"] is not None else None
    return Review(**fields)


def add(tx: Tx, review: Review) -> None:
    """Add a review."""
    tx.insert(ADD, [msgspec.structs.astuple(review)])


def save(tx: Tx, reviews: Sequence[Review]) -> None:
    """Write how reviews stand."""
    tx.update(SAVE, [(*(getattr(one, name) for name in _MOVING), one.id) for one in reviews])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Review]:
    """The reviews by id; unknown ids are absent."""
    return {one.id: one for one in map(from_row, tx.rows(GET, ids=list(ids)))} if ids else {}


def lock(tx: Tx, ids: Sequence[str]) -> dict[str, Review]:
    """The reviews by id, locked in id order; unknown ids are absent."""
    return {one.id: one for one in map(from_row, tx.rows(LOCK, ids=sorted(set(ids))))} if ids else {}


def of_run(tx: Tx, run_id: str, n: int) -> list[Review]:
    """The run's last `n` reviews, the newest changed first; by the index of (run, round, attempt)."""
    return [from_row(row) for row in tx.rows(OF_RUN, run_id=run_id, n=n)]


def of_task(tx: Tx, task_id: str, n: int) -> list[Review]:
    """The last `n` reviews of the task's runs, the newest changed first; by the index `reviews_task`."""
    return [from_row(row) for row in tx.rows(OF_TASK, task_id=task_id, n=n)]


def bound_to(tx: Tx, session_id: str) -> Review | None:
    """What the session judges now."""
    row = tx.row(BOUND, session_id=session_id)
    return from_row(row) if row is not None else None


def oldest(tx: Tx, class_ids: Sequence[int], session_id: str, passed: Sequence[str]) -> dict[int, str]:
    """The review of each class that waits longest, but for the session's own work and those to be passed over."""
    if not class_ids:
        return {}
    classes = [str(one) for one in class_ids]
    rows = tx.rows(OLDEST, classes=classes, session_id=session_id, passed=list(passed))
    return {int(row[0]): row[1] for row in rows if row[1] is not None}


def free_task(tx: Tx, review_id: str) -> str | None:
    """The task whose run is reviewed, locked; None when somebody else has it locked."""
    row = tx.row(FREE_TASK, review_id=review_id)
    return row[0] if row is not None else None


def overdue(tx: Tx, n: int) -> list[tuple[str, str]]:
    """(review, task) of the first `n` reviews whose deadline has passed; by the index `reviews_deadline`."""
    return [(row[0], row[1]) for row in tx.rows(OVERDUE, now=tx.now, n=n)]


def next_deadline(tx: Tx) -> int | None:
    """The earliest deadline of all open reviews."""
    row = tx.row(NEXT_DEADLINE)
    return row[0] if row is not None else None


def free(tx: Tx, session_ids: Sequence[str]) -> set[int]:
    """Let others have what these sessions were to judge; the projects in which there was such a review."""
    return {row[0] for row in tx.rows(FREE, ids=list(session_ids), now=tx.now)} if session_ids else set()


def reclass(tx: Tx, task_id: str, class_id: int) -> int:
    """Put the task's reviews that nobody judges yet into the class; how many there are."""
    return tx.run(RECLASS, task_id=task_id, class_id=class_id)


def page(
    tx: Tx,
    project_id: int,
    *,
    status: ReviewStatus | None,
    task_id: str | None,
    run_id: str | None,
    session_id: str | None,
    before: str,
    n: int,
) -> list[Review]:
    """Reviews of the project below an id, newest first.

    By the index of run, task or session where one is named, else by `reviews_project`.
    """
    named = {"run_id": run_id, "task_id": task_id, "session_id": session_id}
    params: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    text = page_text(status, *params)
    return [from_row(row) for row in tx.rows(text, project_id=project_id, before=before, n=n, **params)]


def page_text(status: ReviewStatus | None, *named: str) -> str:
    """The query of `page`."""
    if named or status is not None:
        where = " AND ".join(["project_id = :project_id", *(f"{name} = :{name}" for name in named)])
        return _PAGE.replace("{where}", where + (f" AND status = '{status.value}'" if status is not None else ""))
    # Each status by itself stands in the index in order.
    parts = (_PAGE.replace("{where}", f"project_id = :project_id AND status = '{one}'") for one in _STATUSES)
    union = " UNION ALL ".join(f"SELECT * FROM ({part}) AS {one}" for part, one in zip(parts, _STATUSES, strict=True))
    return f"SELECT * FROM ({union}) AS reviews ORDER BY id DESC LIMIT :n"
