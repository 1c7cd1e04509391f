"""What a job fixes for its runs, and what a request for a run may say."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from runyard.domain.agents import AgentProfile
from runyard.domain.policy import Policy

Tags = list[str] | dict[str, str]


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """So many runs in a window (microseconds): more are refused, or held until their turn."""

    max: int
    window: int
    mode: Literal["hold", "refuse"] = "hold"


class Http(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the dispatcher posts runs to."""

    url: str
    fallback_url: str | None = None
    """Tried once within the same attempt when the first cannot be reached or is overloaded."""
    secret: str | None = None
    """Signs requests; sealed by the vault."""


class Managed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The program the server itself runs, inside a sandbox."""

    image: str
    """A command line (`command: …` words as of a shell), or a folder with an executable `run`."""
    preset: str = "micro"
    """How much it may use: a name in `domain.presets`."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is told when a run ends."""

    url: str
    secret: str | None = None
    """Signs messages; sealed by the vault."""


class Cron(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When runs are made by the clock."""

    expression: str
    """Five fields."""
    overlap: Literal["allow", "skip", "cancel"] = "allow"
    """What a tick does while runs of the job are live: make another, make none, or cancel those first."""
    catch_up: Literal["one", "none"] = "one"
    """What follows a downtime in which ticks were missed: one run for all of them, or none."""


class JobSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a job's definition."""

    description: str = ""
    queue: str = "default"
    executor: str = "worker"
    requires: tuple[str, ...] = ()
    priority: int = 0
    policy: Policy = Policy()
    ttl: int | None = None
    max_concurrency: int | None = None
    max_per_key: int | None = None
    rate: Rate | None = None
    tags: Tags = {}
    metadata: dict[str, Any] = {}
    payload_schema: str | None = None
    title: str = ""
    """What people call the job; its name is what programs call it."""
    http: Http | None = None
    managed: Managed | None = None
    webhook: Webhook | None = None
    cron: Cron | None = None
    timezone: str | None = None
    """IANA zone of `cron` and `window`; None is the project's, else UTC."""
    window: str | None = None
    """A cron expression: runs start only in minutes that match it."""
    environment_id: str | None = None
    dedup_window: int | None = None
    """For so long an equal payload is answered with the run that it made first."""
    debounce_window: int | None = None
    """Triggers with one key wait until none came for so long; the last one makes the run."""
    batch_window: int | None = None
    """Triggers with one key are gathered for at most so long and make one run."""
    batch_max: int | None = None
    backwards_compatible: bool = False
    """Whether runs of older versions whose policy says `minor` may take this one."""
    agent: AgentProfile | None = None
    """What makes the job an agent."""
    extra: dict[str, Any] = {}
    """What a dialect keeps with the job and nobody acts on."""


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run asked for. What is None comes from the job, or from the defaults of an ad-hoc run."""

    payload: str = "null"
    job: str | None = None
    """Name or id."""
    queue: str | None = None
    executor: str | None = None
    requires: tuple[str, ...] | None = None
    priority: int | None = None
    policy: dict[str, Any] = {}
    """Fields of `Policy` that differ from the job's."""
    ttl: int | None = None
    spare: int | None = None
    """When neither the run nor its job has a time to live: its timeout and so much more."""
    max_per_key: int | None = None
    tags: Tags | None = None
    metadata: dict[str, Any] | None = None
    idempotency_key: str | None = None
    concurrency_key: str | None = None
    available_at: int | None = None
    expires_at: int | None = None
    parent_id: str | None = None
    continuation_of: str | None = None
    replay_of: str | None = None
    retry_of: str | None = None
    task_id: str | None = None
    batch_id: str | None = None
    dependency_key: str | None = None
    debug: bool = False
    draft: bool = False
    trigger: str = "manual"
    event: str | None = None
    """What exactly began it, where the trigger knows several (runs of agents alone)."""
    created_by: str | None = None


def merged_tags(first: Tags, second: Tags | None) -> Tags:
    """The second laid over the first; a list and a map meet as a map."""
    if not second:
        return first
    if not first:
        return second
    if isinstance(first, list) and isinstance(second, list):
        return list(dict.fromkeys([*first, *second]))
    return _as_map(first) | _as_map(second)


def _as_map(tags: Tags) -> dict[str, str]:
    if isinstance(tags, dict):
        return tags
    return {name: value for name, _, value in (tag.partition(":") for tag in tags)}


def tag_pairs(tags: Tags) -> list[tuple[str, str]]:
    """The tags as (tag, value) pairs for the index: `word:value` in a list is one, a bare word has an empty value."""
    return list(_as_map(tags).items())
