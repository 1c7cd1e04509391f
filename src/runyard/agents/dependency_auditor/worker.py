"""The dependency auditor as the work of an agent."""

import sys
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from runyard.agents import scans
from runyard.agents.assignments import Assignment
from runyard.agents.code_reviewer.request import Limits
from runyard.agents.scans import Scan, Scope
from runyard.agents.settings import AgentSettings
from runyard.sdk import Context

CHILD = (sys.executable, "-P", "-m", "runyard.agents.dependency_auditor.child")
_LARGEST_FILE = 32 << 20  # lock files grow far larger than anything written by hand


class Wishes(Scope, frozen=True, kw_only=True):
    """What an audit is asked for."""

    require_advisories: bool = False
    """Whether the run fails when nobody can be asked about known vulnerabilities."""
    ignore: Annotated[tuple[Annotated[str, Meta(max_length=100)], ...], Meta(max_length=1000)] = ()
    """Ids of advisories that are not told."""
    changed_only: bool = False
    """Whether only what changed since the base is told."""


def work(ctx: Context, assignment: Assignment, settings: AgentSettings) -> dict[str, Any]:
    """Audit what the assigned repository depends on."""
    wished = scans.asked(assignment, Wishes)
    of_files = settings.reviewer.limits
    scan = Scan(
        command=CHILD,
        scope=wished,
        options={
            "folder": str(settings.advisories or ""),
            "url": settings.advisories_url,
            "ignore": wished.ignore,
            "require_advisories": wished.require_advisories,
        },
        limits=Limits(
            seconds=of_files.seconds,
            memory_bytes=of_files.memory_bytes,
            max_files=of_files.max_files,
            max_file_bytes=_LARGEST_FILE,
        ),
        changed_only=wished.changed_only,
    )
    report = scans.perform(ctx, assignment, settings, scan)
    return scans.output(assignment, report) | {"asked": msgspec.to_builtins(wished)}
