"""Requests about what agents are to do, what they find, and what they do to the world outside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runyard.sdk import models
from runyard.sdk.call import Call, encode, get, present, query, segment
from runyard.sdk.calls.leases import proof
from runyard.sdk.fields import ActionResult, FindingFields, Severity


def assignment(run_id: str, *, token: str | None = None) -> Call[models.Assignment]:
    """What the run is to do: its template, configuration, payload, repository and occasion."""
    return Call(method="GET", path=f"/runs/{segment(run_id)}/assignment", shape=models.Assignment, headers=proof(token))


def report(
    run_id: str,
    findings: Iterable[FindingFields] = (),
    *,
    files_reviewed: int | None = None,
    lines_analyzed: int | None = None,
    summary: str | None = None,
    token: str | None = None,
) -> Call[models.Counted]:
    """Tell what was found, 1,000 findings at a time; none at all says that one looked and found nothing.

    Repeated findings are taken once. The first that a later attempt tells take the place of an earlier attempt's.
    """
    said = present(files_reviewed=files_reviewed, lines_analyzed=lines_analyzed, summary=summary)
    return Call(
        method="POST",
        path=f"/runs/{segment(run_id)}/findings",
        shape=models.Counted,
        body=encode({"findings": [*findings], **said}),
        headers=proof(token),
        # What was taken already is not taken again.
        repeatable=True,
    )


def of_run(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.Finding]]:
    """What was found in a run, in the order told."""
    return get(f"/runs/{segment(run_id)}/findings", models.Page[models.Finding], query(limit=limit))


def search(
    *,
    severity: Severity | None = None,
    type: str | None = None,
    file: str | None = None,
    repository: str | None = None,
    agent: str | None = None,
    run: str | None = None,
    limit: int | None = None,
) -> Call[models.Page[models.Finding]]:
    """The project's findings, newest first; repository and agent are ids."""
    fields = query(severity=severity, type=type, file=file, repository=repository, agent=agent, run=run, limit=limit)
    return get("/findings", models.Page[models.Finding], fields)


def act(
    run_id: str,
    type: str,
    description: str,
    *,
    target: str | None = None,
    url: str | None = None,
    result: ActionResult | None = None,
    details: dict[str, Any] | None = None,
    token: str | None = None,
) -> Call[models.Action]:
    """Record what the agent did to the world outside, such as a comment it wrote."""
    body = {
        "type": type,
        "description": description,
        **present(target=target, url=url, result=result, details=details),
    }
    return Call(
        method="POST",
        path=f"/runs/{segment(run_id)}/actions",
        shape=models.Action,
        body=encode(body),
        headers=proof(token),
    )


def actions(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.Action]]:
    """What the run's agent did to the world outside, oldest first."""
    return get(f"/runs/{segment(run_id)}/actions", models.Page[models.Action], query(limit=limit))
