"""Claims and lease calls on the wire (contract §7, §8). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from runyard.dialects.agh.errors import Unprocessable
from runyard.dialects.agh.mapping.runs import lease_out, run_out
from runyard.dialects.agh.mapping.tasks import reference_out
from runyard.dialects.agh.mapping.values import PRIORITIES, read, trimmed
from runyard.dialects.agh.wire import claims as wire
from runyard.dialects.agh.wire import runs as runs_wire
from runyard.domain.actors import Origin
from runyard.domain.errors import DomainError, Invalid, NotFound
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import leases
from runyard.engine.tasks.claims import Ask, Handed
from runyard.engine.tasks.refusals import ForeignRun, LeaseOver, NoActiveLease
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.web.values import SECOND

VALUES = {"low": 10, "medium": 20, "high": 30, "urgent": 40}
"""What priorities count in `priority_min`."""
NEXT, RELEASE = Origin("http", "agent.task.next"), Origin("http", "agent.task.release")
REASONS: Mapping[type[DomainError], str] = {
    NoActiveLease: "AUTONOMY_NO_ACTIVE_LEASE",
    ForeignRun: "AUTONOMY_FOREIGN_RUN",
    LeaseOver: "AUTONOMY_LEASE_EXPIRED",
}
"""The word that the text of a refusal begins with."""


def ask_in(project_id: int, who: Claimed, said: wire.ClaimNextRequest | None) -> Ask:
    """A request for work."""
    if said is None:
        return Ask(project_id=project_id, who=who, origin=NEXT)
    return Ask(
        project_id=project_id,
        who=who,
        workspace_id=_workspace(trimmed(said.workspace_id)),
        capabilities=frozenset(one.strip() for one in said.required_capabilities or ()),
        least_priority=least_priority(said.priority_min or 0),
        lease=lease_in(said.lease_seconds),
        origin=NEXT,
    )


def least_priority(value: int) -> int:
    """The engine's priority for one of `priority_min`; a value between two words means the higher one."""
    if value <= VALUES["low"]:
        # Whatever has no word of its own at the lower end is shown as `low` too.
        return min(value, 0)
    return next((PRIORITIES[word] for word, worth in VALUES.items() if value <= worth), 99)


def lease_in(seconds: int | None) -> int | None:
    """How long a lease is to last; None and 0 are the usual time."""
    return seconds * SECOND if seconds else None


def _workspace(text: str | None) -> str | None:
    """The id behind the one on the wire; what cannot be one is no session's."""
    try:
        return None if text is None else read("ws", text)
    except NotFound:
        return text


def claim_out(handed: Handed) -> wire.ClaimAnswer:
    """A run handed out."""
    # A run of a task that is held up, itself or by one above it, is not handed out.
    task = reference_out(Seen(task=handed.task, sequence=handed.sequence, paused_by=None))
    run = run_out(RunSeen(run=handed.run, row=handed.row, task=handed.task))
    lease = runs_wire.Lease(
        run_id=run.id,
        task_id=run.task_id,
        status=run.status,
        session_id=run.session_id,
        claimed_by=run.claimed_by,
        claim_token_hash=run.claim_token_hash,
        lease_until=run.lease_until,
        heartbeat_at=run.heartbeat_at,
        coordination_channel_id=run.coordination_channel_id,
        coordination_channel=run.coordination_channel,
    )
    return wire.ClaimAnswer(
        claim=wire.Claim(task=task, run=run, lease=lease, coordination_channel=run.coordination_channel)
    )


def given_back(handed: Handed, who: Claimed) -> leases.Release:
    """The report that returns what was handed to a client who left."""
    project_id, run_id = handed.run.project_id, handed.run.id
    return leases.Release(project_id=project_id, who=who, run_id=run_id, origin=RELEASE, reason="the client hung up")


def answer_out(outcome: leases.Outcome) -> wire.LeaseAnswer:
    """How the lease stands. Raises what the call is refused with."""
    if isinstance(outcome, DomainError):
        raise refused(outcome)
    return wire.LeaseAnswer(lease=lease_out(outcome))


def refused(error: DomainError) -> DomainError:
    """The refusal with the reason word that clients look for; wrong values are unprocessable here."""
    if type(error) is Invalid:
        return Unprocessable(error.detail, **error.extra)
    word = REASONS.get(type(error))
    return type(error)(f"{word}: {error.detail}", **error.extra) if word is not None else error
