"""`runyard dlq …`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, RunIds
from runyard.cli.bulk import PLAIN, All, Manner, perform
from runyard.cli.confirm import confirm
from runyard.cli.exits import Exit
from runyard.cli.failures import usage
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.runs import act
from runyard.cli.runs.filters import Job
from runyard.cli.runs.read import message_of
from runyard.cli.times import ago, now, stamp

if TYPE_CHECKING:
    from runyard.sdk.fields import Action, RunFilter

ErrorClass = Annotated[str | None, Parameter(help="Class of the error; `runyard dlq groups` lists them.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """The options that choose among dead runs."""

    all_runs: All = False
    job: Job = None
    error_class: ErrorClass = None


ANY = Dead()


def list_dead(*, job: Job = None, error_class: ErrorClass = None, limit: Limit = 50, invocation: Given) -> None:
    """List runs in the dead letter that nobody has resolved, newest first."""
    at = now()
    columns: list[output.Column] = [
        ("id", lambda run: run.id),
        ("job", lambda run: run.job or ""),
        ("attempts", lambda run: run.attempt),
        ("since", lambda run: ago(run.updated_at, at) if invocation.terminal else stamp(run.updated_at)),
        ("error", lambda run: run.error_class or ""),
        ("message", lambda run: message_of(run.error)),
    ]
    with invocation.client() as client:
        runs = client.dlq.list(job=job, error_class=error_class, limit=limit)
        output.many(invocation, runs, columns, empty="The dead letter is empty.")


def groups(*, limit: Limit = 50, invocation: Given) -> None:
    """Group the dead letter by what went wrong."""
    columns: list[output.Column] = [
        ("error", lambda group: group.error_class or ""),
        ("count", lambda group: group.count),
        ("job", lambda group: group.job or ""),
        ("last", lambda group: stamp(group.last_at)),
        ("sample", lambda group: group.sample_run_id or ""),
        ("message", lambda group: group.message or ""),
    ]
    with invocation.client() as client:
        output.many(invocation, client.dlq.groups(limit=limit), columns, empty="The dead letter is empty.")


def replay(*run: RunIds, which: Dead = ANY, manner: Manner = PLAIN, invocation: Given) -> int:
    """Make new runs from dead ones; when one succeeds its dead run is resolved."""
    return _decide(invocation, "replay", run, which, manner)


def requeue(*run: RunIds, which: Dead = ANY, manner: Manner = PLAIN, invocation: Given) -> int:
    """Give dead runs another chance in place."""
    return _decide(invocation, "requeue", run, which, manner)


def discard(*run: RunIds, which: Dead = ANY, manner: Manner = PLAIN, invocation: Given) -> int:
    """Give up dead runs."""
    return _decide(invocation, "discard", run, which, manner)


def resolve(*run: RunIds, which: Dead = ANY, manner: Manner = PLAIN, invocation: Given) -> int:
    """Mark dead runs as dealt with."""
    return _decide(invocation, "resolve", run, which, manner)


def _decide(invocation: Invocation, action: Action, runs: tuple[str, ...], which: Dead, manner: Manner) -> int:
    if runs and which != ANY:
        raise usage("Runs are named and filters are given too.", "Give either ids, or --all and filters.")
    if not runs and not which.all_runs:
        raise usage("No run is named.", "Name runs, or say --all, with --job and --error-class to choose among them.")
    if len(runs) == 1 and not manner.dry_run:
        return _one(invocation, action, runs[0], manner.reason)
    with invocation.client() as client:
        ids: list[str] | None = [run_id(client, text) for text in runs] or None
        where: RunFilter = {"state": ["dead_letter"]}
        if which.job:
            where["job"] = which.job
        if which.error_class is not None:
            # The error's class is no filter of bulk operations: these runs are named one by one.
            ids = [run.id for run in client.dlq.list(job=which.job, error_class=which.error_class)]
            if not ids:
                output.note(invocation, "No run matches.")
                return Exit.OK
            if not manner.dry_run:
                confirm(invocation, f"{action.capitalize()} {len(ids)} runs?", yes=manner.yes)
        return perform(invocation, client, action, ids=ids, where=where, manner=manner)


def _one(invocation: Invocation, action: Action, run: str, reason: str | None) -> int:
    if action == "replay":
        return act.each(invocation, (run,), lambda client, one: client.runs.replay(one))
    verbs = {"requeue": act.requeue, "discard": act.discard, "resolve": act.resolve}
    return verbs[action](run, reason=reason, invocation=invocation)
