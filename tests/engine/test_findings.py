"""Findings: rows that can be asked for, and exact counts of them in runs and in the sums of days."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runyard.domain.errors import Conflict, Invalid, LeaseLost, NotFound
from runyard.domain.findings import Finding, NewFinding
from runyard.engine import agents, findings, projects
from runyard.engine.claims import Granted
from runyard.engine.fences import Writer
from runyard.engine.findings import Counted, Findings, Where
from runyard.storage.statements import agent_runs as rows_sql
from runyard.storage.statements import findings as sql
from tests.engine.test_agent_runs import agree, row_of
from tests.support.yard import Yard


def one(severity: Any = "error", **said: Any) -> NewFinding:
    """A finding."""
    return NewFinding(**{"severity": severity, "type": "bug", "message": "it breaks", "file": "a.py", "line": 3} | said)


def started(yard: Yard, agent: agents.Agent | None = None, **said: Any) -> Granted:
    """A run of an agent, at work."""
    run = yard.ask_agent(agent, **said)
    granted = yard.claim_one(executor=run.executor)
    assert granted.run.id == run.id
    yard.start(granted)
    return granted


def by(yard: Yard, granted: Granted) -> Writer:
    """Who holds the run."""
    return Writer(project_id=yard.project_id, run_id=granted.run.id, token=granted.lease.token)


def tell(yard: Yard, granted: Granted, *found: NewFinding, **said: Any) -> Counted:
    """Report findings under the lease."""
    return yard.store.transact(findings.add, by(yard, granted), Findings(findings=found, **said))


def counts(yard: Yard, granted: Granted) -> tuple[int, int, int]:
    """How many findings of each severity the run has, which must be what the rows are."""
    row = row_of(yard, granted.run)
    kept = listed(yard, granted)
    said = (row.errors, row.warnings, row.infos)
    assert said == tuple(sum(f.severity == name for f in kept) for name in ("error", "warning", "info"))
    agree(yard)
    return said


def listed(yard: Yard, granted: Granted) -> list[Finding]:
    """The run's findings."""
    return yard.store.look(findings.of_run, yard.project_id, granted.run.id, limit=20_000).rows


def asked(yard: Yard, *, limit: int = 50, **where: Any) -> list[str]:
    """The messages of the project's findings, newest first."""
    found: list[str] = []
    before: str | None = None
    while True:
        part = yard.store.look(findings.query, yard.project_id, Where(**where), before=before, limit=limit)
        found += [finding.message for finding in part.rows]
        if part.more is None:
            return found
        assert before is None or part.more < before, "a list must go on"
        before = part.more


def test_findings_are_kept_in_the_order_told_and_counted(yard: Yard):
    granted = started(yard)
    assert not row_of(yard, granted.run).has_results
    told = tell(yard, granted, one(message="1"), one("warning", message="2"), files_reviewed=4, lines_analyzed=90)
    assert (told.accepted, told.row.errors, told.row.files_reviewed) == (2, 1, 4)
    tell(yard, granted, one("info", message="3"), summary="three things")
    assert [finding.message for finding in listed(yard, granted)] == ["1", "2", "3"]
    assert counts(yard, granted) == (1, 1, 1)
    row = row_of(yard, granted.run)
    assert (row.files_reviewed, row.lines_analyzed, row.summary) == (4, 90, "three things")
    assert yard.story(granted.run)[-2:] == ["findings", "findings"]
    assert yard.last(granted.run) == {"errors": 0, "warnings": 0, "infos": 1, "total": 3}


def test_no_findings_say_that_there_was_nothing_to_find(yard: Yard):
    granted = started(yard)
    tell(yard, granted, files_reviewed=7)
    row = row_of(yard, granted.run)
    assert (row.has_results, row.findings, row.files_reviewed) == (True, 0, 7)
    agree(yard)


def test_what_is_told_again_is_taken_once(yard: Yard):
    granted = started(yard)
    same = one(), one(), one(fingerprint="x"), one(fingerprint="x", message="worded otherwise")
    assert tell(yard, granted, *same).accepted == 2
    assert tell(yard, granted, *same, one(line=4)).accepted == 1
    assert counts(yard, granted) == (3, 0, 0)


def test_the_first_report_of_a_later_attempt_ends_the_findings_of_the_one_before(yard: Yard):
    granted = started(yard)
    tell(yard, granted, one(), one("warning"), files_reviewed=9, summary="the first")
    yard.fail(granted)
    yard.after(hours=1)
    again = yard.claim_one()
    yard.start(again)
    assert again.run.attempt == 2
    assert counts(yard, granted) == (1, 1, 0), "until it tells of its own, those of the attempt before count"
    tell(yard, again, one("info"))
    assert counts(yard, granted) == (0, 0, 1)
    row = row_of(yard, granted.run)
    assert (row.files_reviewed, row.summary, row.findings_attempt) == (None, None, 2)
    assert asked(yard) == ["it breaks"]
    with pytest.raises(LeaseLost):
        tell(yard, granted, one(line=99))
    assert counts(yard, granted) == (0, 0, 1)


def test_a_run_queued_anew_after_its_last_attempt_begins_anew(yard: Yard):
    granted = started(yard)
    tell(yard, granted, one(), one(line=5), files_reviewed=2)
    yard.fail(granted, retryable=False)
    yard.requeue(granted.run)
    again = yard.claim_one()
    assert again.run.attempt == 1
    assert counts(yard, granted) == (2, 0, 0)
    assert tell(yard, again, one(), one("warning", line=6)).accepted == 2
    assert counts(yard, granted) == (1, 1, 0)
    assert row_of(yard, granted.run).files_reviewed is None


def test_reports_of_two_servers_at_once_are_all_counted(two_servers: Any, clock: Any):
    here, there = (Yard(server, clock) for server in two_servers)
    granted = started(here)

    def report(at: int) -> int:
        # All tell the same finding besides their own, which for one of them it is.
        mine = one("error" if at % 2 else "info", line=at // 2)
        return tell(here if at % 2 else there, granted, mine, one(line=7)).accepted

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(report, range(40))) == 40
    assert counts(here, granted) == (20, 0, 20)


def test_findings_are_of_the_runs_of_agents_alone(yard: Yard):
    granted = yard.running()
    with pytest.raises(Conflict, match="only runs of agents"):
        tell(yard, granted, one())


def test_whoever_may_write_to_any_run_may_tell_findings_until_it_ends(yard: Yard):
    granted = started(yard)
    anyone = Writer(project_id=yard.project_id, run_id=granted.run.id)
    assert yard.store.transact(findings.add, anyone, Findings(findings=(one(),))).accepted == 1
    yard.complete(granted)
    with pytest.raises(Conflict):
        yard.store.transact(findings.add, anyone, Findings(findings=(one(line=9),)))
    other = yard.store.transact(projects.create, slug="other", name="Other")
    stranger = Writer(project_id=other.id, run_id=granted.run.id, token=granted.lease.token)
    with pytest.raises(NotFound):
        yard.store.transact(findings.add, stranger, Findings(findings=(one(),)))
    with pytest.raises(NotFound):
        yard.store.look(findings.of_run, other.id, granted.run.id)


def test_a_run_has_so_many_findings_and_no_more(yard: Yard):
    granted = started(yard)
    for tens in range(10):
        tell(yard, granted, *[one(line=tens * 1000 + at) for at in range(1000)])
    with pytest.raises(Conflict, match="at most 10000"):
        tell(yard, granted, one(line=99_999))
    assert tell(yard, granted, one(line=3)).accepted == 0
    assert counts(yard, granted) == (10_000, 0, 0)


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"severity": "fatal"}, "severity"),
        ({"type": ""}, "type"),
        ({"message": ""}, "message"),
        ({"message": "m" * 10_001}, "message"),
        ({"message": "a\0b"}, "message"),
        ({"file": "f" * 513}, "file"),
        ({"line": -1}, "line"),
        ({"line": 2**60}, "line"),
        ({"fingerprint": "f" * 129}, "id"),
        ({"suggestion": "s" * 10_001}, "suggestion"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_of_it_is_kept(yard: Yard, wrong: dict[str, Any], names: str):
    granted = started(yard)
    with pytest.raises(Invalid, match=names):
        tell(yard, granted, one(), one(**wrong))
    assert not row_of(yard, granted.run).has_results
    assert listed(yard, granted) == []


def test_a_file_of_the_longest_name_can_be_kept_and_asked_for(yard: Yard):
    granted = started(yard)
    name = "".join(chr(0x20000 + at * 7) for at in range(512))
    tell(yard, granted, one(file=name))
    assert asked(yard, file=name) == ["it breaks"]


def test_findings_can_be_asked_for_by_what_they_are(yard: Yard):
    mine, other = yard.agent("Mine"), yard.agent("Other")
    first, second = started(yard, mine), started(yard, other)
    tell(yard, first, one(message="1"), one("warning", message="2", type="style"), one("info", message="3", file=None))
    tell(yard, second, one(message="4"), one("warning", message="5", file="b.py"))
    assert asked(yard) == ["5", "4", "3", "2", "1"]
    assert asked(yard, limit=2) == ["5", "4", "3", "2", "1"]
    assert asked(yard, severity="warning") == ["5", "2"]
    assert asked(yard, type="style") == ["2"]
    assert asked(yard, file="a.py") == ["4", "2", "1"]
    assert asked(yard, agent=mine.id) == ["3", "2", "1"]
    assert asked(yard, run=second.run.id) == ["5", "4"]
    assert asked(yard, run=first.run.id, severity="error") == ["1"]
    assert asked(yard, agent=other.id, file="b.py", type="bug") == ["5"]
    assert asked(yard, agent=mine.id, run=second.run.id) == []
    nobodies: list[dict[str, Any]] = [
        {"agent": "x"},
        {"run": "x"},
        {"repository": "x"},
        {"file": "x"},
        {"type": "a\0b"},
    ]
    for nobody in nobodies:
        assert asked(yard, **nobody) == []
    with pytest.raises(Invalid, match="severity"):
        asked(yard, severity="fatal")


def test_findings_of_others_cannot_be_asked_for(yard: Yard):
    granted = started(yard)
    tell(yard, granted, one())
    other = yard.store.transact(projects.create, slug="other", name="Other").id
    for where in (Where(), Where(run=granted.run.id), Where(agent=granted.run.job_id)):
        part = yard.store.look(findings.query, other, where)
        assert (part.rows, part.more) == ([], None)


def test_a_filter_looks_at_a_bounded_number_of_rows_at_a_time(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(findings, "SCAN", 4)
    granted = started(yard)
    rest = [one("info", message=str(at), line=at) for at in range(11)]
    tell(yard, granted, one(message="first"), *rest, one(message="last"))
    job = granted.run.job_id
    part = yard.store.look(findings.query, yard.project_id, Where(agent=job, severity="error"), limit=5)
    assert [finding.message for finding in part.rows] == ["last"]
    assert part.more is not None
    assert asked(yard, agent=job, severity="error") == ["last", "first"]


def test_findings_of_a_repository_can_be_asked_for_by_its_id_and_name(yard: Yard):
    repository = repository_of(yard, "acme/app")
    granted = started(yard, payload={"repository": "acme/app"})
    tell(yard, granted, one(message="here"))
    tell(yard, started(yard), one(message="elsewhere"))
    assert asked(yard, repository=repository) == ["here"]
    assert asked(yard, repository="acme/app") == ["here"]
    row = yard.store.look(rows_sql.get, [granted.run.id])[granted.run.id]
    assert row.repository_id == repository


def repository_of(yard: Yard, full_name: str) -> str:
    """A connected repository; its id."""

    def connect(tx: Any) -> str:
        made: str = tx.new_id()
        tx.run(
            "INSERT INTO repositories (id, project_id, provider, full_name, default_branch, private, created_at, "
            "updated_at) VALUES (:id, :project_id, 'github', :full_name, 'main', 0, :now, :now)",
            id=made,
            project_id=yard.project_id,
            full_name=full_name,
            now=tx.now,
        )
        return made

    return yard.store.transact(connect)


def test_each_list_of_findings_is_read_from_its_index(yard: Yard):
    if yard.store.engine != "sqlite":
        pytest.skip("plans of PostgreSQL depend on how much there is; SQLite's do not")
    granted = started(yard)
    tell(yard, granted, one())

    def plan(tx: Any, lead: str) -> str:
        text = sql.AHEAD.format(lead=sql.LEADING[lead])
        names = {"project_id": 1, lead: "x", "before": "g", "scan": 10}
        return " ".join(str(row[3]) for row in tx.rows(f"EXPLAIN QUERY PLAN {text}", **names))

    indexes = {
        "run_id": "order",
        "file": "file",
        "repository_id": "repository",
        "job_id": "job",
        "type": "type",
        "severity": "severity",
        "project_id": "project",
    }
    for lead, index in indexes.items():
        how = yard.store.look(plan, lead)
        assert f"findings_{index} " in how, how
        assert "TEMP B-TREE" not in how, how
