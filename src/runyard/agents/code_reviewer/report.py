"""The answer to a review."""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from runyard.agents.code_reviewer.files import Skipped
from runyard.agents.code_reviewer.findings import Finding


class Summary(Struct, frozen=True, kw_only=True):
    """How many findings there are of each severity."""

    error: int = 0
    warning: int = 0
    info: int = 0
    total: int = 0


class AnalyserUsed(Struct, frozen=True, kw_only=True):
    """Who looked, at how much, for how long."""

    name: str
    version: str
    files: int
    seconds: float


class Report(Struct, frozen=True, kw_only=True):
    """A finished review. `summary` counts `findings`; what did not fit in is counted in `omitted`."""

    repository: str
    branch: str | None
    head: str | None
    base: str | None
    base_commit: str | None
    files_reviewed: int
    lines_analyzed: int
    summary: Summary
    omitted: Summary
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    skipped_total: int
    notes: tuple[str, ...]
    analysers: tuple[AnalyserUsed, ...]


def summarise(findings: Iterable[Finding]) -> Summary:
    """Counts by severity."""
    count = Counter(finding.severity for finding in findings)
    return Summary(error=count["error"], warning=count["warning"], info=count["info"], total=count.total())
