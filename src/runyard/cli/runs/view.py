"""How runs look in tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from runyard.cli import output
from runyard.cli.invocation import Invocation
from runyard.cli.times import ago, length, now, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runyard.sdk.models import Run


def columns(invocation: Invocation) -> list[output.Column]:
    """The columns of a list of runs; times are relative where a person reads them."""
    at = now()

    def when(moment: datetime | None) -> str:
        return ago(moment, at) if invocation.terminal else stamp(moment)

    return [
        ("id", lambda run: run.id),
        ("state", lambda run: run.state),
        ("job", lambda run: run.job or ""),
        ("queue", lambda run: run.queue),
        ("attempt", lambda run: f"{run.attempt}/{run.max_attempts}"),
        ("created", lambda run: when(run.created_at)),
        ("took", took),
        ("tags", lambda run: output.tags(run.tags)),
    ]


def show_list(invocation: Invocation, runs: Iterable[Run], *, empty: str) -> None:
    """Print runs as a list."""
    output.many(invocation, runs, columns(invocation), empty=empty)


def show(invocation: Invocation, run: Run) -> None:
    """Print all about one run."""
    fields: list[tuple[str, object]] = [
        ("id", run.id),
        ("state", run.state),
        ("job", f"{run.job} (version {run.job_version})" if run.job else None),
        ("queue", run.queue),
        ("executor", run.executor),
        ("priority", run.priority),
        ("attempt", f"{run.attempt} of {run.max_attempts}"),
        ("held back by", run.hold),
        ("waiting for", _json(run.waiting_for)),
        ("created", stamp(run.created_at)),
        ("available", stamp(run.available_at)),
        ("next try", stamp(run.next_retry_at)),
        ("expires", stamp(run.expires_at)),
        ("started", stamp(run.started_at)),
        ("finished", stamp(run.finished_at)),
        ("took", took(run)),
        ("lease until", stamp(run.lease.until) if run.lease else None),
        ("worker", run.lease.worker if run.lease else None),
        ("made by", run.created_by),
        ("parent", run.parent_id),
        ("replay of", run.replay_of),
        ("retry of", run.retry_of),
        ("continues", run.continuation_of),
        ("idempotency key", run.idempotency_key),
        ("concurrency key", run.concurrency_key),
        ("tags", output.tags(run.tags)),
        ("metadata", _json(run.metadata)),
        ("usage", usage(run)),
        ("resolved", _json(run.resolved)),
        ("debug", True if run.debug else None),
        ("payload", _json(run.payload)),
        ("output", _json(run.output)),
        ("error", _json(run.error)),
    ]
    output.one(invocation, run, fields, name=run.id)


def took(run: Run) -> str:
    """How long it has worked, or worked."""
    if run.started_at is None:
        return ""
    return length((run.finished_at or now()) - run.started_at)


def usage(run: Run) -> str:
    """Tokens and cost on one line; nothing when there were none."""
    used = run.usage
    if not (used.input_tokens or used.output_tokens or used.cost_micro_usd):
        return ""
    return f"{used.input_tokens} tokens in, {used.output_tokens} out, ${used.cost_micro_usd / 1_000_000:.6f}"


def _json(value: Any) -> str | None:
    return None if value is None else output.pretty(value)
