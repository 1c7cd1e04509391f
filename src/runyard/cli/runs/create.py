"""`runyard runs create`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from runyard.cli.arguments import Tag, json_object, json_value, tags
from runyard.cli.failures import usage
from runyard.cli.invocation import Given
from runyard.cli.runs.wait import Timeout, Wait, answer
from runyard.cli.times import moment, now, seconds


def create(
    job: Annotated[str | None, Parameter(help="Name of a job; without one the run is ad hoc.")] = None,
    *,
    payload: Annotated[str | None, Parameter(alias="-p", help="JSON, @FILE, or - for input.")] = None,
    queue: Annotated[str | None, Parameter(help="Name of the queue.")] = None,
    priority: Annotated[int | None, Parameter(help="0 to 10, higher first.")] = None,
    tag: Tag = None,
    metadata: Annotated[str | None, Parameter(help="A JSON object to keep with it.")] = None,
    idempotency_key: Annotated[str | None, Parameter(help="Used before: answers with that run.")] = None,
    concurrency_key: Annotated[str | None, Parameter(help="Runs that share it share a limit.")] = None,
    max_attempts: Annotated[int | None, Parameter(help="How often it is tried at most.")] = None,
    run_timeout: Annotated[str | None, Parameter(help="How long one try may take, like 5m.")] = None,
    delay: Annotated[str | None, Parameter(help="How long from now it may start, like 10m.")] = None,
    at: Annotated[str | None, Parameter(help="When it may start: a time.")] = None,
    ttl: Annotated[str | None, Parameter(help="How long it may stay unstarted before it expires, like 1h.")] = None,
    draft: Annotated[bool, Parameter(show_default=False, help="Record it without asking for it yet.")] = False,
    wait: Wait = False,
    timeout: Timeout = None,
    invocation: Given,
) -> int:
    """Ask for a run."""
    if at and delay:
        raise usage("--at and --delay exclude each other")
    if timeout is not None and not wait:
        raise usage("--timeout goes with --wait")
    fields = {
        "job": job,
        "queue": queue,
        "priority": priority,
        "tags": tags(tag),
        "metadata": json_object(metadata, "--metadata") if metadata is not None else None,
        "idempotency_key": idempotency_key,
        "concurrency_key": concurrency_key,
        "retry": {"max_attempts": max_attempts} if max_attempts is not None else None,
        "timeout_seconds": seconds(run_timeout) if run_timeout is not None else None,
        "delay_seconds": seconds(delay) if delay is not None else None,
        "available_at": moment(at, now(), ahead=True) if at is not None else None,
        "ttl_seconds": seconds(ttl) if ttl is not None else None,
        "draft": draft or None,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    with invocation.client() as client:
        value = json_value(payload, "--payload") if payload is not None else None
        run = client.runs.create(value, **given)  # type: ignore[arg-type]
        return answer(invocation, client, run, wait=wait, timeout=timeout)
