"""How a built-in agent is put to work: a function for each template, and what all of them tell in one way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runyard.agents.assignments import Assignment
from runyard.agents.settings import AgentSettings
from runyard.sdk import Context, Worker
from runyard.sdk.fields import FindingFields

Work = Callable[[Context, Assignment, AgentSettings], dict[str, Any]]
"""Does what is assigned and returns the run's output. `NonRetryable` says that trying again would not help."""

_FINDINGS_IN_A_CALL = 1000
_LONGEST_FILE = 512  # what the server keeps of a path


def register(worker: Worker, slug: str, work: Work, settings: AgentSettings) -> None:
    """Have the worker take the runs of agents made from a template."""

    @worker.queue(slug)
    def perform(ctx: Context, _payload: object) -> dict[str, Any]:
        return work(ctx, ctx.assignment(), settings)


def tell(
    ctx: Context,
    findings: Sequence[FindingFields],
    *,
    files_reviewed: int | None = None,
    lines_analyzed: int | None = None,
    summary: str | None = None,
) -> None:
    """Report findings as rows, many in a call; with none, that there was nothing to find."""
    for first in range(0, max(1, len(findings)), _FINDINGS_IN_A_CALL):
        batch = [_fitting(finding) for finding in findings[first : first + _FINDINGS_IN_A_CALL]]
        ctx.findings(batch, files_reviewed=files_reviewed, lines_analyzed=lines_analyzed, summary=summary)


def _fitting(finding: FindingFields) -> FindingFields:
    """The finding with the end of its path, where that is longer than can be kept."""
    file = finding.get("file")
    if file is None or len(file) <= _LONGEST_FILE:
        return finding
    return {**finding, "file": "…" + file[1 - _LONGEST_FILE :]}
