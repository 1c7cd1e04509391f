"""The reviewer as a job that any worker can take: `register` it, and runs of `code-reviewer` are reviews."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from runyard.agents.code_reviewer.model import Usage
from runyard.agents.code_reviewer.pipeline import OnProgress
from runyard.agents.code_reviewer.report import Report
from runyard.agents.code_reviewer.request import parse
from runyard.agents.code_reviewer.settings import ReviewerSettings
from runyard.agents.code_reviewer.supervise import review
from runyard.agents.errors import BadRequest, MemoryLimit, TimeLimit
from runyard.sdk import Context, NonRetryable, Worker

JOB = "code-reviewer"

_RETRIES = 2  # of what broke by chance; a request that cannot be met is not tried again
_SPARE_SECONDS = 60.0  # so that the review's own limit, which says more, comes before the job's
_SECONDS_BETWEEN_LINES = 1.0


class ReviewRefused(NonRetryable):
    """The review cannot be done as asked for, however often it is tried."""


def register(worker: Worker, settings: ReviewerSettings) -> None:
    """Have the worker take runs of the job `code-reviewer`."""

    @worker.job(
        JOB,
        retries=_RETRIES,
        timeout=settings.limits.seconds + _SPARE_SECONDS,
        description="Reviews a git repository, or what changed in it since a base, and reports findings.",
    )
    def code_reviewer(ctx: Context, payload: Any) -> dict[str, Any]:
        return perform_run(ctx, payload, settings)


def perform_run(ctx: Context, payload: object, settings: ReviewerSettings) -> dict[str, Any]:
    """The report on one run's request. Raises `ReviewRefused`, or an `AgentError` worth another try."""

    def on_usage(usage: Usage) -> None:
        ctx.usage(
            model=usage.model,
            provider=usage.provider,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
        )

    cancelled = ctx.cancelled
    try:
        report = review(
            parse(payload),
            roots=settings.roots,
            limits=settings.limits,
            model=settings.model,
            on_progress=paced(ctx.progress, time.monotonic),
            on_usage=on_usage,
            cancelled=cancelled.is_set,
        )
    except (BadRequest, TimeLimit, MemoryLimit) as error:
        raise ReviewRefused(str(error)) from error
    _conclude(ctx, report)
    output: dict[str, Any] = msgspec.to_builtins(report)
    return output


def paced(say: OnProgress, clock: Callable[[], float]) -> OnProgress:
    """Says at once what is new, and how far it is once a second: every line is kept in the run's log."""
    last: tuple[str, float] = ("", 0.0)

    def progress(message: str, done: int, total: int) -> None:
        nonlocal last
        now = clock()
        if message != last[0] or now - last[1] >= _SECONDS_BETWEEN_LINES:
            last = (message, now)
            say(message, done, total)

    return progress


def _conclude(ctx: Context, report: Report) -> None:
    for note in report.notes:
        ctx.log(note, level="info")
    count = report.summary
    ctx.log(
        f"{report.repository}: {count.error} errors, {count.warning} warnings, {count.info} notes "
        f"in {report.files_reviewed} files, {report.lines_analyzed} lines",
        summary=msgspec.to_builtins(count),
    )
