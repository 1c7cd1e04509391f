"""SQL of lists of coding tasks, newest first, by any of their filters, and of how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from runyard.domain.coding import CodingTask
from runyard.storage.port import Row, Tx, Value
from runyard.storage.statements.coding_tasks import FIELDS, from_row

CONDITIONS = {
    "states": "c.latest_state {among states}",  # index coding_tasks_state
    "product": "c.product = :product",  # index coding_tasks_product
    "repository": "c.repository = :repository",  # index coding_tasks_repository
    "owner": "c.repository > :owner_low AND c.repository < :owner_high",  # the same
    # What a name ends with is in no index: it is looked for in the repositories that the same index lists.
    "name": r"c.repository > '' AND c.repository LIKE :name ESCAPE '\'",
    "creator_number": "c.creator_number = :creator_number",  # index coding_tasks_creator
    # By coding_runs_stage, once for the whole list.
    "stage": (
        "c.task_id IN (SELECT r.task_id FROM coding_runs r WHERE r.project_id = :project_id AND r.stage = :stage)"
    ),
}
_COLUMNS = ", ".join(f"c.{name}" for name in FIELDS)
# Where no other index fits better, by coding_tasks_newest.
_ALL = "c.project_id = :project_id AND c.deleted_at IS NULL"
_BEFORE = "(c.created_at, c.task_id) < (:at, :id)"
_ORDER = "ORDER BY c.created_at DESC, c.task_id DESC LIMIT :n"
RANGES = ("repository", "creator_number", "product")
"""Conditions that a range of an index meets in its order, the most selective first; one state is a range too."""
ONE_STATE = "c.latest_state = :one_state"
# By coding_runs_stage, for one task at a time.
STAGE_OF = (
    "EXISTS (SELECT 1 FROM coding_runs r WHERE r.project_id = :project_id AND r.stage = :stage "
    "AND r.task_id = c.task_id)"
)
TEXTS = "SELECT id, title, SUBSTR(description, 1, CAST(:longest AS INTEGER)) FROM tasks WHERE id {among ids}"
CREATORS = "SELECT id, name FROM api_keys WHERE id {among ids}"


class Text(msgspec.Struct, frozen=True, gc=False):
    """Where a task stands in the list, and what it says. Built from rows by position."""

    created_at: int
    task_id: str
    title: str
    description: str | None


class Seen(NamedTuple):
    """A task that was looked at, and whether it meets all conditions."""

    at: int
    task_id: str
    matches: int


@lru_cache(maxsize=512)
def _walk(ranges: str, left: tuple[str, ...]) -> str:
    rest = " AND ".join(STAGE_OF if name == "stage" else CONDITIONS[name] for name in left) or "1 = 1"
    return (
        f"SELECT c.created_at, c.task_id, CASE WHEN {rest} THEN 1 ELSE 0 END FROM (SELECT {_COLUMNS} "
        f"FROM coding_tasks c WHERE {_ALL} {ranges} AND {_BEFORE} {_ORDER}) AS c "
        "ORDER BY c.created_at DESC, c.task_id DESC"
    )


def walk(tx: Tx, said: dict[str, Value], names: tuple[str, ...], *, at: int, id: str, n: int) -> list[Seen]:
    """The next `n` tasks of the range that fits the conditions best, behind a place in the list."""
    kind = next((name for name in RANGES if name in names), None)
    states = said.get("states")
    ranges, left = (f"AND {CONDITIONS[kind]}" if kind is not None else ""), tuple(x for x in names if x != kind)
    if kind is None and isinstance(states, list) and len(states) == 1:
        ranges, left = f"AND {ONE_STATE}", tuple(x for x in left if x != "states")
        said = {name: value for name, value in said.items() if name != "states"} | {"one_state": states[0]}
    return [Seen(*row) for row in tx.rows(_walk(ranges, left), **said, at=at, id=id, n=n)]


def texts_of(tx: Tx, ids: Sequence[str], *, longest: int) -> dict[str, tuple[str, str | None]]:
    """What these tasks say: the title, and the beginning of the description."""
    rows = tx.rows(TEXTS, ids=list(ids), longest=longest) if ids else []
    return {row[0]: (row[1], row[2]) for row in rows}


@lru_cache(maxsize=512)
def _where(names: tuple[str, ...]) -> str:
    return " AND ".join([_ALL, *(CONDITIONS[name] for name in names)])


def count(tx: Tx, said: dict[str, Value], names: tuple[str, ...]) -> int:
    """How many tasks meet the conditions of these names."""
    row = tx.row(f"SELECT COUNT(*) FROM coding_tasks c WHERE {_where(names)}", **said)
    return int(row[0]) if row is not None else 0


def numbered(tx: Tx, said: dict[str, Value], names: tuple[str, ...], *, skipped: int, n: int) -> list[CodingTask]:
    """The tasks that meet the conditions, newest first, from behind so many on."""
    sql = f"SELECT {_COLUMNS} FROM coding_tasks c WHERE {_where(names)} {_ORDER} OFFSET :skipped"
    return _tasks(tx.rows(sql, **said, skipped=skipped, n=n))


def texts(
    tx: Tx, said: dict[str, Value], names: tuple[str, ...], *, at: int, id: str, n: int, longest: int
) -> list[Text]:
    """What the tasks say that meet the conditions behind a place in the list, of descriptions the beginning."""
    sql = (
        "SELECT c.created_at, c.task_id, t.title, SUBSTR(t.description, 1, CAST(:longest AS INTEGER)) "
        f"FROM coding_tasks c JOIN tasks t ON t.id = c.task_id WHERE {_where(names)} AND {_BEFORE} {_ORDER}"
    )
    return [Text(*row) for row in tx.rows(sql, **said, at=at, id=id, n=n, longest=longest)]


def creators(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    """The names of these keys, by id; those that are gone are absent."""
    return {row[0]: row[1] for row in tx.rows(CREATORS, ids=list(ids))} if ids else {}


def _tasks(rows: Sequence[Row]) -> list[CodingTask]:
    return [from_row(row) for row in rows]
