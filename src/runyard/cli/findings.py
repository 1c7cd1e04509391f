"""What agents found: `runyard findings`, and a review shown grouped by file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit
from runyard.cli.failures import Failure
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

SEVERITIES = ("error", "warning", "info")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One remark of the reviewer."""

    severity: str
    file: str
    message: str
    line: int | None = None
    type: str = ""
    suggestion: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a review came to; the rest of the run's output is not shown in tables."""

    findings: list[Finding]
    files_reviewed: int = 0
    lines_analyzed: int = 0
    summary: dict[str, int] = {}
    omitted: dict[str, int] = {}
    """What did not fit into `findings`, by severity."""
    notes: list[str] = []


def list_findings(
    *,
    severity: Annotated[Literal["error", "warning", "info"] | None, Parameter(help="Only those as grave.")] = None,
    type: Annotated[str | None, Parameter(help="Only those of this type, like bug or security.")] = None,
    file: Annotated[str | None, Parameter(help="Only those in this file.")] = None,
    repository: Annotated[str | None, Parameter(help="Only those in this repository, by id or full name.")] = None,
    agent: Annotated[str | None, Parameter(help="Only those of this agent, by id or the name of its job.")] = None,
    run: Annotated[str | None, Parameter(help="Only those of this run.")] = None,
    limit: Limit = 50,
    invocation: Given,
) -> None:
    """List what agents found, newest first."""
    columns: list[output.Column] = [
        ("severity", lambda one: one.severity),
        ("type", lambda one: one.type),
        ("where", lambda one: f"{one.file or ''}{f':{one.line}' if one.file and one.line else ''}"),
        ("message", lambda one: " ".join(one.message.split())),
        ("run", lambda one: one.run_id),
        ("found", lambda one: stamp(one.at)),
    ]
    with invocation.client() as client:
        found = client.findings(
            severity=severity,
            type=type,
            file=file,
            repository=repository,
            agent=None if agent is None else client.agents.get(agent).id,
            run=None if run is None else run_id(client, run),
            limit=limit,
        )
        output.many(invocation, found, columns, empty="There are no such findings.")


def report_of(run_output: Any) -> Report:
    """The report in a run's output. Raises `Failure` when it is something else."""
    try:
        return msgspec.convert(run_output, Report)
    except msgspec.ValidationError as error:
        raise Failure(f"The run's output is not a review: {error}.", code="not_a_review") from None


def reaches(report: Report, severity: str) -> bool:
    """Whether there is a finding of at least this severity."""
    counted = SEVERITIES[: SEVERITIES.index(severity) + 1]
    return any(report.summary.get(name, 0) + report.omitted.get(name, 0) for name in counted)


def worst(findings: Sequence[Finding], limit: int) -> list[Finding]:
    """The gravest findings, in the reviewer's order within one severity."""
    rank = {name: at for at, name in enumerate(SEVERITIES)}
    return sorted(findings, key=lambda finding: rank.get(finding.severity, len(rank)))[:limit]


def show(invocation: Invocation, findings: Sequence[Finding]) -> None:
    """Print findings under the name of their file."""
    from rich.text import Text

    out = output.console(invocation)
    ordered = sorted(findings, key=lambda finding: (finding.file, finding.line or 0))
    width = max((len(str(finding.line or "")) for finding in ordered), default=1)
    for file, group in groupby(ordered, key=lambda finding: finding.file):
        out.print(Text(output.safe(file), style="bold"))
        for finding in group:
            mark = (f"{finding.severity:<7}", output.style(finding.severity))
            kind = (f"[{finding.type}] " if finding.type else "", "dim")
            text = output.safe(" ".join(finding.message.split()))
            out.print(Text.assemble(f"  {finding.line or '':>{width}}  ", mark, "  ", kind, text))
            if finding.suggestion:
                hint = output.safe(" ".join(finding.suggestion.split()))
                out.print(Text(f"  {'':>{width}}  {'':<7}  → {hint}", style="dim"))
    if ordered:
        out.print()


def summary(report: Report) -> str:
    """The counts in one sentence."""
    counts = [(report.summary.get(name, 0), name) for name in SEVERITIES]
    told = ", ".join(f"{count} {_plural(name, count)}" for count, name in counts)
    files = f"{report.files_reviewed} {_plural('file', report.files_reviewed)}"
    lines = f"{report.lines_analyzed:,} {_plural('line', report.lines_analyzed)}"
    left_out = sum(report.omitted.get(name, 0) for name in SEVERITIES)
    more = f"; {left_out} more left out" if left_out else ""
    return f"{told} in {files}, {lines}{more}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 or word == "info" else word + "s"
