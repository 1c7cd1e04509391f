"""Claims: the best queued run that a session may take, handed to it under a lease. No run is handed out twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.actors import Doer, Origin
from runyard.domain.eligibility import Conditions, Offer, conditions, queue_of
from runyard.domain.errors import Conflict, DomainError, Forbidden
from runyard.domain.moves import move
from runyard.domain.policy import SECOND, claim_rank
from runyard.domain.records import Move, Run, TaskMove
from runyard.domain.sessions import Session
from runyard.domain.tasks import Task, TaskRun
from runyard.engine import classes, sessions
from runyard.engine.proofs import token_hash
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import queueing
from runyard.engine.transitions import apply
from runyard.storage.port import Tx, many
from runyard.storage.sql import FOREVER
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import schedulers as schedulers_sql
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql

LEASE = 300 * SECOND
"""How long a lease lasts when nothing is said of it."""
LONGEST_LEASE = 24 * 3600 * SECOND
ORIGIN = Origin("agent_session", "agent.task.claim_next")


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for work, and for which."""

    project_id: int
    who: Claimed
    workspace_id: str | None = None
    """The workspace that is meant, where one is named."""
    capabilities: frozenset[str] = frozenset()
    """What is offered besides what the session says it can do."""
    least_priority: int = 0
    lease: int | None = None
    origin: Origin = ORIGIN


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """A run handed out, with its task as it stands now."""

    run: Run
    row: TaskRun
    task: Task
    session: Session


@many
def claim_next(tx: Tx, asks: Sequence[Ask]) -> list[Handed | DomainError | None]:
    """For each who asks the best run it may have, None where there is none, or why it is refused.

    Best is the highest priority, then the longest queued. Refused are those who are not who they say they are, who ask
    for a workspace that is not theirs, and who have a run already.
    """
    answers: list[Handed | DomainError | None] = [None] * len(asks)
    ids = sorted({ask.who.session_id for ask in asks if ask.who.session_id and "\0" not in ask.who.session_id})
    known = sessions_sql.get(tx, ids)
    held = task_runs_sql.held_by(tx, ids)
    busy = _unexpired(tx, held)
    paused = {one: schedulers_sql.get(tx, one).paused_at is not None for one in {ask.project_id for ask in asks}}
    groups: dict[tuple[tuple[int, ...], int], list[tuple[int, Session]]] = {}
    for index, ask in enumerate(asks):
        try:
            session = _admitted(ask, known.get(ask.who.session_id), busy)
        except DomainError as error:
            answers[index] = error
            continue
        busy.add(session.id)
        if not paused[ask.project_id]:
            key = (_eligible(tx, ask, session), _last_rank(tx, ask))
            groups.setdefault(key, []).append((index, session))
    moves: list[Move] = []
    takers: list[tuple[int, Session]] = []
    for (class_ids, rank), waiting in groups.items():
        found = runs_sql.ready(tx, class_ids, len(waiting), rank=rank) if class_ids else []
        for run, (index, session) in zip(found, waiting, strict=False):
            moves.append(_claimed(tx, run, asks[index], session))
            takers.append((index, session))
    if moves:
        after = apply(tx, moves)
        rows = task_runs_sql.get(tx, [run.id for run in after])
        tasks = tasks_sql.get(tx, [row.task_id for row in rows.values()])
        for run, (index, session) in zip(after, takers, strict=True):
            row = rows[run.id]
            answers[index] = Handed(run=run, row=row, task=tasks[row.task_id], session=session)
    return answers


def _unexpired(tx: Tx, held: dict[str, TaskRun]) -> set[str]:
    """The sessions that have a run; what others held too long is taken from them first, as time would soon do."""
    runs = runs_sql.get(tx, [row.run_id for row in held.values()])
    over = [run.id for run in runs.values() if run.lease_until is not None and run.lease_until <= tx.now]
    if over:
        locked = runs_sql.lock(tx, over)
        late = [run for run in locked.values() if run.lease_until is not None and run.lease_until <= tx.now]
        apply(tx, [move(run, "reclaim", tx.now, lost=run.lost + 1) for run in late])
        return set(held) - {session_id for session_id, row in held.items() if row.run_id in over}
    return set(held)


def _admitted(ask: Ask, found: Session | None, busy: set[str]) -> Session:
    session = sessions.identify(ask.project_id, ask.who, found)
    if ask.workspace_id is not None and ask.workspace_id != session.workspace_id:
        raise Forbidden("a session claims work of its own workspace only")
    if session.id in busy:
        raise Conflict("the session has a run already; complete, fail or release it first")
    return session


def _last_rank(tx: Tx, ask: Ask) -> int:
    if not ask.least_priority:
        return FOREVER
    return claim_rank(ask.least_priority, tx.now, ageing=tx.ageing)


class _Classes(msgspec.Struct, frozen=True):
    """The classes of a project's runs of tasks, by who may look at them."""

    source: Any
    anybody: dict[str, list[tuple[int, Conditions]]]
    """By queue."""
    owned: dict[str, list[tuple[int, str, Conditions]]]
    """Those for one session alone, by session, with their queue: sessions come and go, and leave theirs behind."""


def _eligible(tx: Tx, ask: Ask, session: Session) -> tuple[int, ...]:
    """The classes whose runs the session may have."""
    offer = Offer(
        session_id=session.id,
        agent=session.agent,
        workspace_id=session.workspace_id,
        channel=session.channel,
        capabilities=ask.capabilities | sessions.capabilities_of(session),
    )
    queue = queue_of(session.workspace_id)
    known = _known(tx, ask.project_id)
    mine = [(one, met) for one, where, met in known.owned.get(session.id, ()) if where == queue]
    return tuple(class_id for class_id, met in [*known.anybody.get(queue, ()), *mine] if met.met_by(offer))


def _known(tx: Tx, project_id: int) -> _Classes:
    source = classes.of_project(tx, project_id, queueing.EXECUTOR)
    fact = ("task classes", project_id)
    known: _Classes | None = tx.learned.get(fact) or tx.known.get(fact)
    if known is not None and known.source is source:
        return known
    known = _Classes(source, {}, {})
    for class_id, queue, _, requires in source:
        met = conditions(requires)
        if met.session_id is not None:
            known.owned.setdefault(met.session_id, []).append((class_id, queue, met))
        else:
            known.anybody.setdefault(queue, []).append((class_id, met))
    tx.learned[fact] = known
    return known


def _claimed(tx: Tx, run: Run, ask: Ask, session: Session) -> Move:
    by = Doer(sessions.actor_of(session), ask.origin)
    seat = {"session_id": session.id, "claimer_kind": by.actor.kind, "claimer_ref": by.actor.ref}
    return move(
        run,
        "claim",
        tx.now,
        actor=str(by.actor),
        epoch=run.epoch + 1,
        worker=session.agent,
        claimed_at=tx.now,
        heartbeat_at=tx.now,
        started_at=None,
        # Whoever holds the lease proves it by being the session; nobody is told the token.
        lease_hash=token_hash(tx.new_token()),
        lease_until=tx.now + (ask.lease or LEASE),
    ).for_task(TaskMove(by=by, changes=seat))
