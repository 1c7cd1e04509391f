"""Runs of tasks on the wire (contract §5, §7, §23). Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from runyard.dialects.agh.mapping.values import instant, raw, shown, shown_if
from runyard.dialects.agh.wire import runs as wire
from runyard.domain.actors import Actor
from runyard.domain.canonical import decoded
from runyard.domain.tasks import ACTIVE
from runyard.engine.tasks.views import RunSeen

KINDS = ["status", "request", "reply", "blocker", "handoff", "result", "review_request"]
"""What may be said in a channel of coordination."""
HIDDEN = "claim_token"
_json = msgspec.json.Encoder().encode


def run_out(seen: RunSeen) -> wire.Run:
    """A run."""
    # By itself and not from what all shapes share: every claim is answered with it.
    run, row = seen.run, seen.row
    run_id, task_id = shown("run", run.id), shown("task", row.task_id)
    return wire.Run(
        id=run_id,
        task_id=task_id,
        status=row.stage.value,
        attempt=row.attempt,
        queued_at=instant(row.queued_at),
        origin=wire.Identity(kind=row.origin_kind, ref=row.origin_ref),
        previous_run_id=shown_if("run", row.previous_run_id),
        claimed_by=claimer_out(row.claimer),
        session_id=shown_if("sess", row.session_id),
        network_channel=row.channel or "",
        coordination_channel_id=row.coordination or "",
        coordination_channel=channel_out(seen),
        idempotency_key=key_out(row.key, row.task_id),
        claim_token_hash=hash_out(run.lease_hash),
        lease_until=instant(run.lease_until),
        heartbeat_at=_heard_out(seen),
        claimed_at=instant(row.claimed_at),
        started_at=instant(row.started_at),
        ended_at=instant(row.ended_at),
        error=error_out(run.error),
        failure_kind=row.failure_kind or "",
        metadata=raw(_metadata(seen)),
        result=raw(without_secrets(run.output)),
    )


def key_out(key: str | None, task_id: str) -> str:
    """The idempotency key of a run; one that was made of ids here, with these as they are on the wire."""
    if key is None or not key.startswith("task.") or task_id not in key:
        return key or ""
    head, _, cause = key.partition(task_id)
    return head + shown("task", task_id) + (f".{shown('run', cause[1:])}" if cause else "")


def summary_out(seen: RunSeen, *, lease: bool = True) -> wire.RunSummary:
    """A run in short, without what its lease says where that is not to be seen."""
    said = _common(seen)
    if not lease:
        said |= {"claim_token_hash": "", "lease_until": "", "heartbeat_at": ""}
    return wire.RunSummary(**said, max_attempts=seen.task.max_attempts)


def lease_out(seen: RunSeen) -> wire.Lease:
    """Who has a run."""
    said = _common(seen)
    return wire.Lease(
        run_id=said["id"],
        **{name: said[name] for name in wire.Lease.__struct_fields__ if name != "run_id"},
    )


def _common(seen: RunSeen) -> dict[str, Any]:
    run, row = seen.run, seen.row
    return {
        "id": shown("run", run.id),
        "task_id": shown("task", row.task_id),
        "status": row.stage.value,
        "attempt": row.attempt,
        "queued_at": instant(row.queued_at),
        "previous_run_id": shown_if("run", row.previous_run_id),
        "claimed_by": claimer_out(row.claimer),
        "session_id": shown_if("sess", row.session_id),
        "coordination_channel_id": row.coordination or "",
        "coordination_channel": channel_out(seen),
        "claim_token_hash": hash_out(run.lease_hash),
        "lease_until": instant(run.lease_until),
        "heartbeat_at": _heard_out(seen),
        "claimed_at": instant(row.claimed_at),
        "started_at": instant(row.started_at),
        "ended_at": instant(row.ended_at),
        "error": error_out(run.error),
        "failure_kind": row.failure_kind or "",
    }


def _heard_out(seen: RunSeen) -> str:
    run = seen.run
    return instant(run.heartbeat_at) if run.lease_until is not None and seen.row.stage in ACTIVE else ""


def claimer_out(actor: Actor | None) -> wire.Identity | None:
    """Who has a run; a session by its id on the wire."""
    return None if actor is None else wire.Identity(kind=actor.kind, ref=ref_out(actor))


def ref_out(actor: Actor) -> str:
    """Somebody's name on the wire."""
    return shown("sess", actor.ref) if actor.kind == "agent_session" else actor.ref


def hash_out(lease_hash: str | None) -> str:
    """What proves a lease, on the wire."""
    return "" if lease_hash is None else f"sha256:{lease_hash}"


def channel_out(seen: RunSeen) -> wire.Channel | None:
    """Where those talk who work on the run."""
    row = seen.row
    if row.coordination is None:
        return None
    return channel_of(
        row.coordination,
        workspace_id=seen.task.workspace_id,
        task_id=row.task_id,
        run_id=row.run_id,
        metadata=seen.run.metadata,
    )


def channel_of(name: str, *, workspace_id: str | None, task_id: str, run_id: str, metadata: str | None) -> wire.Channel:
    """Where those talk who work on a run with that metadata."""
    return wire.Channel(
        id=name,
        channel=name,
        display_name=name,
        allowed_message_kinds=KINDS,
        workspace_id=shown_if("ws", workspace_id),
        task_id=shown("task", task_id),
        run_id=shown("run", run_id),
        workflow_id=_workflow(metadata),
    )


class _Metadata(msgspec.Struct):
    workflow_id: str = ""


def _workflow(metadata: str | None) -> str:
    if metadata is None or '"workflow_id"' not in metadata:
        return ""
    try:
        return msgspec.json.decode(metadata, type=_Metadata).workflow_id
    except msgspec.MsgspecError:
        return ""


def _metadata(seen: RunSeen) -> str | None:
    """What was said of a run; of one that a review asked for the engine says it, with ids."""
    said = without_secrets(seen.run.metadata)
    if said is None or seen.row.review_id is None:
        return said
    prefixes = {"review_id": "review", "parent_run_id": "run"}
    found = {name: shown(prefixes[name], one) if name in prefixes else one for name, one in decoded(said).items()}
    return _json(found).decode()


class _Error(msgspec.Struct):
    message: str = ""


@lru_cache(maxsize=1024)
def error_out(error: str | None) -> str:
    """What an error says."""
    if error is None:
        return ""
    try:
        return msgspec.json.decode(error, type=_Error).message
    except msgspec.MsgspecError:
        return error


def without_secrets(text: str | None) -> str | None:
    """JSON without any key `claim_token`, in any case and at any depth (contract §1)."""
    if text is None or HIDDEN not in text.lower():
        return text
    return _json(_cleaned(decoded(text))).decode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cleaned(one) for name, one in value.items() if name.lower() != HIDDEN}
    return [_cleaned(one) for one in value] if isinstance(value, list) else value
