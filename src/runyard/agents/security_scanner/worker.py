"""The security scanner as the work of an agent."""

import sys
from typing import Any, Literal

import msgspec

from runyard.agents import scans
from runyard.agents.assignments import Assignment
from runyard.agents.code_reviewer.findings import Severity
from runyard.agents.scans import Scan, Scope
from runyard.agents.settings import AgentSettings
from runyard.sdk import Context

Confidence = Literal["low", "medium", "high"]
CHILD = (sys.executable, "-P", "-m", "runyard.agents.security_scanner.child")


class Wishes(Scope, frozen=True, kw_only=True):
    """What a scan is asked for."""

    min_severity: Severity = "info"
    min_confidence: Confidence = "low"


def work(ctx: Context, assignment: Assignment, settings: AgentSettings) -> dict[str, Any]:
    """Scan the assigned repository, or what changed in it since a base."""
    wished = scans.asked(assignment, Wishes)
    scan = Scan(
        command=CHILD,
        scope=wished,
        options={"min_confidence": wished.min_confidence},
        limits=settings.reviewer.limits,
        min_severity=wished.min_severity,
    )
    report = scans.perform(ctx, assignment, settings, scan)
    return scans.output(assignment, report) | {"asked": msgspec.to_builtins(wished)}
