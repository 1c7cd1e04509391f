"""SQL of lists of runs: index ranges in descending order of ids, merged, and what is left to be checked by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from runyard.storage.port import Tx, Value

# kind: (column that holds the run's id, the range it is taken from, its order; `#` numbers the parameters of a range)
# The order says NULLS LAST, which changes nothing, since ids are never null, but that PostgreSQL then takes only the
# indexes made for lists: with a plain order it may walk the primary key and filter where it believes the state or job
# to be common, past a million newer runs of another. All runs of a project are asked for in the plain order, so that
# their index is taken for nothing else.
_NEWEST = "id DESC NULLS LAST"
KINDS = {
    "project": ("id", "runs WHERE project_id = :project_id", "id DESC"),
    "state": ("id", "runs WHERE project_id = :project_id AND state = :a#", _NEWEST),
    "dead": ("id", "runs WHERE project_id = :project_id AND state = 'dead_letter' AND resolved_at IS NULL", _NEWEST),
    "job_live": ("id", "runs WHERE job_id = :a# AND finished_at IS NULL", _NEWEST),
    "job_ended": ("id", "runs WHERE job_id = :a# AND state = :b# AND finished_at IS NOT NULL", _NEWEST),
    "error": ("id", "runs WHERE project_id = :project_id AND error_class = :a#", _NEWEST),
    "trigger": ("id", "runs WHERE project_id = :project_id AND trigger = :a# AND trigger <> 'manual'", _NEWEST),
    "managed": ("id", "runs WHERE project_id = :project_id AND executor = 'managed'", _NEWEST),
    "parent": ("id", "runs WHERE parent_id = :a#", _NEWEST),
    "task": ("id", "runs WHERE task_id = :a#", _NEWEST),
    "batch": ("id", "runs WHERE batch_id = :a#", _NEWEST),
    "tag": ("run_id", "run_tags WHERE project_id = :project_id AND tag = :a# AND value = :b#", "run_id DESC"),
    "tag_any": ("run_id", "run_tags WHERE project_id = :project_id AND tag = :a#", "run_id DESC NULLS LAST"),
}

CHECKS = {
    "project": "project_id = :project_id",
    "states": "state {among states}",
    "queue": "queue = :queue",
    "job": "job_id = :job_id",
    "parent": "parent_id = :parent_id",
    "task": "task_id = :task_id",
    "batch": "batch_id = :batch_id",
    "error_classes": "error_class {among error_classes}",
    "but_error_classes": "error_class IS NOT NULL AND NOT error_class {among but_error_classes}",
    "trigger": "trigger = :trigger",
    "executor": "executor = :executor",
    "but_executor": "executor <> :but_executor",
    "resolved": "resolved_at IS NOT NULL",
    "unresolved": "resolved_at IS NULL",
    "created_after": "created_at >= :created_after",
    "created_before": "created_at < :created_before",
}
TAGGED = "SELECT run_id FROM run_tags WHERE project_id = :project_id AND tag = :tag AND run_id {among ids}"
TAGGED_AS = f"{TAGGED} AND value = :value"

DOCUMENTS = "SELECT id, payload, metadata FROM runs WHERE id {among ids}"
NOTES = "SELECT id, metadata FROM runs WHERE id {among ids} AND metadata IS NOT NULL"
LINKS = ("parent_id", "continuation_of", "replay_of", "retry_of")
_LINKED_BY = "SELECT * FROM (SELECT id FROM runs WHERE # {among ids} AND # IS NOT NULL ORDER BY id LIMIT :n) AS by_#"
LINKED = " UNION ALL ".join(_LINKED_BY.replace("#", link) for link in LINKS)


class Range(msgspec.Struct, frozen=True):
    """A part of one index that holds runs in the order of their ids."""

    kind: str
    a: str = ""
    b: str = ""


def _branch(kind: str, number: int) -> str:
    column, source, order = KINDS[kind]
    return (
        f"SELECT * FROM (SELECT {column} AS id FROM {source.replace('#', str(number))} "
        f"AND {column} < :before AND {column} >= :floor ORDER BY {order} LIMIT :n) AS r{number}"
    )


@lru_cache(maxsize=512)
def _merged_text(kinds: tuple[str, ...]) -> str:
    branches = [_branch(kind, number) for number, kind in enumerate(kinds)]
    if len(branches) == 1:
        return branches[0]
    return f"SELECT id FROM ({' UNION ALL '.join(branches)}) AS ranges ORDER BY id DESC LIMIT :n"


def merged(tx: Tx, project_id: int, ranges: Sequence[Range], *, before: str, floor: str, n: int) -> list[str]:
    """The newest `n` ids of all the ranges together (they share none), below `before` and not below `floor`."""
    params: dict[str, Value] = {"project_id": project_id, "before": before, "floor": floor, "n": n}
    for number, one in enumerate(ranges):
        params |= {f"a{number}": one.a, f"b{number}": one.b}
    return [row[0] for row in tx.rows(_merged_text(tuple(one.kind for one in ranges)), **params)]


@lru_cache(maxsize=512)
def _checked_text(checks: tuple[str, ...]) -> str:
    return f"SELECT id FROM runs WHERE id {{among ids}} AND {' AND '.join(CHECKS[check] for check in checks)}"


def checked(tx: Tx, ids: Sequence[str], checks: Iterable[str], params: Mapping[str, Value]) -> set[str]:
    """Which of the runs pass all the checks."""
    return {row[0] for row in tx.rows(_checked_text(tuple(checks)), **dict(params) | {"ids": list(ids)})}


def tagged(tx: Tx, project_id: int, ids: Sequence[str], tag: str, value: str | None) -> set[str]:
    """Which of the runs have the tag, with the value or any."""
    # Not as a join: on tables it has not looked at yet PostgreSQL may read all runs with the tag for each of these.
    text = TAGGED if value is None else TAGGED_AS
    return {row[0] for row in tx.rows(text, project_id=project_id, ids=list(ids), tag=tag, value=value)}


def documents(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """Payload and metadata of the runs."""
    return {row[0]: (row[1], row[2]) for row in tx.rows(DOCUMENTS, ids=list(ids))}


def notes(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    """The metadata of those of the runs that have any."""
    return dict(tx.rows(NOTES, ids=list(ids)))


def linked(tx: Tx, ids: Sequence[str], n: int) -> list[str]:
    """Runs that hang on one of these by any link, at most `n` by each link."""
    return sorted({row[0] for row in tx.rows(LINKED, ids=list(ids), n=n)})
