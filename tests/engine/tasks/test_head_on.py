"""Who ends a session and who ends its run wait for each other in one order, and never head on (PostgreSQL)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from runyard.domain.actors import Origin
from runyard.domain.errors import Conflict
from runyard.domain.sessions import Session, SessionState
from runyard.domain.tasks import Stage, TaskRun
from runyard.engine import sessions
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import leases, operating, settling
from runyard.storage.port import Tx
from runyard.storage.postgres import PostgresStore
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import task_runs as task_runs_sql
from tests.engine.tasks.working import begin
from tests.support.meanwhile import meanwhile
from tests.support.stalling import PATIENCE, submit
from tests.support.stores import Clock
from tests.support.yard import PERSON, Yard

Op = Callable[[Tx, Session, TaskRun], Any]


def end(tx: Tx, session: Session, _: TaskRun) -> None:
    settling.end(tx, [session.id], PERSON)


def report(tx: Tx, session: Session, row: TaskRun) -> None:
    who = Claimed(session_id=session.id, agent=session.agent)
    leases.complete(tx, [leases.Complete(project_id=1, who=who, run_id=row.run_id, origin=Origin("http", "test"))])


def complete(tx: Tx, _: Session, row: TaskRun) -> None:
    operating.complete(tx, 1, row.run_id, PERSON)


def fail(tx: Tx, _: Session, row: TaskRun) -> None:
    operating.fail(tx, 1, row.run_id, PERSON, error="it broke")


def cancel(tx: Tx, _: Session, row: TaskRun) -> None:
    operating.cancel(tx, 1, row.run_id, PERSON)


def attach(tx: Tx, session: Session, row: TaskRun) -> None:
    operating.attach(tx, 1, row.run_id, session.id, PERSON)


@pytest.mark.parametrize(
    ("first", "second", "is_begun"),
    [(end, complete, True), (end, fail, True), (end, cancel, True), (report, attach, False)],
)
def test_none_has_to_be_done_again(
    two_servers: tuple[PostgresStore, PostgresStore], clock: Clock, first: Op, second: Op, is_begun: bool
) -> None:
    here, there = two_servers
    yard = Yard(here, clock)
    session, row = yard.session(), yard.queue(yard.task())
    if is_begun:
        begin(yard, row, session)
    else:
        here.transact(operating.claim, 1, row.run_id, PERSON)
    times: Counter[str] = Counter()
    locked, go = threading.Event(), threading.Event()

    def slowly(tx: Tx) -> None:
        times["first"] += 1
        sessions_sql.lock(tx, [session.id])
        locked.set()
        assert go.wait(PATIENCE)
        first(tx, session, row)

    def then(tx: Tx) -> None:
        times["second"] += 1
        second(tx, session, row)

    ending = submit(here, slowly)
    assert locked.wait(PATIENCE)
    with meanwhile(here, lambda: there.transact(then)) as refused:
        go.set()
        ending.result(PATIENCE)
    assert times == {"first": 1, "second": 1}, "the database had to choose one of them"
    now = here.look(task_runs_sql.get, [row.run_id])[row.run_id]
    if is_begun:
        assert here.look(sessions.find, 1, session.id).state is SessionState.STOPPED
        assert now.stage is Stage.FAILED
        assert [isinstance(one, Conflict) for one in refused] == [True]
    else:
        assert (now.stage, now.session_id, refused) == (Stage.STARTING, session.id, [])
    yard.check()
