"""Looks at a repository as the code reviewer does – in a process of its own, bounded – with other eyes.

What the security scanner and the dependency auditor have in common: they differ in who looks, and in what is asked for.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from runyard.agents.assignments import Assignment, base_of, wishes
from runyard.agents.checkout import checkout
from runyard.agents.code_reviewer.findings import Severity
from runyard.agents.code_reviewer.model import Usage
from runyard.agents.code_reviewer.pipeline import OnProgress
from runyard.agents.code_reviewer.report import Report
from runyard.agents.code_reviewer.request import Globs, Limits, ReviewRequest
from runyard.agents.code_reviewer.supervise import review
from runyard.agents.errors import BadRequest, MemoryLimit, TimeLimit
from runyard.agents.settings import AgentSettings
from runyard.agents.work import tell
from runyard.sdk import Context, NonRetryable

_SECONDS_BETWEEN_LINES = 1.0

Asked = TypeVar("Asked", bound=Struct)


class Refused(NonRetryable):
    """It cannot be done as asked for, however often it is tried."""


class Scope(Struct, frozen=True, kw_only=True):
    """Which files are looked at, and how much is told: what every scan may be asked for."""

    include: Globs = ()
    exclude: Globs = ()
    max_findings: Annotated[int, Meta(ge=1, le=10_000)] = 1000


class Scan(Struct, frozen=True, kw_only=True):
    """Who is to look, and at what."""

    command: tuple[str, ...]
    scope: Scope
    options: dict[str, Any]
    limits: Limits
    model: bool | str | None = False
    """Whether a language model looks too: False never, None when one is configured, True or its name by all means."""
    min_severity: Severity = "info"
    changed_only: bool = True
    """Whether a base narrows the scan to what changed since."""


def asked(assignment: Assignment, shape: type[Asked]) -> Asked:
    """The configuration with what the payload says over it. Raises `Refused` with the field that is wrong."""
    try:
        return msgspec.convert(wishes(assignment), shape)
    except msgspec.ValidationError as error:
        names = ", ".join(field.encode_name for field in msgspec.structs.fields(shape))
        raise Refused(f"The configuration of this agent has {names}: {error}") from None


def perform(ctx: Context, assignment: Assignment, settings: AgentSettings, scan: Scan) -> Report:
    """The report on the assigned repository, told as it comes and as rows. Raises `Refused`, or what may pass."""
    cancelled = ctx.cancelled.is_set
    try:
        with checkout(assignment, settings, cancelled=cancelled, say=ctx.progress) as folder:
            report = review(
                ReviewRequest(
                    path=str(folder),
                    base=base_of(assignment) if scan.changed_only else None,
                    include=scan.scope.include,
                    exclude=scan.scope.exclude,
                    max_findings=scan.scope.max_findings,
                    min_severity=scan.min_severity,
                    model=scan.model,
                ),
                roots=[folder],
                limits=scan.limits,
                model=settings.reviewer.model,
                options=scan.options,
                on_progress=paced(ctx.progress, time.monotonic),
                on_usage=lambda usage: _used(ctx, usage),
                cancelled=cancelled,
                command=scan.command,
            )
    except (BadRequest, TimeLimit, MemoryLimit) as error:
        raise Refused(str(error)) from error
    _conclude(ctx, assignment, report)
    return report


def output(assignment: Assignment, report: Report) -> dict[str, Any]:
    """The run's output. The findings themselves are rows of their own."""
    said: dict[str, Any] = msgspec.to_builtins(report)
    return said | {"repository": _name(assignment, report)}


def paced(say: Callable[[str, float, float], None], clock: Callable[[], float]) -> OnProgress:
    """Says at once what is new, and how far it is once a second: every line is kept in the run's log."""
    last: tuple[str, float] = ("", 0.0)

    def progress(message: str, done: int, total: int) -> None:
        nonlocal last
        now = clock()
        if message != last[0] or now - last[1] >= _SECONDS_BETWEEN_LINES:
            last = (message, now)
            say(message, done, total)

    return progress


def _used(ctx: Context, usage: Usage) -> None:
    ctx.usage(
        model=usage.model,
        provider=usage.provider,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
    )


def _conclude(ctx: Context, assignment: Assignment, report: Report) -> None:
    for used in report.analysers:
        ctx.tool_call(
            used.name,
            input={"files": used.files},
            output={"version": used.version},
            duration_ms=round(used.seconds * 1000),
        )
    for note in report.notes:
        ctx.log(note)
    count = report.summary
    summary = (
        f"{_name(assignment, report)}: {count.error} errors, {count.warning} warnings, {count.info} notes "
        f"in {report.files_reviewed} files, {report.lines_analyzed} lines"
    )
    ctx.think(summary)
    tell(
        ctx,
        [msgspec.to_builtins(finding) for finding in report.findings],
        files_reviewed=report.files_reviewed,
        lines_analyzed=report.lines_analyzed,
        summary=summary,
    )


def _name(assignment: Assignment, report: Report) -> str:
    return assignment.repository.full_name if assignment.repository is not None else report.repository
