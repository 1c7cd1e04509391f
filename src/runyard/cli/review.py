"""`runyard review`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from runyard.cli import findings, output, reviewing
from runyard.cli.exits import Exit
from runyard.cli.invocation import Given


def review(
    path: Annotated[Path, Parameter(help="A git repository on the server's machine.")],
    /,
    *,
    base: Annotated[str | None, Parameter(help="Review only what changed since this commit, branch or tag.")] = None,
    follow: Annotated[bool, Parameter(negative="--no-follow", help="Wait for the findings, or only ask.")] = True,
    fail_on: Annotated[
        Literal["error", "warning", "info", "never"],
        Parameter(help="Exit with 1 when a finding is at least that grave."),
    ] = "never",
    invocation: Given,
) -> int:
    """Have the built-in code reviewer review a git repository."""
    folder = path.expanduser().absolute()
    with reviewing.server_for(invocation, folder, may_start=follow) as client:
        run = reviewing.ask(client, folder, base)
        if not follow:
            output.one(invocation, run, [("run", run.id), ("state", run.state)], name=run.id)
            return Exit.OK
        output.note(invocation, f"run {run.id}")
        ended = reviewing.completed(invocation, client, run)
    report = findings.report_of(ended.output)
    if invocation.output == "json":
        output.document({"run_id": run.id, **ended.output})
    elif invocation.output == "jsonl":
        for finding in ended.output["findings"]:
            output.line(finding)
    else:
        findings.show(invocation, report.findings)
        output.say(findings.summary(report))
        for remark in report.notes:
            output.say(remark)
        output.say(f"run {run.id}")
    return Exit.FAILURE if fail_on != "never" and findings.reaches(report, fail_on) else Exit.OK
