"""Runs as the seed has them, from records to the wire and back (contract §3, §4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, cast

from msgspec import Raw

from runyard.dialects.bamboosnow.mapping.statuses import PLAIN, phases_in
from runyard.dialects.bamboosnow.mapping.values import (
    NOBODY,
    Place,
    instant,
    millis,
    number,
    seconds,
    shown,
    wanted,
)
from runyard.dialects.bamboosnow.wire import runs as wire
from runyard.domain.agents import AgentRun, RunFacts
from runyard.domain.findings import Action, Finding
from runyard.domain.levels import level_of
from runyard.domain.records import LogEntry, Run
from runyard.domain.repositories import Repository
from runyard.domain.watching import Wanted
from runyard.engine.agent_details import Detail
from runyard.engine.agent_lists import AgentName, AgentRunPage, Watched
from runyard.engine.agent_runs import facts_in
from runyard.engine.agent_stats import Spell

HIGHEST = 2**53
_EPOCH = date(1970, 1, 1)
_EMPTY = Raw(b"{}")


def wanted_in(
    project_id: int,
    *,
    agent_id: str | None,
    repository_id: str | None,
    status: str | None,
    pr_number: str | None,
    since: str | None,
    until: str | None,
) -> Wanted:
    """The filters of a list. Raises `Invalid`."""
    return Wanted(
        project_id=project_id,
        agent_id=wanted("agent", agent_id),
        repository_id=wanted("repo", repository_id),
        phases=phases_in(PLAIN, status),
        pr_number=None if pr_number is None else number("pr_number", pr_number, 1, most=HIGHEST),
        since=instant("since", since),
        until=instant("until", until),
    )


def list_out(found: AgentRunPage, place: Place) -> wire.RunList:
    """A page of runs."""
    meta = wire.Meta(total=found.total, page=place.page, per_page=place.per_page)
    return wire.RunList(data=[summary_out(one) for one in found.runs], meta=meta)


def summary_out(one: Watched) -> wire.RunSummary:
    """A run in a list."""
    row = one.row
    return wire.RunSummary(
        id=shown("run", row.run_id),
        agent_id=agent_id(one.agent),
        agent_name=one.agent.name,
        repository=None if one.repository is None else one.repository.full_name,
        status=status_of(row),
        trigger=row.trigger,
        pr_number=row.pr_number,
        started_at=seconds(row.began_at),
        completed_at=seconds(row.ended_at),
        duration_ms=row.duration,
        issues_found=row.findings,
    )


def status_of(row: AgentRun) -> wire.Status:
    """How the run stands."""
    return cast("wire.Status", PLAIN[row.phase])


def agent_id(agent: AgentName) -> str:
    """The id of a run's agent, or of none."""
    return shown("agent", agent.id or NOBODY)


def detail_out(found: Detail) -> wire.RunDetail:
    """A run with all there is to show of it."""
    row, agent, run = found.watched.row, found.watched.agent, found.run
    facts = facts_in(row)
    return wire.RunDetail(
        id=shown("run", run.id),
        agent=wire.Agent(id=agent_id(agent), name=agent.name, template=agent.template),
        repository=_repository(found.watched.repository),
        status=status_of(row),
        trigger=wire.Trigger(type=row.trigger, event=row.event),
        pull_request=_pull_request(facts),
        commit=None if facts.commit is None else wire.Commit(sha=facts.commit.sha, message=facts.commit.message),
        started_at=seconds(row.began_at),
        completed_at=seconds(row.ended_at),
        duration_ms=row.duration,
        results=_results(row, found.findings) if row.has_results else None,
        actions_taken=[_action(one) for one in found.actions],
        tokens_used=wire.Tokens(input=run.input_tokens, output=run.output_tokens),
    )


def _repository(repository: Repository | None) -> wire.Repository | None:
    if repository is None:
        return None
    return wire.Repository(id=shown("repo", repository.id), name=repository.full_name)


def _pull_request(facts: RunFacts) -> wire.PullRequest | None:
    pull = facts.pull_request
    if pull is None:
        return None
    return wire.PullRequest(number=pull.number, title=pull.title, author=pull.author, url=pull.url)


def _results(row: AgentRun, findings: Sequence[Finding]) -> wire.Results:
    return wire.Results(
        summary=row.summary or summary_of(row),
        issues=[_issue(one) for one in findings],
        files_reviewed=row.files_reviewed or 0,
        lines_analyzed=row.lines_analyzed or 0,
    )


def summary_of(row: AgentRun) -> str:
    """What a run found, in one sentence, for agents that say nothing themselves."""
    parts = (_counted(row.errors, "error"), _counted(row.warnings, "warning"), f"{row.infos} info")
    return f"Found {_counted(row.findings, 'issue')} ({', '.join(parts)})"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _issue(one: Finding) -> wire.Issue:
    return wire.Issue(
        id=shown("issue", one.id),
        severity=one.severity,
        type=one.type,
        file=one.file,
        line=one.line or None,
        message=one.message,
        suggestion=one.suggestion,
    )


def _action(one: Action) -> wire.ActionTaken:
    return wire.ActionTaken(type=one.type, target=one.target or "", url=one.url)


def cancel_out(run: Run) -> wire.CancelResponse:
    """A run that is cancelled."""
    return wire.CancelResponse(id=shown("run", run.id), cancelled_at=seconds(run.finished_at or run.updated_at) or "")


def retry_out(run: Run) -> wire.RetryResponse:
    """A new run like another."""
    return wire.RetryResponse(original_run_id=shown("run", run.retry_of or ""), new_run_id=shown("run", run.id))


def logs_out(run_id: str, lines: Sequence[LogEntry]) -> wire.RunLogs:
    """Lines of a run's log."""
    return wire.RunLogs(run_id=shown("run", run_id), logs=[_line(one) for one in lines])


def _line(one: LogEntry) -> wire.LogLine:
    return wire.LogLine(
        timestamp=millis(one.at),
        level=cast("wire.Level", level_of(one.level)),
        message=one.message,
        data=_object(one.data),
    )


def _object(data: str | None) -> Raw:
    text = "" if data is None else data.strip()
    return Raw(text.encode()) if text.startswith("{") else _EMPTY


def stats_out(period: str, spell: Spell) -> wire.RunStats:
    """How runs did over a period."""
    whole = spell.whole
    by_severity = wire.Severities(error=whole.errors, warning=whole.warnings, info=whole.infos)
    return wire.RunStats(
        period=cast("Any", period),
        stats=wire.Stats(
            total_runs=whole.total,
            successful=whole.succeeded,
            failed=whole.failed,
            success_rate=whole.success_rate,
            avg_duration_ms=whole.mean_duration_ms,
            total_issues_found=whole.findings,
            issues_by_severity=by_severity,
        ),
        daily_breakdown=[
            wire.Day(date=str(_EPOCH + timedelta(days=spell.first + at)), runs=day.total, successful=day.succeeded)
            for at, day in enumerate(spell.days)
        ],
    )
