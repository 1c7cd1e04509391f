"""The test runner as the work of an agent: it executes the repository's own code, where the operator allows that."""

import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runyard.agents import scans
from runyard.agents.assignments import Assignment
from runyard.agents.checkout import checkout, local_path
from runyard.agents.confined import Bounds, Ended, run
from runyard.agents.errors import BadRequest, MemoryLimit, TimeLimit
from runyard.agents.scans import Refused
from runyard.agents.settings import AgentSettings
from runyard.agents.test_runner import junit, suites
from runyard.agents.test_runner.junit import Case, Results, Unreadable
from runyard.agents.test_runner.suites import Suite, Wishes
from runyard.agents.work import tell
from runyard.sdk import Context
from runyard.sdk.fields import FindingFields

_LAST_LINES = 30
_SECONDS_BETWEEN_LINES = 10.0
_MOST_FILES_COUNTED = 5000


def work(ctx: Context, assignment: Assignment, settings: AgentSettings) -> dict[str, Any]:
    """Run the tests of the assigned repository. Raises `Refused`, also when they cannot start."""
    wished = scans.asked(assignment, Wishes)
    try:
        _check_trust(assignment, settings)
        with (
            checkout(assignment, settings, cancelled=ctx.cancelled.is_set, say=ctx.progress) as folder,
            tempfile.TemporaryDirectory(prefix="runyard-tests-", ignore_cleanup_errors=True) as private,
        ):
            return _tested(ctx, assignment, settings, wished, folder, Path(private))
    except (BadRequest, TimeLimit, MemoryLimit) as error:
        raise Refused(str(error)) from error


def _check_trust(assignment: Assignment, settings: AgentSettings) -> None:
    """Raises `BadRequest` where the operator has not said that such code may be executed."""
    is_local = local_path(assignment) is not None
    if not is_local and assignment.repository is None:
        return  # there is nothing to run, as the checkout says in better words
    if settings.run_tests == "any" or (settings.run_tests == "local" and is_local):
        return
    needed = "local" if is_local else "any"
    raise BadRequest(
        "To run tests is to execute the repository's code with the rights of the server, which its operator has to "
        f"allow: set RUNYARD_RUN_TESTS={needed} where the server starts; it is {settings.run_tests}"
    )


def _tested(
    ctx: Context, assignment: Assignment, settings: AgentSettings, wished: Wishes, folder: Path, private: Path
) -> dict[str, Any]:
    report, home = private / "junit.xml", private / "home"
    home.mkdir()
    environment = suites.environment(wished, folder, home)
    suite = suites.suite(wished, folder, report, environment, ctx.cancelled.is_set)
    limits = settings.tests
    seconds = min(wished.timeout_seconds or limits.seconds, limits.seconds)
    ctx.observe(f"The tests are run by {suite.runner}", command=[*suite.command])
    began, wall = time.monotonic(), time.time()
    ended = run(
        suite.command,
        folder=folder,
        environment=environment,
        bounds=Bounds(seconds=seconds, memory_bytes=limits.memory_bytes),
        cancelled=ctx.cancelled.is_set,
        watch=_patient(ctx),
    )
    took = time.monotonic() - began
    ctx.tool_call(
        suite.runner,
        input={"command": [*suite.command]},
        output={"exit_code": ended.code, "output": _last_lines(ended)},
        duration_ms=round(took * 1000),
    )
    # A file's time may be a little older than the clock that was read before it was written.
    paths = [report] if suite.junit is None else suites.reports(suite.junit, folder, wall - 2)
    return _concluded(ctx, assignment, wished, suite, ended, _results(suite, ended, paths, folder), folder, took)


def _results(suite: Suite, ended: Ended, paths: list[Path], folder: Path) -> Results:
    """What the reports tell. Raises `BadRequest` with the last lines when the tests did not even start."""
    try:
        if not paths:
            raise Unreadable(f"There is no report at {suite.junit}")
        results = junit.read(paths, folder)
    except Unreadable as error:
        raise BadRequest(
            f"The tests could not be run: {suite.runner} ended with {ended.code}. {error}\n{_last_lines(ended)}"
        ) from None
    no_tests = suite.runner == "pytest" and ended.code == 5
    if results.total == 0 and ended.code != 0 and not no_tests:
        raise BadRequest(f"The tests could not be run: {suite.runner} ended with {ended.code}\n{_last_lines(ended)}")
    return results


def _concluded(
    ctx: Context,
    assignment: Assignment,
    wished: Wishes,
    suite: Suite,
    ended: Ended,
    results: Results,
    folder: Path,
    took: float,
) -> dict[str, Any]:
    counts = {kind: results.counts.get(kind, 0) for kind in ("passed", "failed", "error", "skipped")}
    name = assignment.repository.full_name if assignment.repository is not None else folder.name
    summary = (
        f"{name}: {results.total} tests, {counts['passed']} passed, {counts['failed']} failed, "
        f"{counts['error']} broke, {counts['skipped']} skipped in {took:.1f} s"
    )
    findings = _findings(results.cases) + _remarks(suite, ended, results)
    told = findings[: wished.max_findings]
    notes = [f"{len(findings) - len(told)} more findings did not fit; raise `max_findings`"] * (
        len(told) < len(findings)
    )
    lines = sum(_lines(folder / file) for file in results.files[:_MOST_FILES_COUNTED])
    for note in notes:
        ctx.log(note)
    ctx.think(summary)
    tell(ctx, told, files_reviewed=len(results.files), lines_analyzed=lines, summary=summary)
    severities = Counter(finding["severity"] for finding in told)
    return {
        "repository": name,
        "summary": {kind: severities[kind] for kind in ("error", "warning", "info")} | {"total": len(told)},
        "tests": {"total": results.total, **counts},
        "files_reviewed": len(results.files),
        "lines_analyzed": lines,
        "runner": suite.runner,
        "exit_code": ended.code,
        "seconds": round(took, 3),
        "findings": told,
        "notes": notes,
    }


def _findings(cases: Sequence[Case]) -> list[FindingFields]:
    seen: Counter[tuple[str, str]] = Counter()
    findings: list[FindingFields] = []
    for case in cases:
        seen[case.group, case.name] += 1
        identity = "\0".join((case.group, case.name, str(seen[case.group, case.name])))
        said = (case.message or (case.details.splitlines() or ["no reason given"])[-1]).strip()
        findings.append(
            {
                "id": hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:24],
                "severity": "error",
                "type": "test",
                "rule": f"tests:{case.result}",
                "file": case.file,
                "line": case.line,
                "message": f"{case.name} {'failed' if case.result == 'failed' else 'broke'}: {said}",
                "suggestion": case.details or None,
            }
        )
    return findings


def _remarks(suite: Suite, ended: Ended, results: Results) -> list[FindingFields]:
    """What is odd about the run as a whole."""
    if results.total == 0:
        return [_remark("none", f"{suite.runner} found no tests", None)]
    if ended.code != 0 and not results.cases:
        message = f"No test failed, and still {suite.runner} ended with {ended.code}"
        return [_remark("exit-code", message, _last_lines(ended))]
    return []


def _remark(rule: str, message: str, details: str | None) -> FindingFields:
    return {
        "id": rule,
        "severity": "warning",
        "type": "test",
        "rule": f"tests:{rule}",
        "message": message,
        "suggestion": details,
    }


def _patient(ctx: Context) -> Callable[[], None]:
    """Says every few seconds that it still runs."""
    began = last = time.monotonic()

    def watch() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            ctx.progress(f"running tests for {now - began:.0f} s")

    ctx.progress("running tests")
    return watch


def _last_lines(ended: Ended) -> str:
    return "\n".join(ended.output.strip().splitlines()[-_LAST_LINES:])[-4000:]


def _lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return file.read(1 << 20).count(b"\n")
    except OSError:
        return 0
