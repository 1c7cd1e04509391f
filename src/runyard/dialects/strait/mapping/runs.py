"""Runs, both ways."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from runyard.dialects.strait.mapping.values import (
    maybe,
    maybe_raw,
    maybe_when,
    version_id,
    when,
)
from runyard.dialects.strait.wire import JobRun
from runyard.domain.jobs import tag_pairs
from runyard.domain.records import Run
from runyard.domain.states import RunState

S = RunState
STATUS = {
    S.DRAFT: "delayed",
    S.SCHEDULED: "delayed",
    S.QUEUED: "queued",
    S.CLAIMED: "dequeued",
    S.STARTING: "dequeued",
    S.RUNNING: "executing",
    S.WAITING: "waiting",
    S.PAUSED: "paused",
    S.NEEDS_ATTENTION: "queued",
    **{state: state.value for state in (S.COMPLETED, S.FAILED, S.TIMED_OUT, S.CRASHED, S.SYSTEM_FAILED)},
    **{state: state.value for state in (S.CANCELED, S.EXPIRED, S.DEAD_LETTER)},
}
"""DESIGN §4."""
ZERO = "00000000-0000-0000-0000-000000000000"
"""The job of a run that has none."""


def run_out(run: Run, slug: str) -> JobRun:
    """A run on the wire."""
    policy = run.policy
    return JobRun(
        id=run.id,
        job_id=run.job_id or ZERO,
        project_id=slug,
        status=STATUS[run.state],
        attempt=run.attempt,
        # What the clock asks for brings no payload; a null that somebody sent is one.
        payload=maybe_raw(None if run.trigger == "cron" and run.payload == "null" else run.payload),
        result=UNSET if run.output == "null" else maybe_raw(run.output),
        metadata=_strings(run.metadata),
        error=_error(run.error),
        triggered_by=run.trigger,
        scheduled_at=maybe_when(run.available_at),
        started_at=maybe_when(run.started_at or run.claimed_at),
        finished_at=maybe_when(run.finished_at),
        heartbeat_at=maybe_when(run.heartbeat_at),
        next_retry_at=maybe_when(run.next_retry_at),
        expires_at=maybe_when(run.expires_at),
        parent_run_id=maybe(run.parent_id),
        priority=run.priority,
        idempotency_key=maybe(run.idempotency_key),
        job_version=run.job_version or 1,
        retry_backoff=policy.backoff if policy.backoff in {"exponential", "fixed"} else UNSET,
        execution_trace=maybe_raw(run.trace),
        debug_mode=bool(run.debug),
        continuation_of=maybe(run.continuation_of),
        lineage_depth=run.continued,
        tags=_tags(run.tags),
        job_version_id=UNSET if run.job_id is None else version_id(run.job_id, run.job_version or 1),
        created_by=maybe(run.created_by),
        batch_id=maybe(run.batch_id),
        concurrency_key=maybe(run.concurrency_key),
        created_at=when(run.created_at),
        error_class=maybe(CLASSES.get(run.error_class, "unknown") if run.error_class else None),
        execution_mode="managed" if run.executor == "managed" else "http",
    )


CLASSES: dict[str, str | None] = {
    **{kind: kind for kind in ("rate_limited", "auth", "client", "server", "transient", "timeout", "oom")},
    **{kind: kind for kind in ("connection", "budget", "unknown")},
    "lease_lost": "transient",
    "canceled": None,
    "expired": None,
}
"""Error classes of the engine in the words of this dialect, None where it has nothing to say; others are `unknown`."""


def _error(text: str | None) -> str | UnsetType:
    """What went wrong, as one line."""
    if text is None:
        return UNSET
    said = msgspec.json.decode(text)
    if isinstance(said, dict):
        return str(said.get("message", text))
    return str(said)


def _tags(text: str | None) -> dict[str, str] | UnsetType:
    return dict(tag_pairs(msgspec.json.decode(text))) if text else UNSET


def _strings(text: str | None) -> dict[str, str] | UnsetType:
    if not text:
        return UNSET
    found: dict[str, Any] = msgspec.json.decode(text)
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode() for name, value in found.items()
    }
