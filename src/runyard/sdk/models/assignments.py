"""What a run is to do."""

from __future__ import annotations

from typing import Any

from runyard.sdk.models.model import Model


class AssignedRepository(Model, frozen=True, kw_only=True):
    """The repository a run is about: where it lies, or where it is cloned from."""

    id: str
    provider: str
    full_name: str
    default_branch: str
    url: str | None = None
    path: str | None = None


class AssignedPullRequest(Model, frozen=True, kw_only=True):
    """The pull request a run is about."""

    number: int
    title: str | None = None
    author: str | None = None
    url: str | None = None


class AssignedCommit(Model, frozen=True, kw_only=True):
    """The commit a run is about."""

    sha: str
    message: str | None = None


class Assignment(Model, frozen=True, kw_only=True):
    """What a run is to do, as its agent, its payload and its occasion say."""

    run_id: str
    project: str = ""
    agent_id: str | None = None
    template: str | None = None
    config: dict[str, Any] = {}
    payload: dict[str, Any] = {}
    repository: AssignedRepository | None = None
    pull_request: AssignedPullRequest | None = None
    commit: AssignedCommit | None = None
    trigger: str = ""
    event: str | None = None
