"""Shapes of runs as the seed has them (contract §4)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Raw

Status = Literal["queued", "running", "success", "failure", "cancelled", "timeout"]
Level = Literal["debug", "info", "warn", "error"]


class Meta(msgspec.Struct, kw_only=True):
    """Which page it is, and how many entries there are on all of them."""

    total: int
    page: int
    per_page: int


class RunSummary(msgspec.Struct, kw_only=True):
    """A run in a list."""

    id: str
    agent_id: str
    agent_name: str
    repository: str | None
    status: Status
    trigger: str
    pr_number: int | None
    started_at: str | None
    completed_at: str | None
    duration_ms: int | None
    issues_found: int


class RunList(msgspec.Struct, kw_only=True):
    """A page of runs."""

    data: list[RunSummary]
    meta: Meta


class Agent(msgspec.Struct, kw_only=True):
    """The agent of a run."""

    id: str
    name: str
    template: str | None


class Repository(msgspec.Struct, kw_only=True):
    """The repository of a run."""

    id: str
    name: str


class Trigger(msgspec.Struct, kw_only=True):
    """What began a run."""

    type: str
    event: str | None


class PullRequest(msgspec.Struct, kw_only=True):
    """The pull request a run is about."""

    number: int
    title: str | None
    author: str | None
    url: str | None


class Commit(msgspec.Struct, kw_only=True):
    """The commit a run is about."""

    sha: str
    message: str | None


class Issue(msgspec.Struct, kw_only=True):
    """One thing an agent found."""

    id: str
    severity: Literal["error", "warning", "info"]
    type: str
    file: str | None
    line: int | None
    message: str
    suggestion: str | None


class Results(msgspec.Struct, kw_only=True):
    """What an agent found; a run's longest lists of issues are shown in part."""

    summary: str
    issues: list[Issue]
    files_reviewed: int
    lines_analyzed: int


class ActionTaken(msgspec.Struct, kw_only=True):
    """What an agent did."""

    type: str
    target: str
    url: str | None


class Tokens(msgspec.Struct, kw_only=True):
    """Tokens used."""

    input: int
    output: int


class RunDetail(msgspec.Struct, kw_only=True):
    """A run with all there is to show of it."""

    id: str
    agent: Agent
    repository: Repository | None
    status: Status
    trigger: Trigger
    pull_request: PullRequest | None
    commit: Commit | None
    started_at: str | None
    completed_at: str | None
    duration_ms: int | None
    results: Results | None
    actions_taken: list[ActionTaken]
    tokens_used: Tokens


class CancelRequest(msgspec.Struct, kw_only=True):
    """Why a run is to stop; at most 1000 characters."""

    reason: str | None = None


class CancelResponse(msgspec.Struct, kw_only=True):
    """The run is cancelled; asked for again, the time stays."""

    id: str
    cancelled_at: str
    status: Literal["cancelled"] = "cancelled"


class RetryRequest(msgspec.Struct, kw_only=True):
    """What is laid over the run's configuration, shallowly and for the new run only."""

    config_override: dict[str, Raw] | None = None


class RetryResponse(msgspec.Struct, kw_only=True):
    """The new run and the one it is like."""

    original_run_id: str
    new_run_id: str
    status: Literal["queued"] = "queued"


class LogLine(msgspec.Struct, kw_only=True):
    """A line of a run's log."""

    timestamp: str
    level: Level
    message: str
    data: Raw | dict[str, Any]


class RunLogs(msgspec.Struct, kw_only=True):
    """Lines of a run's log, oldest first."""

    run_id: str
    logs: list[LogLine]


class Severities(msgspec.Struct, kw_only=True):
    """Issues by severity."""

    error: int
    warning: int
    info: int


class Stats(msgspec.Struct, kw_only=True):
    """What the runs of a period come to."""

    total_runs: int
    successful: int
    failed: int
    success_rate: float
    avg_duration_ms: int
    total_issues_found: int
    issues_by_severity: Severities


class Day(msgspec.Struct, kw_only=True):
    """A day of a period, in UTC."""

    date: str
    runs: int
    successful: int


class RunStats(msgspec.Struct, kw_only=True):
    """How runs did over a period."""

    period: Literal["day", "week", "month"]
    stats: Stats
    daily_breakdown: list[Day]
