"""What agents are to do, what they find, and what they do to the world outside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from runyard.dialects.native.wire.values import Count

Severity = Literal["error", "warning", "info"]
Kind = Annotated[str, Meta(min_length=1, max_length=64)]
Said = Annotated[str, Meta(min_length=1, max_length=10_000)]
Link = Annotated[str, Meta(max_length=2048)]


class FindingIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing an agent found. `id` tells it apart from others of the run; without it what it says does."""

    severity: Severity
    type: Kind
    message: Said
    id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    rule: Annotated[str, Meta(max_length=256)] | None = None
    file: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    line: Count | None = None
    suggestion: Annotated[str, Meta(max_length=10_000)] | None = None


class FindingsIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an agent tells at a time; none at all says that it looked and found nothing."""

    findings: Annotated[list[FindingIn], Meta(max_length=1000)] = []
    files_reviewed: Count | None = None
    lines_analyzed: Count | None = None
    summary: Annotated[str, Meta(max_length=10_000)] | None = None
    token: str | None = None


class Counted(msgspec.Struct, kw_only=True):
    """How many findings were new, and how many of each severity the run has by now."""

    accepted: int
    errors: int
    warnings: int
    infos: int


class Finding(msgspec.Struct, kw_only=True):
    """One thing an agent found; `fingerprint` stays the same from run to run where the agent says so."""

    id: str
    run_id: str
    attempt: int
    agent_id: str | None
    repository_id: str | None
    fingerprint: str
    severity: Severity
    type: str
    rule: str | None
    file: str | None
    line: int | None
    message: str
    suggestion: str | None
    at: datetime


class ActionIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an agent did to the world outside."""

    type: Kind
    description: Said
    target: Link | None = None
    url: Link | None = None
    result: Literal["success", "failure", "pending"] = "success"
    details: dict[str, Any] | None = None
    token: str | None = None


class Action(msgspec.Struct, kw_only=True):
    """What an agent did to the world outside."""

    id: str
    run_id: str
    attempt: int
    at: datetime
    type: str
    description: str
    target: str | None
    url: str | None
    result: Literal["success", "failure", "pending"]
    details: dict[str, Any] | None


class AssignedRepository(msgspec.Struct, kw_only=True):
    """The repository a run is about: where it lies, or where it is cloned from."""

    id: str
    provider: str
    full_name: str
    default_branch: str
    url: str | None
    path: str | None


class AssignedPullRequest(msgspec.Struct, kw_only=True):
    """The pull request a run is about."""

    number: int
    title: str | None
    author: str | None
    url: str | None


class AssignedCommit(msgspec.Struct, kw_only=True):
    """The commit a run is about."""

    sha: str
    message: str | None


class Assignment(msgspec.Struct, kw_only=True):
    """What a run is to do, as its agent, its payload and its occasion say."""

    run_id: str
    project: str
    agent_id: str | None
    template: str | None
    config: dict[str, Any]
    payload: dict[str, Any]
    repository: AssignedRepository | None
    pull_request: AssignedPullRequest | None
    commit: AssignedCommit | None
    trigger: str
    event: str | None
