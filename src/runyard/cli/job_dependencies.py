"""`runyard jobs dependencies|add-dependency|remove-dependency|health`, `runyard runs dependencies`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from runyard.cli import output
from runyard.cli.arguments import Limit, RunId
from runyard.cli.exits import Exit
from runyard.cli.failures import Failure
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.jobs import Name
from runyard.cli.times import length, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Dependency

Other = Annotated[str, Parameter(name="OTHER", help="Name or id of the job that it waits for.")]


def list_dependencies(job: Name, /, *, limit: Limit = 50, invocation: Given) -> None:
    """List what a job depends on, newest first."""
    columns: list[output.Column] = [
        ("job", lambda one: one.depends_on),
        ("last run", lambda one: one.condition),
        ("since", lambda one: stamp(one.created_at)),
        ("id", lambda one: one.id),
    ]
    with invocation.client() as client:
        found = client.jobs.dependencies(job, limit=limit)
        output.many(invocation, found, columns, empty="The job depends on no other.")


def add(
    job: Name,
    other: Other,
    /,
    *,
    condition: Annotated[
        Literal["completed", "failed", "any"] | None, Parameter(help="How its last run has to have ended (completed).")
    ] = None,
    invocation: Given,
) -> None:
    """Let new runs of a job wait for another; between the same two the condition is changed."""
    with invocation.client() as client:
        _show(invocation, client.jobs.add_dependency(job, other, condition=condition))


def remove(job: Name, other: Other, /, *, invocation: Given) -> None:
    """Let a job depend on another no longer; runs that waited for it alone go on."""
    with invocation.client() as client:
        wanted = client.jobs.get(other).id
        for one in client.jobs.dependencies(job):
            if one.depends_on == wanted:
                _show(invocation, client.jobs.remove_dependency(job, one.id))
                return
    raise Failure(
        f"{job} does not depend on {other}.",
        code="not_found",
        hint=f"`runyard jobs dependencies {job}` lists what it depends on.",
        exit=Exit.NOT_FOUND,
    )


def of_run(run: RunId, /, *, invocation: Given) -> None:
    """Say what a run's job depends on, and whether that is met for the run now."""
    with invocation.client() as client:
        found = client.runs.dependencies(run_id(client, run))
    if invocation.json:
        output.one(invocation, found, [])
        return
    columns: list[output.Column] = [
        ("job", lambda one: one.dependency.depends_on),
        ("last run", lambda one: one.dependency.condition),
        ("met", lambda one: one.met),
    ]
    output.many(invocation, found.dependencies, columns, empty="Its job depends on no other.")


def health(
    job: Name,
    /,
    *,
    hours: Annotated[int, Parameter(validator=Number(gte=1), help="How far back to look.")] = 168,
    invocation: Given,
) -> None:
    """Say how a job's runs fared that ended lately."""
    with invocation.client() as client:
        found = client.jobs.health(job, hours=hours)
    rate = f"{found.success_rate:.0%}"
    fields: list[tuple[str, object]] = [
        ("success", rate),
        ("ended", ", ".join(f"{count} {state}" for state, count in found.ended.items() if count)),
        ("took", length(found.average_seconds)),
        ("95 % took at most", length(found.p95_seconds)),
        ("99 % took at most", length(found.p99_seconds)),
        ("since", stamp(found.since)),
    ]
    output.one(invocation, found, fields, name=rate)


def _show(invocation: Invocation, one: Dependency) -> None:
    fields: list[tuple[str, object]] = [
        ("id", one.id),
        ("job", one.job_id),
        ("depends on", one.depends_on),
        ("last run", one.condition),
        ("since", stamp(one.created_at)),
    ]
    output.one(invocation, one, fields, name=one.id)
