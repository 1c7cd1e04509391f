"""`runyard task-runs …`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Reason, RunId, RunIds, SessionId, json_value, present
from runyard.cli.each import each
from runyard.cli.failures import usage
from runyard.cli.ids import run_id, session_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.tasks.view import run_of
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Succession, TaskRun
    from runyard.sdk.nouns import TaskRuns

Metadata = Annotated[str | None, Parameter(help="JSON to keep with the new run, @FILE, or - for input.")]


def get(run: RunId, /, *, invocation: Given) -> None:
    """Show a run of a task with its task, and the session that has it."""
    with invocation.client() as client:
        found = client.task_runs.get(run_id(client, run))
    session, last = found.session, found.last_event
    more: list[tuple[str, object]] = [
        ("title", found.task.title),
        ("status", found.task.status),
        ("session state", session.state if session else None),
        ("agent", session.agent if session else None),
        ("tool calls", found.tool_calls),
        ("last event", f"{stamp(last.at)}  {last.type}" if last else None),
        ("active", stamp(found.active_at)),
    ]
    output.one(invocation, found, _fields(found.run) + more, name=found.run.id)


def claim(run: RunId, /, *, invocation: Given) -> None:
    """Take a queued run yourself, without lease or session, though its task or the scheduler be paused."""
    with invocation.client() as client:
        _show(invocation, client.task_runs.claim(run_id(client, run)))


def start(run: RunId, /, *, invocation: Given) -> None:
    """Begin to work on a claimed run; one without a session is given one."""
    with invocation.client() as client:
        _show(invocation, client.task_runs.start(run_id(client, run)))


def attach(run: RunId, session: SessionId, /, *, invocation: Given) -> None:
    """Bind a session to a run that was claimed or is starting, and has none."""
    with invocation.client() as client:
        _show(invocation, client.task_runs.attach(run_id(client, run), session_id(client, session)))


def end(
    run: RunId,
    outcome: Annotated[Literal["completed", "failed"], Parameter(help="How it ended.")],
    /,
    *,
    result: Annotated[str | None, Parameter(help="JSON that came of it, @FILE, or - for input.")] = None,
    error: Annotated[str | None, Parameter(help="What went wrong.")] = None,
    invocation: Given,
) -> None:
    """Say how a run ended that nobody has under a lease; its session is asked to stop."""
    if outcome == "failed" and not error:
        raise usage("A run that failed needs an --error.", "Say what went wrong.")
    if (error if outcome == "completed" else result) is not None:
        raise usage("--result goes with completed, --error with failed")
    output_of = None if result is None else json_value(result, "--result")
    with invocation.client() as client:
        _show(invocation, client.task_runs.end(run_id(client, run), outcome, **present(output=output_of, error=error)))


def cancel(*run: RunIds, reason: Reason = None, invocation: Given) -> int:
    """Cancel runs of tasks, whoever has them; sessions that work on them are asked to stop."""
    return _each(invocation, run, lambda runs, one: runs.cancel(one, reason=reason))


def force_release(*run: RunIds, reason: Reason = None, invocation: Given) -> int:
    """Give claimed runs back to the queue without their leases."""
    return _each(invocation, run, lambda runs, one: runs.force_release(one, reason=reason))


def force_fail(
    *run: RunIds, reason: Annotated[str, Parameter(help="Why; kept in the journal.")], invocation: Given
) -> int:
    """Fail queued or claimed runs without their leases."""
    return _each(invocation, run, lambda runs, one: runs.force_fail(one, reason=reason))


def retry(run: RunId, /, *, reason: Reason = None, metadata: Metadata = None, invocation: Given) -> None:
    """Queue a run in the place of a failed one, which stays as it is."""
    kept = None if metadata is None else json_value(metadata, "--metadata")
    with invocation.client() as client:
        _succeeded(invocation, client.task_runs.retry(run_id(client, run), reason=reason, metadata=kept))


def recover(run: RunId, /, *, reason: Reason = None, metadata: Metadata = None, invocation: Given) -> None:
    """Fail a run that needs attention, and queue one in its place."""
    kept = None if metadata is None else json_value(metadata, "--metadata")
    with invocation.client() as client:
        _succeeded(invocation, client.task_runs.recover(run_id(client, run), reason=reason, metadata=kept))


def _each(invocation: Invocation, named: tuple[str, ...], act: Callable[[TaskRuns, str], TaskRun]) -> int:
    return each(invocation, "run", named, lambda client, text: act(client.task_runs, run_id(client, text)), _columns)


def _columns(_: Sequence[TaskRun]) -> list[output.Column]:
    return [("id", lambda run: run.id), ("state", run_of), ("task", lambda run: run.task_id)]


def _succeeded(invocation: Invocation, made: Succession) -> None:
    output.one(invocation, made, _fields(made.run), name=made.run.id)


def _show(invocation: Invocation, run: TaskRun) -> None:
    output.one(invocation, run, _fields(run), name=run.id)


def _fields(run: TaskRun) -> list[tuple[str, object]]:
    return [
        ("id", run.id),
        ("task", run.task_id),
        ("state", run.state),
        ("held back by", run.hold),
        ("attempt", run.attempt),
        ("round", run.round if run.round > 1 else None),
        ("claimed by", f"{run.claimed_by.kind}:{run.claimed_by.ref}" if run.claimed_by else None),
        ("session", run.session_id),
        ("lease until", stamp(run.lease_until)),
        ("channel", run.channel),
        ("talked about in", run.coordination_channel),
        ("in place of", run.previous_run_id),
        ("asked for by review", run.review_id),
        ("failure", run.failure_kind),
        ("error", None if run.error is None else output.pretty(run.error)),
        ("output", None if run.output is None else output.pretty(run.output)),
        ("metadata", None if run.metadata is None else output.pretty(run.metadata)),
        ("queued", stamp(run.queued_at)),
        ("claimed", stamp(run.claimed_at)),
        ("started", stamp(run.started_at)),
        ("ended", stamp(run.ended_at)),
    ]
