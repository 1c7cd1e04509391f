"""Who judges: reviews are handed to sessions that ask for one.

Nobody here knows which sessions may come yet. So a review that no session may judge is not given up at once: it waits,
until its deadline if it has one. A session never judges what it did itself, even where the profile names its agent:
what is asked for is the judgement of somebody else, and other sessions of that agent are. It judges one run at a time;
asked again it is given the one it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from runyard.domain.actors import Doer, Origin
from runyard.domain.eligibility import Offer, queue_of
from runyard.domain.reviewers import Criteria, criteria, criteria_of
from runyard.domain.reviews import NAME, Review, ReviewStatus, check_bytes
from runyard.domain.sessions import Session
from runyard.domain.tasks import Task
from runyard.engine import classes, sessions
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import desk
from runyard.engine.tasks.queueing import profile_of
from runyard.engine.tasks.timeline import note
from runyard.storage.port import Tx
from runyard.storage.statements import reviews as sql
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import tasks as tasks_sql

EXECUTOR = "reviewer"
"""Of what kind the classes of reviews are; no run is of it."""
DEADLINES = "review deadlines"
CLOSE = 5_000_000
"""Deadlines nearer than this wake the loop that waits for them."""
TRIES = 20
"""After so many reviews that others were just about to take, a session is given none, and may ask again."""
ORIGIN = Origin("agent_session", "reviews.claim")


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for a review to judge."""

    project_id: int
    who: Claimed
    capabilities: frozenset[str] = frozenset()
    """What is offered besides what the session says it can do."""
    peer_id: str | None = None
    """As whom others know it."""
    origin: Origin = ORIGIN


def topic(project_id: int) -> str:
    """What wakes those who wait for reviews."""
    return f"reviews:{project_id}"


def wake(tx: Tx, project_ids: Iterable[int]) -> None:
    """Wake those who wait for reviews."""
    for project_id in project_ids:
        tx.wake(topic(project_id))


def class_of(tx: Tx, task: Task) -> int:
    """From which class reviews of the task's runs are handed out."""
    token = criteria_of(profile_of(task)).token
    return classes.intern(tx, task.project_id, EXECUTOR, queue_of(task.workspace_id), "", (token,))


def refit(tx: Tx, task: Task) -> None:
    """Hand out the task's reviews, which is locked, as its profile now says; those in hand stay where they are."""
    if sql.reclass(tx, task.id, class_of(tx, task)):
        wake(tx, [task.project_id])


def free(tx: Tx, session_ids: Sequence[str]) -> None:
    """Let others judge what these sessions were to judge, which stopped."""
    wake(tx, sql.free(tx, session_ids))


def claim(tx: Tx, ask: Ask) -> Review | None:
    """The review that suits the session best of those it may judge, and has waited longest of these; it is bound to it.

    The same again while it has one, and None where there is none. Raises what `sessions.identify` raises.
    """
    check_bytes("the peer's name", ask.peer_id, NAME)
    wanted = ask.who.session_id
    # Locked, so that it neither stops nor asks a second time meanwhile.
    known = sessions_sql.lock(tx, [wanted]) if wanted and "\0" not in wanted else {}
    session = sessions.identify(ask.project_id, ask.who, known.get(wanted))
    bound = sql.bound_to(tx, session.id)
    if bound is not None:
        return bound
    scores = _suitable(tx, ask, session)
    passed: list[str] = []
    while scores and len(passed) < TRIES:
        oldest = sql.oldest(tx, list(scores), session.id, passed)
        best = sorted(oldest.items(), key=lambda one: one[1])
        if not best:
            return None
        _, review_id = max(best, key=lambda one: scores[one[0]])
        taken = _bind(tx, review_id, ask, session)
        if taken is not None:
            return taken
        passed.append(review_id)
    return None


def _suitable(tx: Tx, ask: Ask, session: Session) -> dict[int, tuple[Any, ...]]:
    """The classes whose reviews the session may judge, and how well they suit it."""
    offer = Offer(
        session_id=session.id,
        agent=session.agent,
        workspace_id=session.workspace_id,
        channel=session.channel,
        capabilities=ask.capabilities | sessions.capabilities_of(session),
    )
    of_queue = _classes(tx, ask.project_id).get(queue_of(session.workspace_id), [])
    return {class_id: said.score(offer, ask.peer_id) for class_id, said in of_queue if said.met_by(offer, ask.peer_id)}


class _Known(msgspec.Struct, frozen=True):
    source: Any
    by_queue: dict[str, list[tuple[int, Criteria]]]


def _classes(tx: Tx, project_id: int) -> dict[str, list[tuple[int, Criteria]]]:
    """The classes of the project's reviews, by queue."""
    source = classes.of_project(tx, project_id, EXECUTOR)
    fact = ("review classes", project_id)
    known: _Known | None = tx.learned.get(fact) or tx.known.get(fact)
    if known is None or known.source is not source:
        known = _Known(source, {})
        for class_id, queue, _, requires in source:
            known.by_queue.setdefault(queue, []).append((class_id, criteria(requires)))
        tx.learned[fact] = known
    return known.by_queue


def _bind(tx: Tx, review_id: str, ask: Ask, session: Session) -> Review | None:
    """The review, bound to the session; None when somebody else is at it, or at its task, this very moment."""
    task_id = sql.free_task(tx, review_id)
    task = tasks_sql.lock(tx, [task_id]).get(task_id) if task_id is not None else None
    before = sql.lock(tx, [review_id]).get(review_id)
    if task is None or before is None or before.status is not ReviewStatus.REQUESTED:
        return None
    review = msgspec.structs.replace(
        before,
        status=ReviewStatus.IN_REVIEW,
        session_id=session.id,
        agent=session.agent,
        peer_id=ask.peer_id,
        channel_id=session.channel,
        routed_at=tx.now,
        started_at=tx.now,
        updated_at=tx.now,
    )
    sql.save(tx, [review])
    desk.write_one(tx, task, msgspec.structs.replace(task, active_at=tx.now))
    said = {
        "review_id": review.id,
        "run_id": review.run_id,
        "session_id": review.session_id,
        "reviewer_agent_name": review.agent,
        "reviewer_peer_id": review.peer_id,
        "reviewer_channel_id": review.channel_id,
    }
    by = Doer(sessions.actor_of(session), ask.origin)
    note(tx, task, "task.run_review_bound", by, said, run_id=review.run_id)
    return review
