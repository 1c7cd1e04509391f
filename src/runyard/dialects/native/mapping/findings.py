"""What agents are to do, find and do."""

from __future__ import annotations

import msgspec

from runyard.dialects.native import wire
from runyard.dialects.native.mapping.values import when
from runyard.domain import findings as domain
from runyard.domain.agents import Commit, PullRequest
from runyard.domain.repositories import Repository
from runyard.engine import actions, assignments, findings


def findings_in(said: wire.FindingsIn) -> findings.Findings:
    """What an agent tells."""
    return findings.Findings(
        findings=tuple(_finding_in(one) for one in said.findings),
        files_reviewed=said.files_reviewed,
        lines_analyzed=said.lines_analyzed,
        summary=said.summary,
    )


def _finding_in(one: wire.FindingIn) -> domain.NewFinding:
    return domain.NewFinding(
        severity=one.severity,
        type=one.type,
        message=one.message,
        fingerprint=one.id,
        rule=one.rule,
        file=one.file,
        line=one.line,
        suggestion=one.suggestion,
    )


def counted_out(counted: findings.Counted) -> wire.Counted:
    """How many were taken, and how many there are."""
    row = counted.row
    return wire.Counted(accepted=counted.accepted, errors=row.errors, warnings=row.warnings, infos=row.infos)


def finding_out(one: domain.Finding) -> wire.Finding:
    """A finding on the wire."""
    return wire.Finding(
        id=one.id,
        run_id=one.run_id,
        attempt=one.attempt,
        agent_id=one.job_id,
        repository_id=one.repository_id,
        fingerprint=one.fingerprint,
        severity=one.severity,
        type=one.type,
        rule=one.rule,
        file=one.file,
        line=one.line,
        message=one.message,
        suggestion=one.suggestion,
        at=when(one.at),
    )


def action_in(said: wire.ActionIn) -> actions.NewAction:
    """What an agent did."""
    return actions.NewAction(
        type=said.type,
        description=said.description,
        target=said.target,
        url=said.url,
        result=said.result,
        details=None if said.details is None else msgspec.json.encode(said.details).decode(),
    )


def action_out(one: domain.Action) -> wire.Action:
    """An action on the wire."""
    return wire.Action(
        id=one.id,
        run_id=one.run_id,
        attempt=one.attempt,
        at=when(one.at),
        type=one.type,
        description=one.description,
        target=one.target,
        url=one.url,
        result=one.result,
        details=None if one.details is None else msgspec.json.decode(one.details),
    )


def assignment_out(one: assignments.Assignment, slug: str) -> wire.Assignment:
    """What a run is to do, on the wire."""
    return wire.Assignment(
        run_id=one.run.id,
        project=slug,
        agent_id=one.run.job_id if one.run.agent else None,
        template=one.template,
        config=dict(one.config),
        payload=dict(one.payload),
        repository=_repository_out(one.repository),
        pull_request=_pull_request_out(one.facts.pull_request),
        commit=_commit_out(one.facts.commit),
        trigger=one.trigger,
        event=one.event,
    )


def _repository_out(one: Repository | None) -> wire.AssignedRepository | None:
    if one is None:
        return None
    return wire.AssignedRepository(
        id=one.id,
        provider=one.provider,
        full_name=one.full_name,
        default_branch=one.default_branch,
        url=one.url,
        path=one.path,
    )


def _pull_request_out(one: PullRequest | None) -> wire.AssignedPullRequest | None:
    if one is None:
        return None
    return wire.AssignedPullRequest(number=one.number, title=one.title, author=one.author, url=one.url)


def _commit_out(one: Commit | None) -> wire.AssignedCommit | None:
    return None if one is None else wire.AssignedCommit(sha=one.sha, message=one.message)
