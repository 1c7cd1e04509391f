"""Runs of tasks worked on without a lease."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.errors import Conflict, DomainError, Forbidden, IllegalMove, Invalid, NotFound, TooLarge
from runyard.domain.profiles import Profile, Worker
from runyard.domain.sessions import Session, SessionState
from runyard.domain.tasks import ApprovalPolicy, Stage, Task, TaskRun, TaskStatus
from runyard.engine import sessions
from runyard.engine.tasks import forcing, operating, pausing, succeeding
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.views import RunSeen
from runyard.storage.postgres import PostgresStore
from runyard.storage.statements import task_runs
from tests.support.stores import Clock
from tests.support.yard import PERSON, Yard


def do(yard: Yard, op: Callable[..., RunSeen], row: TaskRun, *more: Any, by: Doer = PERSON, **said: Any) -> RunSeen:
    """Do something to the run."""
    seen: RunSeen = yard.store.transact(op, yard.project_id, row.run_id, *more, by, **said)
    yard.check()
    return seen


def as_session(session: Session) -> Doer:
    """The session, as it acts."""
    return Doer(sessions.actor_of(session), Origin("http", "tasks.test"))


def queued(yard: Yard, **new: Any) -> tuple[Task, TaskRun]:
    """A task with a queued run."""
    task = yard.task(**new)
    return task, yard.queue(task)


def told(yard: Yard, task: Task) -> list[str]:
    """What the task's timeline tells, without what it begins with."""
    return [line.type.removeprefix("task.") for line in yard.timeline(task)][2:]


def payload(yard: Yard, task: Task, at: int = -1) -> dict[str, Any]:
    """What a line of the task's timeline says."""
    said: dict[str, Any] = msgspec.json.decode(yard.timeline(task)[at].payload)
    return said


def session_of(yard: Yard, seen: RunSeen) -> Session:
    """The session that has the run."""
    return yard.store.look(sessions.find, yard.project_id, seen.row.session_id or "")


def test_a_run_is_claimed_started_and_completed_without_a_lease(yard: Yard) -> None:
    task, row = queued(yard)
    seen = do(yard, operating.claim, row)
    assert (seen.row.stage, seen.row.session_id, seen.row.claimer) == (Stage.CLAIMED, None, PERSON.actor)
    assert (seen.run.lease_hash, seen.run.lease_until, seen.row.claimed_at) == (None, None, yard.clock.now())
    assert seen.task.status is TaskStatus.READY
    yard.after(hours=48)
    seen = do(yard, operating.start, row)
    assert (seen.row.stage, seen.task.status) == (Stage.RUNNING, TaskStatus.IN_PROGRESS)
    assert (seen.row.started_at, seen.row.held) == (yard.clock.now(), 1)
    session = session_of(yard, seen)
    assert (session.state, session.agent) == (SessionState.ACTIVE, "worker")
    seen = do(yard, operating.complete, row, result='{"ok":true}')
    assert (seen.row.stage, seen.task.status) == (Stage.COMPLETED, TaskStatus.COMPLETED)
    assert (seen.run.output, seen.row.held, seen.row.session_id) == ('{"ok":true}', None, session.id)
    assert told(yard, task)[:5] == [
        "run_claimed",
        "run_starting",
        "run_session_bound",
        "run_started",
        "run_completed",
    ]
    assert "session_id" not in payload(yard, task, 3)
    assert payload(yard, task, 4) == {"status": "starting", "task_status": "in_progress", "session_id": session.id}


def test_pauses_do_not_keep_a_person_from_claiming(yard: Yard) -> None:
    task, row = queued(yard)
    yard.store.transact(pausing.pause, task.id, Force(project_id=1, by=PERSON, reason="wait"))
    assert yard.claim_next(yard.session()) is None
    assert do(yard, operating.claim, row).row.stage is Stage.CLAIMED


@pytest.mark.parametrize("op", [operating.claim, operating.start])
def test_a_blocked_task_is_not_worked_on(yard: Yard, op: Callable[..., RunSeen]) -> None:
    _, row = queued(yard, approval_policy=ApprovalPolicy.MANUAL)
    with pytest.raises(Conflict, match="the task is blocked"):
        do(yard, op, row)


@pytest.mark.parametrize(
    ("owner", "by", "taken"),
    [
        (Actor("human", "ann"), PERSON, True),
        (Actor("pool", "coder"), PERSON, False),
        (Actor("pool", "coder"), Doer(Actor("daemon", "x"), Origin("daemon", "x")), False),
        (Actor("agent_session", "me"), PERSON, False),
        (Actor("agent_session", "me"), Doer(Actor("agent_session", "you"), Origin("http", "x")), False),
        (Actor("agent_session", "me"), Doer(Actor("agent_session", "me"), Origin("http", "x")), True),
        (Actor("agent_session", "me"), Doer(Actor("daemon", "x"), Origin("daemon", "x")), True),
    ],
)
def test_who_may_claim_a_run_of_an_owned_task(yard: Yard, owner: Actor, by: Doer, taken: bool) -> None:
    _, row = queued(yard, owner=owner)
    if taken:
        assert do(yard, operating.claim, row, by=by, key="k").row.claimer == by.actor
    else:
        with pytest.raises(Forbidden):
            do(yard, operating.claim, row, by=by, key="k")


def test_agents_must_send_a_key(yard: Yard) -> None:
    _, row = queued(yard)
    agent = as_session(yard.session("tester"))
    for op in (operating.claim, operating.start):
        with pytest.raises(Invalid, match="idempotency_key"):
            do(yard, op, row, by=agent)
    do(yard, operating.claim, row, by=agent, key="k")
    seen = do(yard, operating.start, row, by=agent, key="k")
    assert session_of(yard, seen).agent == "tester"


def test_the_session_of_a_run_is_of_the_agent_that_the_profile_names(yard: Yard) -> None:
    task, row = queued(yard)
    profile = msgspec.json.encode(Profile(worker=Worker(agent_name="painter"))).decode()
    yard.store.transact(lambda tx: tx.run("UPDATE tasks SET profile = :p WHERE id = :id", p=profile, id=task.id))
    do(yard, operating.claim, row)
    seen = do(yard, operating.start, row)
    assert session_of(yard, seen).agent == "painter"


def test_a_run_under_a_lease_is_started_in_the_session_that_has_it(yard: Yard) -> None:
    task, row = queued(yard)
    session = yard.session()
    assert yard.claim_next(session) is not None
    seen = do(yard, operating.start, row)
    assert (seen.row.stage, seen.row.session_id) == (Stage.RUNNING, session.id)
    assert told(yard, task) == ["run_claimed", "run_starting", "run_started"]
    with pytest.raises(Conflict, match="under a lease"):
        do(yard, operating.complete, row)
    with pytest.raises(Conflict, match="under a lease"):
        do(yard, operating.fail, row, error="x")
    canceled = do(yard, operating.cancel, row, reason="enough", metadata='{"why":1}')
    assert (canceled.row.stage, canceled.row.session_id) == (Stage.CANCELED, session.id)
    said = payload(yard, task, 5)
    assert (said["reason"], said["metadata"], said["cooperative_stop_requested"]) == ("enough", {"why": 1}, True)
    with pytest.raises(Conflict, match="under a lease"):
        do(yard, operating.complete, row)


def test_a_session_is_attached_once(yard: Yard) -> None:
    task, row = queued(yard)
    session, other = yard.session(), yard.session()
    with pytest.raises(Conflict, match="queued takes no session"):
        do(yard, operating.attach, row, session.id)
    do(yard, operating.claim, row)
    with pytest.raises(NotFound):
        do(yard, operating.attach, row, "nobody")
    seen = do(yard, operating.attach, row, session.id)
    assert (seen.row.stage, seen.row.session_id, seen.row.held) == (Stage.STARTING, session.id, 1)
    assert told(yard, task) == ["run_claimed", "run_session_bound"]
    with pytest.raises(Conflict, match="has a session already"):
        do(yard, operating.attach, row, other.id)
    _, second = queued(yard)
    do(yard, operating.claim, second)
    with pytest.raises(Conflict, match="works on another run"):
        do(yard, operating.attach, second, session.id)
    with pytest.raises(Conflict, match="has a run already"):
        yard.claim_next(session)
    assert do(yard, operating.start, row).row.session_id == session.id
    failed = do(yard, operating.fail, row, error="it broke", metadata='{"code":3}')
    assert (failed.row.stage, failed.row.failure_kind, failed.task.status) == (Stage.FAILED, None, TaskStatus.READY)
    assert payload(yard, task, 5)["metadata"] == {"code": 3}
    assert payload(yard, task, 5)["error"] == "it broke"


def test_a_run_is_claimed_and_retried_once_however_many_try(two_servers: Sequence[PostgresStore], clock: Clock) -> None:
    yards = [Yard(store, clock) for store in two_servers]
    task, row = queued(yards[0])

    def all_try(op: Callable[..., Any], *args: Any) -> list[Any]:
        def attempt(yard: Yard) -> Any:
            try:
                return yard.store.transact(op, *args)
            except Conflict as refusal:
                return refusal

        with ThreadPoolExecutor() as pool:
            return list(pool.map(attempt, yards * 4))

    claimed = all_try(operating.claim, 1, row.run_id, PERSON)
    assert len([one for one in claimed if isinstance(one, RunSeen)]) == 1
    force = Force(project_id=1, by=PERSON, reason="again")
    yards[0].store.transact(forcing.fail, row.run_id, force)
    retried = all_try(succeeding.retry, row.run_id, force)
    assert len([one for one in retried if isinstance(one, succeeding.Succession)]) == 1
    assert yards[0].task_now(task).attempts == 2
    yards[0].check()


def test_a_session_that_stopped_takes_nothing(yard: Yard) -> None:
    _, row = queued(yard)
    session = yard.session()
    yard.store.transact(lambda tx: tx.run("UPDATE sessions SET state = 'stopped' WHERE id = :id", id=session.id))
    do(yard, operating.claim, row)
    with pytest.raises(Conflict, match="has stopped"):
        do(yard, operating.attach, row, session.id)


@pytest.mark.parametrize("starve", [False, True])
def test_a_run_that_nobody_has_can_be_canceled(yard: Yard, starve: bool) -> None:
    task, row = queued(yard)
    if starve:
        yard.starve(row)
    seen = do(yard, operating.cancel, row)
    assert (seen.row.stage, seen.run.error, seen.run.output) == (Stage.CANCELED, None, None)
    assert yard.task_now(task).status is TaskStatus.CANCELED
    with pytest.raises(IllegalMove):
        do(yard, operating.cancel, row)


@pytest.mark.parametrize(
    ("op", "said", "error"),
    [
        (operating.complete, {"result": '"' + "x" * 65_536 + '"'}, TooLarge),
        (operating.fail, {"error": ""}, Invalid),
        (operating.fail, {"error": "x", "metadata": '"' + "x" * 65_536 + '"'}, TooLarge),
        (operating.cancel, {"metadata": '"' + "x" * 65_536 + '"'}, TooLarge),
        (operating.complete, {}, Conflict),
        (operating.fail, {"error": "x"}, Conflict),
        (operating.start, {}, Conflict),
    ],
)
def test_a_refusal_changes_nothing(
    yard: Yard, op: Callable[..., RunSeen], said: dict[str, Any], error: type[DomainError]
) -> None:
    task, row = queued(yard)
    before = yard.timeline(task)
    with pytest.raises(error):
        do(yard, op, row, **said)
    assert yard.timeline(task) == before
    assert yard.store.look(task_runs.get, [row.run_id])[row.run_id] == row


def test_what_is_no_run_of_a_task_is_not_found(yard: Yard) -> None:
    run = yard.create()
    for run_id in (run.id, "no\0thing", "nothing"):
        with pytest.raises(NotFound):
            yard.store.transact(operating.claim, 1, run_id, PERSON)
    _, row = queued(yard)
    with pytest.raises(NotFound):
        yard.store.transact(operating.claim, 2, row.run_id, PERSON)
