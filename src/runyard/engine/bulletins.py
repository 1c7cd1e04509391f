"""What messages to webhooks say, in words of no surface in particular. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from runyard.domain.agents import AgentRun, RunFacts
from runyard.domain.approvals import Approval
from runyard.domain.policy import SECOND
from runyard.domain.records import Run
from runyard.domain.repositories import Repository
from runyard.domain.webhooks import TEST, Event, Webhook

LONGEST = 2000
"""Characters of a text that comes from outside; the run itself has all of it. Messages are to be small."""
_json = msgspec.json.Encoder()
_facts = msgspec.json.Decoder(RunFacts).decode


class Background(msgspec.Struct, frozen=True, kw_only=True):
    """A run that something happened to, with what is known of it elsewhere."""

    run: Run
    row: AgentRun | None
    """For a run of an agent."""
    title: str | None
    """What its job is called by people."""
    repository: Repository | None


def written(event_id: str, event: Event, now: int, about: Background, approval: Approval | None) -> str:
    """The message that tells of the event."""
    data = _run(about) if about.row is None else _run(about) | _agent(about, about.row)
    if approval is not None:
        data["approval"] = _approval(approval)
    repository = about.repository
    named = None if repository is None else {"id": shown("repo", repository.id), "name": repository.full_name}
    return _message(event_id, event, now, data, named)


def tried_out(event_id: str, now: int, webhook: Webhook) -> str:
    """The message with which somebody tries a webhook out."""
    data = {"webhook_id": shown("hook", webhook.id), "message": "This webhook works."}
    return _message(event_id, TEST, now, data, None)


def shown(prefix: str, id: str) -> str:
    """An id as messages have it: what it is of, and 32 digits."""
    return f"{prefix}_{id.replace('-', '')}"


def _message(event_id: str, event: str, now: int, data: dict[str, Any], repository: dict[str, str] | None) -> str:
    at = _time(now)
    message = {
        "id": shown("evt", event_id),
        "type": str(event),
        "created": at,
        # The same, where receivers look that know the specification alone.
        "timestamp": at,
        "data": data,
        "repository": repository,
    }
    return _json.encode(message).decode()


def _run(about: Background) -> dict[str, Any]:
    run = about.run
    began = about.row.began_at if about.row is not None else run.started_at
    return {
        "run_id": shown("run", run.id),
        "run": run.id,
        "job_id": run.job_id,
        "job": run.job_name,
        "agent_id": None,
        "agent_name": None,
        "status": run.state.value,
        "attempt": run.attempt,
        "trigger": run.trigger,
        "pull_request": None,
        "commit": None,
        "issues_found": 0,
        "issues_by_severity": {"error": 0, "warning": 0, "info": 0},
        "error": _error(run),
        "duration_ms": None if began is None or run.finished_at is None else max(0, run.finished_at - began) // 1000,
        "created_at": _time(run.created_at),
        "started_at": _maybe_time(began),
        "finished_at": _maybe_time(run.finished_at),
    }


def _agent(about: Background, row: AgentRun) -> dict[str, Any]:
    facts = RunFacts() if row.facts is None else _facts(row.facts)
    return {
        "agent_id": shown("agent", row.job_id),
        "agent_name": about.title,
        "trigger": row.trigger,
        # With all their fields: what is told of one kind of event always has one shape.
        "pull_request": None if facts.pull_request is None else msgspec.structs.asdict(facts.pull_request),
        "commit": None if facts.commit is None else msgspec.structs.asdict(facts.commit),
        "issues_found": row.findings,
        "issues_by_severity": {"error": row.errors, "warning": row.warnings, "info": row.infos},
    }


def _approval(one: Approval) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "action": one.action,
        "description": one.description[:LONGEST],
        "risk": one.risk.value,
        "state": one.state.value,
        "comment": None if one.comment is None else one.comment[:LONGEST],
        "decided_by": one.decided_by,
        "requested_at": _time(one.requested_at),
        "decided_at": _maybe_time(one.decided_at),
        "expires_at": _maybe_time(one.expires_at),
    }


def _error(run: Run) -> dict[str, Any] | None:
    if run.error is None:
        return None
    message = str(msgspec.json.decode(run.error).get("message", ""))
    return {"class": run.error_class, "message": message[:LONGEST]}


def _time(micros: int) -> str:
    return datetime.fromtimestamp(micros / SECOND, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _maybe_time(micros: int | None) -> str | None:
    return None if micros is None else _time(micros)
