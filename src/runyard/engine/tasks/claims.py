"""Claims: the best queued run that a session may take, handed to it under a lease. No run is handed out twice."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.actors import Doer, Origin
from runyard.domain.errors import Conflict, DomainError, Forbidden, Invalid
from runyard.domain.moves import move
from runyard.domain.policy import SECOND
from runyard.domain.records import Move, Run, TaskMove
from runyard.domain.sessions import Session
from runyard.domain.tasks import Task, TaskRun
from runyard.engine import sessions
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import picking
from runyard.engine.tasks.picking import Wish
from runyard.engine.transitions import apply, apply_to_tasks
from runyard.storage.port import TaskLine, Tx, many
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import schedulers as schedulers_sql
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import task_runs as task_runs_sql

LEASE = 300 * SECOND
"""How long a lease lasts when nothing is said of it."""
LONGEST_LEASE = 24 * 3600 * SECOND
LONGEST_CAPABILITY = 128
"""Bytes."""
MOST_CAPABILITIES = 1000
ORIGIN = Origin("agent_session", "agent.task.next")


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for work, and for which."""

    project_id: int
    who: Claimed
    workspace_id: str | None = None
    """The workspace that is meant, where one is named."""
    capabilities: frozenset[str] = frozenset()
    """What is offered besides what the session says it can do."""
    least_priority: int = 0
    """0 is any; above 10 there is none."""
    lease: int | None = None
    origin: Origin = ORIGIN


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """A run handed out, with its task as it stands now. Nothing pauses that task: its run would not be handed out."""

    run: Run
    row: TaskRun
    task: Task
    session: Session
    line: TaskLine
    """What the task's timeline tells of it."""

    @property
    def sequence(self) -> int:
        """The number of the task's newest line, known once the claim is committed."""
        return self.line.seq


@many
def claim_next(tx: Tx, asks: Sequence[Ask]) -> list[Handed | DomainError | None]:
    """For each who asks the best run it may have, None where there is none, or why it is refused.

    Best is the highest priority, then the longest queued. Refused are those who are not who they say they are, who ask
    for what cannot be, for a workspace that is not theirs, and who have a run already.
    """
    answers: list[Handed | DomainError | None] = [None] * len(asks)
    ids = sorted({ask.who.session_id for ask in asks if ask.who.session_id and "\0" not in ask.who.session_id})
    # Locked before runs, as who ends a session does: no run is handed to one that ends meanwhile, nor two at once.
    known = sessions_sql.lock(tx, ids)
    busy = _unexpired(tx, task_runs_sql.held_by(tx, ids))
    paused = {one for one in {ask.project_id for ask in asks} if schedulers_sql.get(tx, one).paused_at is not None}
    first: dict[str, int] = {}
    wishes: dict[int, Wish] = {}
    for index, ask in enumerate(asks):
        try:
            session = _admitted(ask, known.get(ask.who.session_id), busy)
        except DomainError as error:
            answers[index] = error
            continue
        if first.setdefault(session.id, index) == index and ask.project_id not in paused:
            wishes[index] = Wish(session=session, offered=ask.capabilities, least_priority=ask.least_priority)
    for index, handed in _handed(tx, asks, wishes).items():
        answers[index] = handed
    for index, ask in enumerate(asks):
        if answers[index] is None:
            # Who asks twice at once is answered as if the second call had come a moment later.
            before = answers[first.get(ask.who.session_id, index)]
            if isinstance(before, Handed):
                answers[index] = _holding(before.row)
    return answers


def _handed(tx: Tx, asks: Sequence[Ask], wishes: dict[int, Wish]) -> dict[int, Handed]:
    """Hand out what there is, by whose wish it fulfils."""
    runs = picking.pick(tx, list(wishes.values()))
    picked = {index: run for index, run in zip(wishes, runs, strict=True) if run is not None}
    seals = tx.new_seals(len(picked))
    moves = [
        _claimed(run, asks[index], wishes[index].session, tx.now, seal)
        for (index, run), seal in zip(picked.items(), seals, strict=True)
    ]
    after, followed = apply_to_tasks(tx, moves)
    found = {}
    for run, index in zip(after, picked, strict=True):
        row = followed.rows[run.id]
        task = followed.tasks[row.task_id]
        line = followed.lines[run.id]
        found[index] = Handed(run=run, row=row, task=task, session=wishes[index].session, line=line)
    return found


def _unexpired(tx: Tx, held: dict[str, TaskRun]) -> dict[str, TaskRun]:
    """What sessions have; what they held too long is taken from them first, as time would soon do."""
    if not held:
        return held
    runs = runs_sql.get(tx, [row.run_id for row in held.values()])
    over = [run.id for run in runs.values() if run.lease_until is not None and run.lease_until <= tx.now]
    if not over:
        return held
    locked = runs_sql.lock(tx, over)
    late = [run for run in locked.values() if run.lease_until is not None and run.lease_until <= tx.now]
    apply(tx, [move(run, "reclaim", tx.now, lost=run.lost + 1) for run in late])
    return {session_id: row for session_id, row in held.items() if row.run_id not in over}


def _admitted(ask: Ask, found: Session | None, busy: dict[str, TaskRun]) -> Session:
    session = sessions.identify(ask.project_id, ask.who, found)
    _check(ask)
    if ask.workspace_id is not None and ask.workspace_id != session.workspace_id:
        raise Forbidden("a session claims work of its own workspace only")
    if session.id in busy:
        raise _holding(busy[session.id])
    return session


def _check(ask: Ask) -> None:
    """Raise `Invalid` for what nobody can ask for."""
    check_lease(ask.lease)
    if ask.least_priority < 0:
        raise Invalid("the least priority must be 0 or more")
    if len(ask.capabilities) > MOST_CAPABILITIES:
        raise Invalid(f"{len(ask.capabilities)} capabilities are offered; at most {MOST_CAPABILITIES} are taken")
    for one in ask.capabilities:
        if not one or "," in one or len(one.encode()) > LONGEST_CAPABILITY or any(map(str.isspace, one)):
            raise Invalid(
                f"a capability has 1 to {LONGEST_CAPABILITY} bytes without blanks and commas, unlike {one[:64]!r}"
            )


def check_lease(lease: int | None) -> None:
    """Raise `Invalid` for a lease that is too long, or none."""
    if lease is not None and not SECOND <= lease <= LONGEST_LEASE:
        most = LONGEST_LEASE // SECOND
        raise Invalid(f"a lease lasts 1 to {most} seconds, not {lease // SECOND}; 0 or none is the usual length")


def _holding(row: TaskRun) -> Conflict:
    return Conflict("the session has a run already; complete, fail or release it first", run_id=row.run_id)


def _claimed(run: Run, ask: Ask, session: Session, now: int, seal: str) -> Move:
    actor = sessions.actor_of(session)
    seat = {"session_id": session.id, "claimer_kind": actor.kind, "claimer_ref": actor.ref}
    return move(
        run,
        "claim",
        now,
        actor=str(actor),
        task=TaskMove(by=Doer(actor, ask.origin), changes=seat),
        epoch=run.epoch + 1,
        worker=session.agent,
        claimed_at=now,
        heartbeat_at=now,
        started_at=None,
        # Whoever holds the lease proves it by being the session; nobody is told the token.
        lease_hash=seal,
        lease_until=now + (ask.lease or LEASE),
    )
