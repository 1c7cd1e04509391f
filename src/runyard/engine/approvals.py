"""Approvals: a run asks people before it does something, and waits for their answer holding no slot.

A name is asked for once in a run: asked again it has the answer it had. A pending approval ends with its run's waiting,
however that ends: decided by somebody, rejected by time, or canceled because the run was canceled or restarted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from runyard.domain.approvals import UNDECIDED, Approval, ApprovalState, OnReject, Risk, Verdict, is_asked
from runyard.domain.errors import Conflict, DomainError, Invalid, LimitReached, NotFound
from runyard.domain.moves import move
from runyard.domain.records import Move, Run, Waiting
from runyard.domain.slices import Slice
from runyard.domain.states import RunState
from runyard.engine import cancellations, event_waits, news, runs, sizes
from runyard.engine.ledger import journal
from runyard.engine.proofs import Report, fence
from runyard.engine.transitions import apply, end_waits
from runyard.storage.port import Tx, many
from runyard.storage.sql import BEYOND
from runyard.storage.statements import approvals as sql
from runyard.storage.statements import runs as runs_sql

COMMENT = 10_000
MOST = 100
"""How many approvals one run may ask for."""
CHANGES = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}").fullmatch
_json = msgspec.json.Encoder()


class NewApproval(Report, frozen=True, kw_only=True):
    """The run wants to know whether it may do something."""

    name: str
    action: str
    description: str = ""
    risk: Risk = Risk.MEDIUM
    changes: tuple[str, ...] = ()
    timeout: int | None = None
    on_reject: OnReject = "continue"
    leaves: bool = False
    """Whether its executor stops here whatever the answer is: then the run is queued again even if it is known."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An approval, and its run as it stands."""

    approval: Approval
    run: Run


@many
def request(tx: Tx, requests: Sequence[NewApproval]) -> list[Asked | DomainError]:
    """Park runs until people have decided; one whose question was decided before is told so and goes on.

    Each request is answered for itself. Refused are bad questions (`Invalid`), more of them than a run may ask
    (`LimitReached`), and runs that nobody works on (`Conflict`).
    """
    outcomes: list[Any] = [None] * len(requests)
    locked = runs_sql.lock(tx, [asked.run_id for asked in requests])
    known = sql.named(tx, [asked.run_id for asked in requests], [asked.name for asked in requests])
    counts = sql.count(tx, sorted(locked))
    leaving: dict[int, tuple[Run, Approval]] = {}
    for index, asked in enumerate(requests):
        try:
            run = _may_ask(locked.get(asked.run_id), asked, tx.now)
            if any(run.id == other.id for other, _ in leaving.values()):
                raise Conflict("the run waits already", state=RunState.WAITING.value)
            found = known.get((run.id, asked.name))
            if found is None or found.state is ApprovalState.CANCELED:
                found = _opened(tx, run, asked, counts.get(run.id, 0))
        except DomainError as refused:
            outcomes[index] = refused
            continue
        if found.is_decided and not asked.leaves:
            outcomes[index] = Asked(approval=found, run=run)
        else:
            leaving[index] = (run, found)
    parked = _park(tx, [(run, found, requests[index].actor) for index, (run, found) in leaving.items()])
    for index, run in zip(leaving, parked, strict=True):
        outcomes[index] = Asked(approval=leaving[index][1], run=run)
    return outcomes


def ask(tx: Tx, asked: NewApproval) -> Asked:
    """`request` of one run. Raises what it is refused with."""
    (outcome,) = request(tx, [asked])
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome  # type: ignore[no-any-return]


def _may_ask(run: Run | None, asked: NewApproval, now: int) -> Run:
    _check(asked)
    error = fence(run, asked, now)
    if error is not None or run is None:
        raise error or NotFound()
    event_waits.check_at_work(run, asked.token)
    return run


def _check(asked: NewApproval) -> None:
    if _NAME(asked.name) is None:
        raise Invalid("an approval's name has 1 to 128 letters, digits, dots, colons, dashes or underscores")
    sizes.plain("the action", asked.action, longest=500, shortest=1)
    sizes.plain("the description", asked.description, longest=10_000)
    if len(asked.changes) > CHANGES:
        raise Invalid(f"{len(asked.changes)} changes are listed; {CHANGES} at most are right")
    for change in asked.changes:
        sizes.plain("a change", change, longest=2000)
    if asked.timeout is not None:
        event_waits.check_timeout(asked.timeout)


def _opened(tx: Tx, run: Run, asked: NewApproval, count: int) -> Approval:
    if count >= MOST:
        raise LimitReached(f"the run asked for {MOST} approvals, which is as many as one run may ask for")
    return Approval(
        id=tx.new_id(),
        project_id=run.project_id,
        run_id=run.id,
        name=asked.name,
        state=ApprovalState.PENDING,
        action=asked.action,
        description=asked.description,
        risk=asked.risk,
        changes=_json.encode(asked.changes).decode(),
        on_reject=asked.on_reject,
        comment=None,
        decided_by=None,
        requested_at=tx.now,
        decided_at=None,
        expires_at=None if asked.timeout is None else tx.now + asked.timeout,
    )


def _park(tx: Tx, leaving: Sequence[tuple[Run, Approval, str | None]]) -> list[Run]:
    """Let the runs wait for their answers, but for those that are known; the runs as they stand then."""
    begun = _begin(tx, [run for run, _, _ in leaving])
    fresh = [found for _, found, _ in leaving if not found.is_decided]
    if fresh:
        sql.add(tx, fresh)
    moves: list[Move] = []
    for run, found, actor in leaving:
        if not found.is_decided:
            told = {"approval_id": found.id, "name": found.name, "action": found.action, "risk": found.risk.value}
            journal(tx, run, "approval.requested", actor, told)
        waiting_for = Waiting(kind="decision", until=found.expires_at, key=found.name)
        said = {"waiting_for": "decision", "key": found.name}
        moves.append(move(begun[run.id], "park", tx.now, actor=actor, data=said, waiting_for=waiting_for))
    parked = apply(tx, moves)
    pending = {found.run_id: found for found in fresh}
    news.of_approvals(tx, [(run, pending[run.id]) for run in parked if run.id in pending])
    answered = {found.run_id for _, found, _ in leaving if found.is_decided}
    woken = {run.id: run for run in end_waits(tx, [run for run in parked if run.id in answered], "decided")}
    return [woken.get(run.id, run) for run in parked]


def _begin(tx: Tx, asking: Sequence[Run]) -> dict[str, Run]:
    """The runs, each at work: who asks has begun, even if that was not reported yet."""
    moves = [
        move(run, "start", tx.now, heartbeat_at=tx.now, started_at=run.claimed_at or tx.now)
        for run in asking
        if run.state is not RunState.RUNNING
    ]
    return {run.id: run for run in asking} | {run.id: run for run in apply(tx, moves)}


def get(tx: Tx, project_id: int, approval_id: str) -> Approval:
    """The approval. Raises `NotFound`."""
    found = sql.get(tx, approval_id)
    if found is None or found.project_id != project_id:
        raise NotFound(f"there is no approval {approval_id[:64]} in this project")
    return found


def of_run(
    tx: Tx, project_id: int, run_id: str, *, name: str | None = None, after: str = "", limit: int = MOST
) -> Slice[Approval, str]:
    """What the run asked for, oldest first, perhaps under one name only. Raises `NotFound` for the run."""
    runs.find(tx, project_id, run_id)
    # There are never more than `MOST`.
    rows = [one for one in sql.of_runs(tx, [run_id]) if one.id > after and (name is None or one.name == name)]
    return Slice(rows=rows[:limit], more=rows[limit - 1].id if len(rows) > limit else None)


def named(tx: Tx, project_id: int, run_id: str, name: str) -> Approval:
    """What the run asked for under the name. Raises `NotFound`."""
    found = of_run(tx, project_id, run_id, name=name).rows
    if not found:
        raise NotFound(f"the run asked for no approval named {name[:128]!r}")
    return found[0]


def page(
    tx: Tx, project_id: int, *, state: ApprovalState | None = None, before: str | None = None, limit: int = 50
) -> list[Approval]:
    """The project's approvals, newest first, from below the given id on."""
    states = [state] if state is not None else list(ApprovalState)
    return sql.page(tx, project_id, states, before=before or BEYOND, n=limit)


def pending_of(tx: Tx, run: Run) -> Approval | None:
    """What the run stands still for, if it does."""
    found = sql.pending(tx, [run.id]) if is_asked(run) else []
    return found[0] if found else None


def decide(tx: Tx, project_id: int, approval_id: str, verdict: Verdict) -> Asked:
    """Approve or reject; the run goes on and learns of it, or is canceled where a refusal does that.

    Raises `NotFound`, `Invalid` for too long a comment, or `Conflict` when nobody waits for it any more.
    """
    _check_comment(verdict)
    found = get(tx, project_id, approval_id)
    # Lock first, look second: of two that decide, cancel or let time pass, the second one sees what the first did.
    run = runs_sql.lock(tx, [found.run_id]).get(found.run_id)
    found = get(tx, project_id, approval_id)
    if run is None or found.state is not ApprovalState.PENDING:
        raise Conflict(f"nobody waits for this approval any more; it was {found.state}", state=found.state.value)
    return _decided(tx, run, found, verdict)


def decide_of_run(tx: Tx, project_id: int, run_id: str, verdict: Verdict) -> Run:
    """`decide` what the run waits for now. Raises `Conflict` for a run that waits for no decision."""
    _check_comment(verdict)
    run = runs.find(tx, project_id, run_id, lock=True)
    found = pending_of(tx, run)
    if found is None:
        raise Conflict(f"the run is {run.state} and waits for no decision", state=run.state.value)
    return _decided(tx, run, found, verdict).run


def _check_comment(verdict: Verdict) -> None:
    sizes.plain("the comment", verdict.comment, longest=COMMENT)


def _decided(tx: Tx, run: Run, found: Approval, verdict: Verdict) -> Asked:
    after = _told(tx, [(run, found)], verdict)
    _go_on(tx, [(run, after[0])], verdict.actor)
    return Asked(approval=after[0], run=runs_sql.get(tx, [run.id])[run.id])


def note(tx: Tx, run: Run, found: Approval, verdict: Verdict) -> Approval:
    """The approval as decided elsewhere; the run, which is locked, does not wait for it and goes on as it was."""
    return _told(tx, [(run, found)], verdict)[0]


def undecided(tx: Tx, overdue: Sequence[Run]) -> dict[str, tuple[Run, Approval]]:
    """Those of the runs that stand still for a decision, with what they asked, by run."""
    asked = {run.id: run for run in overdue if is_asked(run)}
    return {one.run_id: (asked[one.run_id], one) for one in sql.pending(tx, sorted(asked))}


def lapse(tx: Tx, asked: Iterable[tuple[Run, Approval]]) -> None:
    """Reject what nobody decided in time, of runs this transaction has locked."""
    late = list(asked)
    if late:
        after = _told(tx, late, Verdict(approved=False, comment=UNDECIDED))
        _go_on(tx, [(run, one) for (run, _), one in zip(late, after, strict=True)], None)


def _told(tx: Tx, asked: Sequence[tuple[Run, Approval]], verdict: Verdict) -> list[Approval]:
    """Note the verdict; the approvals as they are then."""
    state = ApprovalState.APPROVED if verdict.approved else ApprovalState.REJECTED
    sql.decide(tx, [found.id for _, found in asked], state, comment=verdict.comment, by=verdict.actor)
    after = []
    for run, found in asked:
        said = {"approval_id": found.id, "name": found.name, "comment": verdict.comment}
        journal(tx, run, f"approval.{state.value}", verdict.actor, said)
        after.append(
            msgspec.structs.replace(
                found, state=state, comment=verdict.comment, decided_by=verdict.actor, decided_at=tx.now
            )
        )
    news.of_approvals(tx, [(run, one) for (run, _), one in zip(asked, after, strict=True)])
    return after


def _go_on(tx: Tx, decided: Sequence[tuple[Run, Approval]], actor: str | None) -> None:
    """Let the runs go on, but for those that a refusal cancels."""
    # First, because a cancellation reaches what hangs below, where some of these may be.
    end_waits(tx, [run for run, one in decided if not _cancels(one)], "decided")
    refused: dict[tuple[int, str], list[str]] = {}
    for run, one in decided:
        if _cancels(one):
            reason = one.comment or f"{one.action} was rejected"
            refused.setdefault((run.project_id, reason), []).append(run.id)
    for (project_id, reason), ids in refused.items():
        cancellations.cancel_many(tx, project_id, ids, actor=actor, reason=reason)


def _cancels(one: Approval) -> bool:
    return one.state is ApprovalState.REJECTED and one.on_reject == "cancel"
