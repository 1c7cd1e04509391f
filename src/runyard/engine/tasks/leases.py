"""What sessions say of the runs they have. A session proves its lease by being who it is; there is no token to send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from runyard.domain.actors import Doer, Origin
from runyard.domain.errors import DomainError, Invalid, NotFound
from runyard.domain.moves import changed, move
from runyard.domain.policy import Failure
from runyard.domain.records import Json, Move, Run, TaskMove
from runyard.domain.sessions import Session
from runyard.domain.states import LEASED
from runyard.domain.tasks import TaskRun
from runyard.engine import sessions
from runyard.engine.failures import told
from runyard.engine.ledger import wake
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import claims, desk, documents, held
from runyard.engine.tasks.refusals import ForeignRun, LeaseOver, NoActiveLease
from runyard.engine.tasks.timeline import note
from runyard.engine.tasks.views import RunSeen
from runyard.storage.port import Tx, many
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql

Outcome = RunSeen | DomainError


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A session and the run it speaks of."""

    project_id: int
    who: Claimed
    run_id: str
    origin: Origin


class Extend(Report, frozen=True, kw_only=True):
    """It lives, and wants the lease to last so long from now on."""

    lease: int | None = None


class Complete(Report, frozen=True, kw_only=True):
    """The run is done."""

    result: Json | None = None


class Fail(Report, frozen=True, kw_only=True):
    """The run failed; `metadata` is for the timeline alone."""

    error: str
    metadata: Json | None = None


class Release(Report, frozen=True, kw_only=True):
    """Somebody else may have the run."""

    reason: str | None = None


R = TypeVar("R", bound=Report)


class _Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A report that may be acted upon."""

    run: Run
    row: TaskRun
    by: Doer


@many
def extend(tx: Tx, reports: Sequence[Extend]) -> list[Outcome]:
    """Leases last from now on as long as is asked for, which may be shorter than before."""
    return _each(tx, reports, lambda report: claims.check_lease(report.lease), _extended)


@many
def complete(tx: Tx, reports: Sequence[Complete]) -> list[Outcome]:
    """The runs are done. Sessions go on, and are free for other work."""

    def completed(lease: _Lease, report: Complete) -> Move:
        said: dict[str, Any] = {"output": report.result, "error": None, "error_class": None}
        return move(lease.run, "complete", tx.now, actor=str(lease.by.actor), **said).for_task(TaskMove(by=lease.by))

    return _each(tx, reports, lambda report: documents.check_result(report.result), _moving(completed))


@many
def fail(tx: Tx, reports: Sequence[Fail]) -> list[Outcome]:
    """The runs failed, and nothing is queued in their place."""

    def check(report: Fail) -> None:
        if not report.error.strip():
            raise Invalid("a failure needs an `error` that is not blank")
        documents.check_sentence("the error", report.error)
        documents.check_metadata(report.metadata)

    def failed(lease: _Lease, report: Fail) -> Move:
        failure = Failure(message=report.error)
        data = {"error": report.error[:500], "error_class": failure.kind}
        said = {"metadata": held.said_json(report.metadata)}
        return move(
            lease.run,
            "fail",
            tx.now,
            actor=str(lease.by.actor),
            data=data,
            error=told(failure),
            error_class=failure.kind,
        ).for_task(TaskMove(by=lease.by, said=said))

    return _each(tx, reports, check, _moving(failed))


@many
def release(tx: Tx, reports: Sequence[Release]) -> list[Outcome]:
    """The runs go back to the queue, to the place they had."""

    def released(lease: _Lease, report: Release) -> Move:
        said = {"reason": report.reason} if report.reason else {}
        return move(lease.run, "release", tx.now, actor=str(lease.by.actor), data=said).for_task(
            TaskMove(by=lease.by, said=said)
        )

    return _each(tx, reports, lambda report: documents.check_sentence("the reason", report.reason), _moving(released))


def one(tx: Tx, op: Callable[[Tx, Sequence[R]], Sequence[Outcome]], report: R) -> RunSeen:
    """The run after a single report. Raises what the report is refused with."""
    (outcome,) = op(tx, [report])
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


Act = Callable[[Tx, Sequence[tuple[_Lease, R]]], Sequence[RunSeen]]


def _moving(decide: Callable[[_Lease, R], Move]) -> Act[R]:
    """All moves together."""
    return lambda tx, leases: held.moved(tx, [decide(lease, report) for lease, report in leases])


def _extended(tx: Tx, leases: Sequence[tuple[_Lease, Extend]]) -> list[RunSeen]:
    before = [lease.run for lease, _ in leases]
    after = [
        changed(lease.run, heartbeat_at=tx.now, lease_until=tx.now + (report.lease or claims.LEASE), updated_at=tx.now)
        for lease, report in leases
    ]
    runs_sql.save(tx, before, after)
    wake(tx, after)
    tasks = tasks_sql.lock(tx, [lease.row.task_id for lease, _ in leases])
    active = [(task, msgspec.structs.replace(task, active_at=tx.now)) for task in tasks.values()]
    written = desk.write(tx, active).tasks
    sessions_sql.heard(tx, [lease.by.actor.ref for lease, _ in leases])
    seen = []
    for run, (lease, _) in zip(after, leases, strict=True):
        task = written[lease.row.task_id]
        said = {
            "status": lease.row.stage,
            "task_status": task.status,
            "lease_until": run.lease_until,
            "heartbeat_at": run.heartbeat_at,
            "claim_token_hash": run.lease_hash,
        }
        note(tx, task, "task.run_lease_extended", lease.by, said, run_id=run.id)
        seen.append(RunSeen(run=run, row=lease.row, task=task))
    return seen


def _each(tx: Tx, reports: Sequence[R], check: Callable[[R], None], act: Act[R]) -> list[Outcome]:
    """Answer each report for itself. Several on one run count one after the other."""
    outcomes: list[Any] = [None] * len(reports)
    waiting = list(range(len(reports)))
    while waiting:
        accepted: dict[int, _Lease] = {}
        later: list[int] = []
        fencing = _Fencing(tx, [reports[index] for index in waiting])
        speaking: set[str] = set()
        for index in waiting:
            report = reports[index]
            try:
                session = fencing.session(report)
                check(report)
                lease = fencing.lease(report, session)
            except DomainError as refused:
                outcomes[index] = refused
                continue
            if lease.run.id in speaking:
                later.append(index)
                continue
            speaking.add(lease.run.id)
            accepted[index] = lease
        if accepted:
            for index, seen in zip(accepted, act(tx, [(accepted[at], reports[at]) for at in accepted]), strict=True):
                outcomes[index] = seen
        waiting = later
    return outcomes


class _Fencing:
    """Who may speak of which run. Sessions are locked before runs, which is the order in which they end."""

    def __init__(self, tx: Tx, reports: Sequence[Report]) -> None:
        self.now = tx.now
        ids = {report.who.session_id for report in reports if "\0" not in report.who.session_id}
        self.sessions = sessions_sql.lock(tx, sorted(ids))
        wanted = sorted({report.run_id for report in reports if "\0" not in report.run_id})
        self.runs: Mapping[str, Run] = runs_sql.lock(tx, wanted)
        self.rows = task_runs_sql.get(tx, wanted)
        self._tx = tx
        self._leased: dict[str, bool] | None = None

    def session(self, report: Report) -> Session:
        """Whose report it is. Raises what `sessions.identify` raises."""
        return sessions.identify(report.project_id, report.who, self.sessions.get(report.who.session_id))

    def lease(self, report: Report, session: Session) -> _Lease:
        """The session's lease on the run. Raises `NotFound`, `NoActiveLease`, `ForeignRun` or `LeaseOver`."""
        run, row = self.runs.get(report.run_id), self.rows.get(report.run_id)
        if run is None or row is None or run.project_id != report.project_id:
            raise NotFound(f"there is no run of a task {report.run_id[:64]!r} in this project")
        if row.session_id != session.id or run.lease_hash is None:
            if self._is_leasing(session):
                raise ForeignRun("the session has a lease on another run; it may speak of that one alone")
            raise NoActiveLease("the session has no lease on this run; claim one", state=run.state.value)
        if run.state not in LEASED or run.lease_until is None or run.lease_until <= self.now:
            raise LeaseOver(f"the session's lease on the run is over; the run is {row.stage}", state=run.state.value)
        return _Lease(run=run, row=row, by=Doer(sessions.actor_of(session), report.origin))

    def _is_leasing(self, session: Session) -> bool:
        """Whether the session has a lease. It has one at most: a claim is refused to who has one already."""
        if self._leased is None:
            rows = task_runs_sql.held_by(self._tx, sorted(self.sessions))
            runs = runs_sql.get(self._tx, sorted(row.run_id for row in rows.values()))
            self._leased = {
                session_id: (run := runs.get(row.run_id)) is not None
                and run.lease_until is not None
                and run.lease_until > self.now
                for session_id, row in rows.items()
            }
        return self._leased.get(session.id, False)
