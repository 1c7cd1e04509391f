"""SQL of claimers: who asked for work lately."""

from __future__ import annotations

import msgspec

from runyard.storage.port import Insert, Tx

SEEN = Insert(
    "claimers",
    {
        "project_id": "bigint",
        "executor": "text",
        "worker": "text",
        "queues": "text",
        "jobs": "text",
        "capabilities": "text",
        "seen_at": "bigint",
    },
    "ON CONFLICT (project_id, executor, worker, queues, jobs, capabilities) DO UPDATE SET seen_at = excluded.seen_at",
)
RECENT = (
    "SELECT executor, worker, queues, jobs, capabilities, seen_at FROM claimers "
    "WHERE project_id = :project_id AND executor = :executor AND seen_at >= :since ORDER BY seen_at DESC LIMIT :n"
)
FORGET = "DELETE FROM claimers WHERE project_id = :project_id AND executor = :executor AND seen_at < :before"


class Claimer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who asks for work; None is any queue, any job."""

    executor: str
    worker: str
    queues: tuple[str, ...] | None
    jobs: tuple[str, ...] | None
    capabilities: frozenset[str]
    seen_at: int


def seen(tx: Tx, project_id: int, claimer: Claimer) -> None:
    """Note who asks now."""
    row = (
        project_id,
        claimer.executor,
        claimer.worker,
        _text(claimer.queues),
        _text(claimer.jobs),
        _text(claimer.capabilities),
        claimer.seen_at,
    )
    tx.insert(SEEN, [row])


def forget(tx: Tx, project_id: int, executor: str, *, before: int) -> None:
    """Drop those not seen since."""
    tx.run(FORGET, project_id=project_id, executor=executor, before=before)


def recent(tx: Tx, project_id: int, executor: str, *, since: int, n: int) -> list[Claimer]:
    """Who was seen since, the last one first."""
    return [
        Claimer(
            executor=row[0],
            worker=row[1],
            queues=_words(row[2]),
            jobs=_words(row[3]),
            capabilities=frozenset(_words(row[4]) or ()),
            seen_at=row[5],
        )
        for row in tx.rows(RECENT, project_id=project_id, executor=executor, since=since, n=n)
    ]


def _text(words: tuple[str, ...] | frozenset[str] | None) -> str:
    return "" if words is None else msgspec.json.encode(sorted(words)).decode()


def _words(text: str) -> tuple[str, ...] | None:
    return None if text == "" else tuple(msgspec.json.decode(text, type=list[str]))
