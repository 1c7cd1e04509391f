"""What sessions of agents do with runs of tasks."""

from __future__ import annotations

from runyard.dialects.native.mapping.task_runs import task_run_out
from runyard.dialects.native.mapping.tasks import task_out
from runyard.dialects.native.mapping.values import lenient_id, maybe_span
from runyard.dialects.native.wire import task_claims as wire
from runyard.dialects.native.wire.task_runs import TaskRun
from runyard.domain.actors import Origin
from runyard.domain.errors import Conflict, DomainError, NotFound
from runyard.domain.sessions import SessionState
from runyard.engine.sessions import Claimed, IdentityStale
from runyard.engine.tasks import leases
from runyard.engine.tasks.claims import Ask, Handed
from runyard.engine.tasks.views import RunSeen, Seen

CLAIM, RELEASE = Origin("http", "tasks.claim"), Origin("http", "tasks.release")


def who_in(data: wire.SessionIn) -> Claimed:
    """The session that acts; its agent need not be said."""
    return Claimed(session_id=lenient_id(data.session_id), agent=None)


def ask_in(project_id: int, data: wire.TaskClaimIn) -> Ask:
    """A request for work."""
    return Ask(
        project_id=project_id,
        who=who_in(data),
        workspace_id=None if data.workspace_id is None else lenient_id(data.workspace_id),
        capabilities=frozenset(data.capabilities),
        least_priority=data.least_priority,
        lease=maybe_span(data.lease_seconds),
        origin=CLAIM,
    )


def given_back(handed: Handed) -> leases.Release:
    """The report that returns what was handed to a client who left."""
    return leases.Release(
        project_id=handed.run.project_id,
        who=Claimed(session_id=handed.session.id, agent=None),
        run_id=handed.run.id,
        origin=RELEASE,
        reason="the client hung up",
    )


def claim_out(handed: Handed | None) -> wire.TaskClaimOut:
    """What was handed out."""
    if handed is None:
        return wire.TaskClaimOut(claim=None)
    # A run of a task that is held up, itself or by one above it, is not handed out.
    task = task_out(Seen(task=handed.task, sequence=handed.sequence, paused_by=None))
    run = task_run_out(RunSeen(run=handed.run, row=handed.row, task=handed.task))
    return wire.TaskClaimOut(claim=wire.TaskClaim(task=task, run=run, seq=handed.sequence))


def answer_out(outcome: leases.Outcome) -> TaskRun:
    """The run as it stands. Raises what the call is refused with."""
    if isinstance(outcome, DomainError):
        raise refused(outcome)
    return task_run_out(outcome)


def refused(error: DomainError) -> DomainError:
    """The refusal as others here are: a session that is not there is not found, one that has stopped is in the way."""
    if not isinstance(error, IdentityStale):
        return error
    state = error.extra.get("state")
    return NotFound(error.detail) if not isinstance(state, SessionState) else Conflict(error.detail, state=state.value)
