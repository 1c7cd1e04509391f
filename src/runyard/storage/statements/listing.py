"""SQL of lists of runs: index ranges in descending order of ids, merged, and what is left to be checked by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from runyard.storage.port import Tx, Value

# kind: (column that holds the run's id, the range it is taken from; `#` numbers the parameters of a range)
KINDS = {
    "project": ("id", "runs WHERE project_id = :project_id"),
    "state": ("id", "runs WHERE project_id = :project_id AND state = :a#"),
    "dead": ("id", "runs WHERE project_id = :project_id AND state = 'dead_letter' AND resolved_at IS NULL"),
    "job_live": ("id", "runs WHERE job_id = :a# AND finished_at IS NULL"),
    "job_ended": ("id", "runs WHERE job_id = :a# AND state = :b# AND finished_at IS NOT NULL"),
    "parent": ("id", "runs WHERE parent_id = :a#"),
    "task": ("id", "runs WHERE task_id = :a#"),
    "batch": ("id", "runs WHERE batch_id = :a#"),
    "tag": ("run_id", "run_tags WHERE project_id = :project_id AND tag = :a# AND value = :b#"),
    "tag_any": ("run_id", "run_tags WHERE project_id = :project_id AND tag = :a#"),
}

CHECKS = {
    "project": "project_id = :project_id",
    "states": "state {among states}",
    "queue": "queue = :queue",
    "job": "job_id = :job_id",
    "parent": "parent_id = :parent_id",
    "task": "task_id = :task_id",
    "batch": "batch_id = :batch_id",
    "error_class": "error_class = :error_class",
    "resolved": "resolved_at IS NOT NULL",
    "unresolved": "resolved_at IS NULL",
    "created_after": "created_at >= :created_after",
    "created_before": "created_at < :created_before",
    "tag": (
        "EXISTS (SELECT 1 FROM run_tags WHERE project_id = :project_id AND tag = :a# AND value = :b# "
        "AND run_id = runs.id)"
    ),
    "tag_any": "EXISTS (SELECT 1 FROM run_tags WHERE project_id = :project_id AND tag = :a# AND run_id = runs.id)",
}

DOCUMENTS = "SELECT id, payload, metadata FROM runs WHERE id {among ids}"
LINKS = ("parent_id", "continuation_of", "replay_of", "retry_of")
_LINKED_BY = "SELECT * FROM (SELECT id FROM runs WHERE # {among ids} AND # IS NOT NULL ORDER BY id LIMIT :n) AS by_#"
LINKED = " UNION ALL ".join(_LINKED_BY.replace("#", link) for link in LINKS)


class Range(msgspec.Struct, frozen=True):
    """A part of one index that holds runs in the order of their ids."""

    kind: str
    a: str = ""
    b: str = ""


@lru_cache(maxsize=512)
def _merged_text(kinds: tuple[str, ...]) -> str:
    branches = []
    for number, kind in enumerate(kinds):
        column, source = KINDS[kind]
        branches.append(
            f"SELECT * FROM (SELECT {column} AS id FROM {source.replace('#', str(number))} "
            f"AND {column} < :before AND {column} >= :floor ORDER BY {column} DESC LIMIT :n) AS r{number}"
        )
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
def _checked_text(checks: tuple[str, ...], tags: tuple[str, ...]) -> str:
    wanted = [CHECKS[check] for check in checks]
    wanted += [CHECKS[kind].replace("#", str(number)) for number, kind in enumerate(tags)]
    return f"SELECT id FROM runs WHERE id {{among ids}} AND {' AND '.join(wanted)}"


def checked(
    tx: Tx, ids: Sequence[str], checks: Iterable[str], tags: Sequence[Range], params: Mapping[str, Value]
) -> set[str]:
    """Which of the runs pass all the checks and have all the tags."""
    every = dict(params) | {"ids": list(ids)}
    for number, one in enumerate(tags):
        every |= {f"a{number}": one.a, f"b{number}": one.b}
    text = _checked_text(tuple(checks), tuple(one.kind for one in tags))
    return {row[0] for row in tx.rows(text, **every)}


def documents(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """Payload and metadata of the runs."""
    return {row[0]: (row[1], row[2]) for row in tx.rows(DOCUMENTS, ids=list(ids))}


def linked(tx: Tx, ids: Sequence[str], n: int) -> list[str]:
    """Runs that hang on one of these by any link, at most `n` by each link."""
    return sorted({row[0] for row in tx.rows(LINKED, ids=list(ids), n=n)})
