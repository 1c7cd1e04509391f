"""`runyard jobs …`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, Spec, Tag, json_object, tags
from runyard.cli.confirm import Yes, confirm
from runyard.cli.failures import usage
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import seconds, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Job

Name = Annotated[str, Parameter(name="JOB", help="Name or id of the job.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The options that define a job."""

    spec: Spec = None
    description: Annotated[str | None, Parameter(help="What it is for.")] = None
    queue: Annotated[str | None, Parameter(help="Queue its runs wait in.")] = None
    executor: Annotated[str | None, Parameter(help="Kind of executor that takes its runs.")] = None
    priority: Annotated[int | None, Parameter(help="0 to 10, higher first.")] = None
    max_attempts: Annotated[int | None, Parameter(help="How often a run is tried at most.")] = None
    timeout: Annotated[str | None, Parameter(help="How long one try may take, like 5m.")] = None
    concurrency: Annotated[int | None, Parameter(help="How many of its runs may be held at one time.")] = None
    concurrency_per_key: Annotated[int | None, Parameter(help="The same for runs that share a concurrency key.")] = None
    tag: Tag = None


NOTHING = Definition()


def list_jobs(*, limit: Limit = 50, invocation: Given) -> None:
    """List jobs, newest first."""
    columns: list[output.Column] = [
        ("name", lambda job: job.name),
        ("version", lambda job: job.version),
        ("enabled", lambda job: job.enabled),
        ("queue", lambda job: job.spec.get("queue", "")),
        ("updated", lambda job: stamp(job.updated_at)),
        ("description", lambda job: job.spec.get("description", "")),
    ]
    with invocation.client() as client:
        output.many(invocation, client.jobs.list(limit=limit), columns, empty="There are no jobs.")


def get(job: Name, /, *, invocation: Given) -> None:
    """Show a job's definition."""
    with invocation.client() as client:
        _show(invocation, client.jobs.get(job))


def create(
    name: Annotated[str, Parameter(help="Name of the new job.")],
    /,
    *,
    definition: Definition = NOTHING,
    disabled: Annotated[bool, Parameter(show_default=False, help="Make it disabled.")] = False,
    invocation: Given,
) -> None:
    """Define a job."""
    fields = _fields(definition) | ({"enabled": False} if disabled else {})
    with invocation.client() as client:
        _show(invocation, client.jobs.create(name, **fields))


def update(job: Name, /, *, definition: Definition = NOTHING, invocation: Given) -> None:
    """Change a job's definition, which makes a new version of it."""
    if definition == NOTHING:
        raise usage("Nothing to change is given.", "`runyard jobs update --help` lists what can be.")
    fields = _fields(definition)
    with invocation.client() as client:
        _show(invocation, client.jobs.update(job, **fields))


def enable(job: Name, /, *, invocation: Given) -> None:
    """Let a job take runs again."""
    with invocation.client() as client:
        _show(invocation, client.jobs.update(job, enabled=True))


def disable(job: Name, /, *, invocation: Given) -> None:
    """Make a job refuse new runs."""
    with invocation.client() as client:
        _show(invocation, client.jobs.update(job, enabled=False))


def delete(job: Name, /, *, yes: Yes = False, invocation: Given) -> None:
    """Delete a job; its runs stay."""
    confirm(invocation, f"Delete the job {job}?", yes=yes)
    with invocation.client() as client:
        client.jobs.delete(job)
    output.deleted(invocation, job)


def versions(job: Name, /, *, limit: Limit = 50, invocation: Given) -> None:
    """List the versions of a job's definition."""
    columns: list[output.Column] = [
        ("version", lambda version: version.version),
        ("created", lambda version: stamp(version.created_at)),
        ("by", lambda version: version.created_by or ""),
        ("definition", lambda version: output.encoded(version.spec).decode()),
    ]
    with invocation.client() as client:
        output.many(invocation, client.jobs.versions(job, limit=limit), columns, empty="It has no versions.")


def _fields(given: Definition) -> dict[str, Any]:
    """The definition: `--spec`, with the options on top of it. Raises a usage `Failure`."""
    fields = json_object(given.spec, "--spec") if given.spec is not None else {}
    fields.pop("name", None)
    over = {
        "description": given.description,
        "queue": given.queue,
        "executor": given.executor,
        "priority": given.priority,
        "timeout_seconds": seconds(given.timeout) if given.timeout is not None else None,
        "tags": tags(given.tag),
    }
    fields |= {name: value for name, value in over.items() if value is not None}
    _put(fields, "retry", max_attempts=given.max_attempts)
    _put(fields, "concurrency", max=given.concurrency, max_per_key=given.concurrency_per_key)
    return fields


def _put(fields: dict[str, Any], name: str, **values: int | None) -> None:
    given = {key: value for key, value in values.items() if value is not None}
    if given:
        fields[name] = {**(fields.get(name) or {}), **given}


def _show(invocation: Invocation, job: Job) -> None:
    fields: list[tuple[str, object]] = [
        ("name", job.name),
        ("id", job.id),
        ("version", job.version),
        ("enabled", job.enabled),
        ("created", stamp(job.created_at)),
        ("updated", stamp(job.updated_at)),
        ("definition", output.pretty(job.spec)),
    ]
    output.one(invocation, job, fields, name=job.name)
