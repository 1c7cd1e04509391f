"""Run classes: what a claim picks from, interned so that the ready index begins with one small number."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.policy import claim_rank
from runyard.storage.port import Tx
from runyard.storage.statements import classes as sql


def intern(tx: Tx, project_id: int, executor: str, queue: str, job: str, requires: tuple[str, ...]) -> int:
    """The id of the class, made when it is new."""
    fact = ("class", project_id, executor, queue, job, requires)
    found: int | None = tx.known.get(fact) or tx.learned.get(fact)
    if found is None:
        text = msgspec.json.encode(sorted(requires)).decode()
        found = tx.learned[fact] = sql.intern(tx, project_id, executor, queue, job, text)
    return found


def eligible(
    tx: Tx,
    project_id: int | None,
    executor: str,
    queues: Sequence[str] | None,
    jobs: Sequence[str] | None,
    capabilities: frozenset[str],
) -> list[int]:
    """The classes a caller may take from: its queues and jobs, and nothing required that it does not offer."""
    return [
        class_id
        for class_id, queue, job, requires in of_project(tx, project_id, executor)
        if (queues is None or queue in queues) and (jobs is None or job in jobs) and requires <= capabilities
    ]


def of_project(tx: Tx, project_id: int | None, executor: str) -> list[tuple[int, str, str, frozenset[str]]]:
    """(id, queue, job, what is required) of a project's classes, or of all, for one executor kind.

    The list is the same object as long as no class was added.
    """
    fact = ("classes", project_id, executor)
    newest = sql.version(tx)
    known: tuple[int, list[tuple[int, str, str, frozenset[str]]]] | None = tx.known.get(fact)
    if known is not None and known[0] == newest:
        return known[1]
    classes = [
        (class_id, queue, job, frozenset(msgspec.json.decode(requires, type=list[str])))
        for class_id, queue, job, requires in sql.claimable(tx, project_id, executor)
    ]
    tx.learned[fact] = (newest, classes)
    return classes


def rank_of(tx: Tx, priority: int, queued_at: int) -> int:
    """The place in the claim order under this server's ageing rule."""
    return claim_rank(priority, queued_at, ageing=tx.ageing)
