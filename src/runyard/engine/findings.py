"""Findings: what agents find, as rows, and counted in their runs as they are told.

A run's findings are those of the last attempt that told any. They are counted in the transaction that takes them,
while the run is locked, so its counts are exact.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runyard.domain.agents import AgentRun
from runyard.domain.errors import Conflict, Invalid
from runyard.domain.findings import SEVERITIES, Finding, NewFinding, fingerprint_of
from runyard.domain.slices import Slice
from runyard.engine import agent_runs, fences, runs, sizes
from runyard.engine.events import SCAN
from runyard.engine.fences import Writer
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import agent_runs as rows_sql
from runyard.storage.statements import agents as agents_sql
from runyard.storage.statements import fences as fences_sql
from runyard.storage.statements import findings as sql
from runyard.storage.statements import repositories as repositories_sql
from runyard.storage.statements.fences import Fenced

MOST_AT_ONCE = 1000
MOST = 10_000
"""How many findings a run may have."""
TEXT = 10_000
FILE = 512
"""A path of that many characters still fits into an index, whatever they are."""
HIGHEST = 2**53
_COUNTS = {"error": "errors", "warning": "warnings", "info": "infos"}


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent tells at a time; no findings at all say that it looked and found nothing."""

    findings: tuple[NewFinding, ...] = ()
    files_reviewed: int | None = None
    lines_analyzed: int | None = None
    summary: str | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many findings were new, and the run as it is counted now."""

    accepted: int
    row: AgentRun


class Where(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which findings are asked for; all that is given must hold."""

    severity: str | None = None
    type: str | None = None
    file: str | None = None
    repository: str | None = None
    """Its id, or the full name of one that is connected."""
    agent: str | None = None
    run: str | None = None


def add(tx: Tx, writer: Writer, told: Findings) -> Counted:
    """Take findings of an agent's run, repeated ones once; the first of another attempt end those before it.

    Raises `NotFound`, `LeaseLost`, `Invalid`, or `Conflict` for the run of no agent or one with too many findings.
    """
    _check(told)
    run = fences.open_for(tx, writer)
    row = rows_sql.get(tx, [run.id]).get(run.id)
    if row is None:
        raise Conflict("only runs of agents have findings, and this run's job was none as the run was made")
    fresh = _fresh(tx, run, row, told)
    before, anew = row, row.findings_attempt != run.attempt
    if anew:
        row = msgspec.structs.replace(
            row, errors=0, warnings=0, infos=0, files_reviewed=None, lines_analyzed=None, summary=None
        )
    if row.findings + len(fresh) > MOST:
        raise Conflict(f"the run has {row.findings} findings, and these are {len(fresh)} more; at most {MOST} are kept")
    if anew:
        sql.retire(tx, run.id)
    sql.add(tx, _rows(tx, run, row, fresh))
    added = {_COUNTS[one]: sum(new.severity == one for new in fresh.values()) for one in SEVERITIES}
    row = agent_runs.count(
        tx,
        before,
        **{name: getattr(row, name) + count for name, count in added.items()},
        findings_attempt=run.attempt,
        files_reviewed=row.files_reviewed if told.files_reviewed is None else told.files_reviewed,
        lines_analyzed=row.lines_analyzed if told.lines_analyzed is None else told.lines_analyzed,
        summary=row.summary if told.summary is None else told.summary,
    )
    fences.journal(tx, run, "run.findings", writer.actor, {**added, "total": row.findings})
    return Counted(accepted=len(fresh), row=row)


def of_run(tx: Tx, project_id: int, run_id: str, *, after: str = "", limit: int = 50) -> Slice[Finding, str]:
    """The run's findings in the order told. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    rows = sql.of_run(tx, run_id, after=after, n=limit + 1)
    return Slice(rows=rows[:limit], more=rows[limit - 1].id if len(rows) > limit else None)


def query(tx: Tx, project_id: int, where: Where, *, before: str | None = None, limit: int = 50) -> Slice[Finding, str]:
    """The project's findings that count, newest first, from below an id on. Raises `Invalid`."""
    if where.severity is not None and where.severity not in SEVERITIES:
        raise Invalid(f"{where.severity[:64]!r} is not a severity; there are {', '.join(SEVERITIES)}")
    wanted = _wanted(tx, project_id, where)
    if wanted is None:
        return Slice(rows=[], more=None)
    rows, lowest = sql.newest(tx, wanted, before=before or BEYOND, n=limit + 1, scan=SCAN)
    return Slice(rows=rows[:limit], more=rows[limit - 1].id if len(rows) > limit else lowest)


def _wanted(tx: Tx, project_id: int, where: Where) -> dict[str, str | int] | None:
    """The values that rows must have, None when something is named that is not the project's."""
    wanted: dict[str, str | int] = {"project_id": project_id}
    given = msgspec.structs.asdict(where)
    if any(value is not None and "\0" in value for value in given.values()):
        return None
    wanted |= {name: value for name in ("severity", "type", "file") if (value := given[name]) is not None}
    if where.run is not None:
        run = fences_sql.get(tx, [where.run]).get(where.run)
        if run is None or run.project_id != project_id:
            return None
        wanted["run_id"] = run.id
    if where.agent is not None:
        agent = agents_sql.get(tx, [where.agent]).get(where.agent)
        if agent is None or agent.project_id != project_id:
            return None
        wanted["job_id"] = agent.job_id
    if where.repository is not None:
        found = _repository(tx, project_id, where.repository)
        if found is None:
            return None
        wanted["repository_id"] = found
    return wanted


def _repository(tx: Tx, project_id: int, wanted: str) -> str | None:
    """The id of the project's repository of that id, disconnected or not, or of that full name."""
    known = repositories_sql.get(tx, [wanted]).get(wanted)
    if known is not None:
        return known.id if known.project_id == project_id else None
    return repositories_sql.by_names(tx, [(project_id, wanted)]).get((project_id, wanted))


def _fresh(tx: Tx, run: Fenced, row: AgentRun, told: Findings) -> dict[str, NewFinding]:
    """The findings that are not taken yet, by what tells them apart."""
    by_print: dict[str, NewFinding] = {}
    for new in told.findings:
        by_print.setdefault(fingerprint_of(new), new)
    if row.findings_attempt != run.attempt or not by_print:
        return by_print
    known = sql.known(tx, run.id, run.attempt, sorted(by_print))
    return {key: new for key, new in by_print.items() if key not in known}


def _rows(tx: Tx, run: Fenced, row: AgentRun, fresh: Mapping[str, NewFinding]) -> list[Finding]:
    # Lists go by the id: the order in which findings were told is theirs too.
    ids = sorted(tx.new_id() for _ in fresh)
    return [
        Finding(
            id=made,
            project_id=run.project_id,
            run_id=run.id,
            attempt=run.attempt,
            current=1,
            job_id=row.job_id,
            repository_id=row.repository_id,
            fingerprint=key,
            severity=new.severity,
            type=new.type,
            rule=new.rule,
            file=new.file,
            line=new.line,
            message=new.message,
            suggestion=new.suggestion,
            at=tx.now,
        )
        for made, (key, new) in zip(ids, fresh.items(), strict=True)
    ]


def _check(told: Findings) -> None:
    if len(told.findings) > MOST_AT_ONCE:
        raise Invalid(f"{len(told.findings)} findings in one call; at most {MOST_AT_ONCE} are taken")
    sizes.plain("the summary", told.summary, longest=TEXT)
    _whole("files_reviewed", told.files_reviewed)
    _whole("lines_analyzed", told.lines_analyzed)
    for new in told.findings:
        if new.severity not in SEVERITIES:
            raise Invalid(f"{new.severity[:64]!r} is not a severity; there are {', '.join(SEVERITIES)}")
        sizes.plain("the type of a finding", new.type, longest=64, shortest=1)
        sizes.plain("the message of a finding", new.message, longest=TEXT, shortest=1)
        sizes.plain("the id of a finding", new.fingerprint, longest=128, shortest=1)
        sizes.plain("the rule of a finding", new.rule, longest=256)
        sizes.plain("the file of a finding", new.file, longest=FILE, shortest=1)
        sizes.plain("the suggestion of a finding", new.suggestion, longest=TEXT)
        _whole("the line of a finding", new.line)


def _whole(what: str, number: int | None) -> None:
    if number is not None and not 0 <= number <= HIGHEST:
        raise Invalid(f"{what} is {number}; 0 to {HIGHEST} are right")
