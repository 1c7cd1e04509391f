"""The code reviewer as the work of an agent."""

import sys
from typing import Any, Literal

import msgspec

from runyard.agents import scans
from runyard.agents.assignments import Assignment
from runyard.agents.code_reviewer.findings import Severity
from runyard.agents.code_reviewer.request import Text
from runyard.agents.scans import Scan, Scope
from runyard.agents.settings import AgentSettings
from runyard.sdk import Context

CHILD = (sys.executable, "-P", "-m", "runyard.agents.code_reviewer.child")
STYLES: dict[str, Severity] = {"thorough": "info", "balanced": "warning", "focused": "error"}
"""How much a review tells, by the least severity it tells of."""


class Wishes(Scope, frozen=True, kw_only=True):
    """What a review is asked for."""

    model: bool | Text | None = None
    review_style: Literal["thorough", "balanced", "focused"] = "thorough"
    min_severity: Severity | None = None
    """Goes before the style."""


def work(ctx: Context, assignment: Assignment, settings: AgentSettings) -> dict[str, Any]:
    """Review the assigned repository, or what changed in it since a base."""
    wished = scans.asked(assignment, Wishes)
    scan = Scan(
        command=CHILD,
        scope=wished,
        options={},
        limits=settings.reviewer.limits,
        model=wished.model,
        min_severity=wished.min_severity or STYLES[wished.review_style],
    )
    report = scans.perform(ctx, assignment, settings, scan)
    return scans.output(assignment, report) | {"asked": msgspec.to_builtins(wished)}
