"""What operators force on runs of tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from runyard.domain.actors import Doer, Origin
from runyard.domain.errors import Conflict, DomainError, Invalid, NotFound, TooLarge
from runyard.domain.tasks import Stage, Task, TaskRun, TaskStatus
from runyard.engine import sessions
from runyard.engine.tasks import forcing, operating, succeeding
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.refusals import (
    AlreadyTerminal,
    BulkTooLarge,
    ChainTooDeep,
    ForbiddenToAgents,
    ForcedTooOften,
    NotRecoverable,
    NotReleasable,
    ReasonRequired,
    StillActive,
)
from runyard.storage.port import Tx
from runyard.storage.statements import task_runs
from tests.support.yard import PERSON, Yard

LONG = '"' + "x" * 16_384 + '"'


def do(
    yard: Yard, op: Callable[..., Any], row: TaskRun, *, reason: str = "stuck", by: Doer = PERSON, **said: Any
) -> Any:
    """Force something on the run."""
    answer = yard.store.transact(op, row.run_id, Force(project_id=1, by=by, reason=reason, **said))
    yard.check()
    return answer


def made(yard: Yard, stage: Stage, task: Task | None = None) -> TaskRun:
    """A run of a task at this stage."""
    row = yard.queue(task or yard.task())
    if stage in (Stage.STARTING, Stage.RUNNING, Stage.COMPLETED):
        yard.store.transact(operating.claim, 1, row.run_id, PERSON)
    if stage in (Stage.RUNNING, Stage.COMPLETED):
        yard.store.transact(operating.start, 1, row.run_id, PERSON)
    match stage:
        case Stage.CLAIMED:
            while (handed := yard.claim_next(yard.session())) is not None and handed.run.id != row.run_id:
                continue
        case Stage.STARTING:
            yard.store.transact(operating.attach, 1, row.run_id, yard.session().id, PERSON)
        case Stage.COMPLETED:
            yard.store.transact(operating.complete, 1, row.run_id, PERSON)
        case Stage.FAILED:
            do(yard, forcing.fail, row)
        case Stage.CANCELED:
            yard.store.transact(operating.cancel, 1, row.run_id, PERSON)
        case Stage.NEEDS_ATTENTION:
            yard.starve(row)
    now = row_now(yard, row)
    assert now.stage is stage
    return now


def row_now(yard: Yard, row: TaskRun) -> TaskRun:
    """What stands beside the run now."""
    return yard.store.look(task_runs.get, [row.run_id])[row.run_id]


def last(yard: Yard, task_id: str) -> tuple[str, dict[str, Any]]:
    """The newest line of the task's timeline."""
    line = yard.timeline(task_id)[-1]
    return line.type, msgspec.json.decode(line.payload)


ALLOWED: list[tuple[Any, dict[Stage, type[DomainError]]]] = [
    (
        forcing.release,
        {stage: NotReleasable for stage in Stage if stage is not Stage.CLAIMED},
    ),
    (
        forcing.fail,
        {
            Stage.STARTING: StillActive,
            Stage.RUNNING: StillActive,
            Stage.NEEDS_ATTENTION: StillActive,
            Stage.COMPLETED: AlreadyTerminal,
            Stage.FAILED: AlreadyTerminal,
            Stage.CANCELED: AlreadyTerminal,
        },
    ),
    (succeeding.retry, {stage: StillActive for stage in Stage if stage is not Stage.FAILED}),
    (succeeding.recover, {stage: NotRecoverable for stage in Stage if stage is not Stage.NEEDS_ATTENTION}),
]


@pytest.mark.parametrize(("op", "refused"), ALLOWED, ids=lambda one: getattr(one, "__name__", ""))
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_is_forced_on_which_runs(yard: Yard, op: Any, refused: dict[Stage, type[DomainError]]) -> None:
    for stage in Stage:
        row = made(yard, stage)
        before = yard.timeline(row.task_id)
        if stage in refused:
            with pytest.raises(refused[stage]):
                do(yard, op, row)
            assert (row_now(yard, row), yard.timeline(row.task_id)) == (row, before)
        else:
            do(yard, op, row)
            assert len(yard.timeline(row.task_id)) == len(before) + 1


def test_a_claimed_run_is_given_back(yard: Yard) -> None:
    row = made(yard, Stage.CLAIMED)
    run = yard.run(row.run_id)
    _say(yard, row.session_id)
    seen = do(yard, forcing.release, row, metadata="{}")
    assert (seen.row.stage, seen.row.attempt, seen.row.queued_at) == (Stage.QUEUED, 1, row.queued_at)
    assert (seen.row.session_id, seen.row.claimer, seen.row.claimed_at, seen.run.lease_hash) == (None, None, None, None)
    event, said = last(yard, row.task_id)
    assert event == "task.run_released"
    assert said == {
        "manual": True,
        "actor_kind": "human",
        "actor_id": "local-user",
        "reason": "stuck",
        "previous_status": "claimed",
        "status": "queued",
        "task_status": "ready",
        "session_id": row.session_id,
        "previous_session_id": row.session_id,
        "previous_claim_token_hash_truncated": (run.lease_hash or "")[:8],
        "previous_lease_until": run.lease_until,
        "canceled_queued_inputs": 2,
    }
    assert yard.claim_next(yard.session()) is not None


def _say(yard: Yard, session_id: str | None) -> None:
    statement = "INSERT INTO session_prompts (id, session_id, state, body, created_at) VALUES (:id, :of, :state, '', 0)"

    def say(tx: Tx) -> None:
        for number, state in enumerate(("queued", "queued", "taken")):
            tx.run(statement, id=str(number), of=session_id, state=state)

    yard.store.transact(say)


@pytest.mark.parametrize("stage", [Stage.QUEUED, Stage.CLAIMED])
def test_a_run_that_nobody_works_on_is_failed(yard: Yard, stage: Stage) -> None:
    row = made(yard, stage, yard.task(max_attempts=1))
    seen = do(yard, forcing.fail, row, metadata='{"ticket":7}')
    assert (seen.row.stage, seen.row.failure_kind, seen.row.session_id) == (
        Stage.FAILED,
        "operator_forced",
        row.session_id,
    )
    assert (seen.run.lease_hash, seen.run.lease_until, seen.task.status) == (None, None, TaskStatus.FAILED)
    event, said = last(yard, row.task_id)
    assert (event, said["previous_status"], said["metadata"]) == ("task.run_operator_forced_fail", stage, {"ticket": 7})


def test_a_failed_run_is_retried_once(yard: Yard) -> None:
    task = yard.task()
    row = made(yard, Stage.FAILED, task)
    before = yard.run(row.run_id)
    done = do(yard, succeeding.retry, row, metadata='{"again":true}')
    assert yard.run(row.run_id) == before == done.previous.run
    assert (done.run.row.attempt, done.run.row.previous_run_id, done.run.row.stage) == (2, row.run_id, Stage.QUEUED)
    assert (done.run.row.key, done.run.run.metadata, done.run.task.status) == (None, '{"again":true}', TaskStatus.READY)
    event, said = last(yard, task.id)
    assert event == "task.run_operator_retry"
    assert (said["source_run_id"], said["new_run_id"]) == (row.run_id, done.run.run.id)
    assert "task.run_enqueued" not in [line.type for line in yard.timeline(task)][3:]
    with pytest.raises(Conflict, match="took this one's place"):
        do(yard, succeeding.retry, row)


def test_a_retry_keeps_the_channel_and_needs_attempts(yard: Yard) -> None:
    task = yard.task(max_attempts=2)
    row = yard.queue(task, channel="ops")
    do(yard, forcing.fail, row)
    done = do(yard, succeeding.retry, row)
    assert done.run.row.channel == "ops"
    do(yard, forcing.fail, done.run.row)
    with pytest.raises(Conflict, match="attempts"):
        do(yard, succeeding.retry, done.run.row)


def test_a_run_that_needs_attention_is_replaced(yard: Yard) -> None:
    task = yard.task()
    row = made(yard, Stage.NEEDS_ATTENTION, task)
    done = do(yard, succeeding.recover, row, reason="workers are back")
    assert (done.previous.row.stage, done.previous.row.failure_kind) == (Stage.FAILED, "operator_forced")
    assert (done.run.row.stage, done.run.row.attempt, done.run.row.previous_run_id) == (Stage.QUEUED, 2, row.run_id)
    assert yard.task_now(task).open_run_id == done.run.run.id
    event, said = last(yard, task.id)
    assert (event, said["previous_status"], said["status"], said["reason"], said["task_status"]) == (
        "task.run_recovered_from_attention",
        "needs_attention",
        "queued",
        "workers are back",
        "ready",
    )
    assert "task.run_failed" not in [line.type for line in yard.timeline(task)]
    assert yard.claim_next(yard.session()) is not None


def test_a_recovery_that_is_refused_leaves_the_run(yard: Yard) -> None:
    row = made(yard, Stage.NEEDS_ATTENTION, yard.task(max_attempts=1))
    with pytest.raises(Conflict, match="attempts"):
        do(yard, succeeding.recover, row)
    assert row_now(yard, row) == row


def test_ten_runs_may_take_each_others_place(yard: Yard) -> None:
    previous = None
    rows = []
    for _ in range(12):
        rows.append(yard.queue(yard.task(), previous_run_id=previous))
        previous = rows[-1].run_id
    for row in rows[9:]:
        do(yard, forcing.fail, row)
    for row in rows[10:]:
        with pytest.raises(ChainTooDeep):
            do(yard, succeeding.retry, row)
    with pytest.raises(Conflict, match="took this one's place"):
        do(yard, succeeding.retry, rows[9])


def test_agents_are_counted_and_people_are_not(yard: Yard) -> None:
    agent = Doer(sessions.actor_of(yard.session()), Origin("http", "tasks.test"))
    task, other = yard.task(max_attempts=10), yard.task()
    for _ in range(5):
        row = yard.queue(task)
        do(yard, forcing.fail, row, by=agent)
        with pytest.raises(AlreadyTerminal):
            do(yard, forcing.fail, row, by=agent)
        row = do(yard, succeeding.retry, row, by=agent).run.row
        do(yard, forcing.fail, row)
    with pytest.raises(ForcedTooOften) as refusal:
        do(yard, succeeding.retry, row, by=agent)
    assert 1 <= refusal.value.retry_after <= 60
    do(yard, forcing.fail, yard.queue(other), by=agent)
    yard.after(minutes=1)
    with pytest.raises(Conflict, match="attempts"):
        do(yard, succeeding.retry, row, by=agent)


def test_agents_may_be_kept_out(yard: Yard) -> None:
    agent = Doer(sessions.actor_of(yard.session()), Origin("http", "tasks.test"))
    row = made(yard, Stage.CLAIMED)
    for op in (forcing.release, forcing.fail, succeeding.retry, succeeding.recover):
        with pytest.raises(ForbiddenToAgents):
            do(yard, op, row, by=agent, agents_may=False)
    do(yard, forcing.release, row, agents_may=False)


@pytest.mark.parametrize(
    ("said", "error"), [({"reason": ""}, ReasonRequired), ({"metadata": LONG}, TooLarge), ({"reason": LONG}, TooLarge)]
)
def test_what_is_said_must_be_right(yard: Yard, said: dict[str, Any], error: type[DomainError]) -> None:
    row = made(yard, Stage.QUEUED)
    with pytest.raises(error):
        do(yard, forcing.fail, row, **said)


def test_many_runs_are_each_decided_by_themselves(yard: Yard) -> None:
    claimed, queued, ended = (made(yard, stage) for stage in (Stage.CLAIMED, Stage.QUEUED, Stage.COMPLETED))
    ids = [ended.run_id, claimed.run_id, "nothing", queued.run_id]
    force = Force(project_id=1, by=PERSON, reason="cleaning up")
    outcomes = yard.store.transact(forcing.fail_many, ids, force)
    yard.check()
    assert [getattr(one, "code", None) for one in outcomes] == ["task_run_already_terminal", None, "not_found", None]
    assert [row_now(yard, row).stage for row in (claimed, queued)] == [Stage.FAILED, Stage.FAILED]
    outcomes = yard.store.transact(forcing.release_many, [queued.run_id, ended.run_id], force)
    assert [type(one) for one in outcomes] == [NotReleasable, NotReleasable]
    stranger = Force(project_id=2, by=PERSON, reason="x")
    assert [type(one) for one in yard.store.transact(forcing.fail_many, ids, stranger)] == [NotFound] * 4


def test_many_are_at_least_one_and_at_most_fifty(yard: Yard) -> None:
    force = Force(project_id=1, by=PERSON, reason="x")
    with pytest.raises(Invalid):
        yard.store.transact(forcing.fail_many, [], force)
    with pytest.raises(BulkTooLarge):
        yard.store.transact(forcing.fail_many, [f"run {n}" for n in range(51)], force)
    with pytest.raises(ReasonRequired):
        yard.store.transact(forcing.fail_many, ["x"], Force(project_id=1, by=PERSON))


@pytest.mark.parametrize("what", ["requeue", "discard", "resolve"])
def test_people_resolve_runs_of_tasks_that_need_attention(yard: Yard, what: str) -> None:
    task = yard.task()
    row = made(yard, Stage.NEEDS_ATTENTION, task)
    getattr(yard, what)(row.run_id)
    yard.check()
    now, standing = row_now(yard, row), yard.task_now(task)
    match what:
        case "requeue":
            assert (now.stage, now.starved, standing.open_stage) == (Stage.QUEUED, 0, Stage.QUEUED)
            assert yard.claim_next(yard.session()) is not None
        case "discard":
            assert (now.stage, standing.open_run_id, last(yard, task.id)[0]) == (Stage.FAILED, None, "task.run_failed")
        case _:
            assert (now.stage, yard.run(row.run_id).resolved_at) == (Stage.NEEDS_ATTENTION, yard.clock.now())
