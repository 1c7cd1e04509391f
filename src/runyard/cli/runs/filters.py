"""Which runs a list or a bulk operation is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli.arguments import Tag, json_object, words
from runyard.cli.times import moment, now

if TYPE_CHECKING:
    from runyard.sdk.fields import RunFilter

Job = Annotated[str | None, Parameter(help="Name of a job.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The options that choose runs."""

    state: Annotated[list[str] | None, Parameter(help="States, repeated or joined by commas.")] = None
    job: Job = None
    queue: Annotated[str | None, Parameter(help="Name of a queue.")] = None
    tag: Tag = None
    outcome: Annotated[
        Literal["failed", "succeeded", "canceled", "unresolved"] | None, Parameter(help="How they ended.")
    ] = None
    parent: Annotated[str | None, Parameter(help="Id of the run that spawned them.")] = None
    since: Annotated[str | None, Parameter(help="Made since: a duration ago like 2h, or a time.")] = None
    until: Annotated[str | None, Parameter(help="Made before: a duration ago like 2h, or a time.")] = None
    payload: Annotated[str | None, Parameter(help="JSON object that the payload must contain.")] = None
    metadata: Annotated[str | None, Parameter(help="JSON object that the metadata must contain.")] = None


EVERY = Filter()


def where_of(which: Filter) -> RunFilter:
    """The filter in the words of the API. Raises a usage `Failure`."""
    at = now()
    where: RunFilter = {}
    if states := words(which.state):
        where["state"] = states
    if which.job:
        where["job"] = which.job
    if which.queue:
        where["queue"] = which.queue
    if which.tag:
        where["tag"] = which.tag
    if which.outcome:
        where["outcome"] = which.outcome
    if which.parent:
        where["parent_id"] = which.parent
    if which.since:
        where["created_after"] = moment(which.since, at)
    if which.until:
        where["created_before"] = moment(which.until, at)
    if which.payload:
        where["payload"] = json_object(which.payload, "--payload")
    if which.metadata:
        where["metadata"] = json_object(which.metadata, "--metadata")
    return where
