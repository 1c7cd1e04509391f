"""A coding task has any number of runs at once, and stands as they say together, to whoever looks at tasks."""

from __future__ import annotations

import random

import pytest

from runyard.domain.coding import WANTED
from runyard.domain.errors import Conflict
from runyard.domain.states import RunState
from runyard.domain.tasks import Stage, TaskStatus
from runyard.engine.claims import Granted
from runyard.engine.tasks import canceling, changing, details
from tests.engine.coding.coding_yard import CodingYard
from tests.engine.tasks.working import depend
from tests.support.yard import PERSON

DONE, FAILED = RunState.COMPLETED, RunState.FAILED


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_runs_end_in_either_order(coding: CodingYard, order: tuple[int, int]) -> None:
    task = coding.task()
    runs = [coding.run(task, RunState.RUNNING) for _ in range(2)]
    assert coding.now(task).status is TaskStatus.IN_PROGRESS
    coding.change(runs[order[0]], DONE)
    now = coding.now(task)
    assert (now.status, now.open_run_id) == (TaskStatus.IN_PROGRESS, runs[order[1]].run.id)
    assert now.last_run_id == runs[order[0]].run.id
    coding.change(runs[order[1]], FAILED)
    now = coding.now(task)
    # The latest of its runs decides, whichever ended last.
    assert now.last_run_id == runs[1].run.id
    assert now.status is (TaskStatus.COMPLETED if order == (1, 0) else TaskStatus.READY)
    assert now.open_run_id is None


def test_a_queued_run_beside_one_that_is_worked_on_does_not_hide_it(coding: CodingYard) -> None:
    task = coding.task()
    first = coding.run(task, RunState.RUNNING)
    coding.run(task)
    now = coding.now(task)
    assert (now.status, now.open_run_id, now.open_stage) == (TaskStatus.IN_PROGRESS, first.run.id, Stage.RUNNING)


def test_a_canceled_task_goes_on_with_its_next_run_or_a_reopened_one(coding: CodingYard) -> None:
    task = coding.task()
    first = coding.run(task)
    coding.cancel(first)
    assert coding.now(task).status is TaskStatus.CANCELED
    second = coding.run(task)
    assert coding.now(task).status is TaskStatus.READY
    coding.cancel(second, reason="enough")
    assert coding.now(task).status is TaskStatus.CANCELED
    coding.reopen(first)
    now = coding.now(task)
    assert (now.status, now.open_run_id, now.last_run_id) == (TaskStatus.READY, first.run.id, second.run.id)
    coding.check()
    coding.change(first, DONE)
    assert coding.now(task).status is TaskStatus.CANCELED


def test_who_cancels_the_task_cancels_all_of_its_runs(coding: CodingYard) -> None:
    task = coding.task()
    runs = [coding.run(task, state) for state in (RunState.RUNNING, RunState.QUEUED, RunState.DRAFT)]
    (granted,) = coding.take()
    coding.store.transact(canceling.cancel, coding.project_id, task, PERSON, reason="enough")
    assert {coding.see(run).run.state for run in runs} == {RunState.CANCELED}
    assert coding.now(task).status is TaskStatus.CANCELED
    with pytest.raises(Conflict):
        coding.yard.heartbeat(granted)


def test_a_pause_above_and_a_dependency_hold_every_queued_run_and_let_all_of_them_go(coding: CodingYard) -> None:
    needed, task = coding.task(), coding.task()
    depend(coding.yard, coding.now(task), coding.now(needed))
    coding.run(task, RunState.RUNNING)
    runs = [coding.run(task).run.id for _ in range(2)]
    assert coding.take() == []
    coding.pause(task)
    coding.run(needed, DONE)
    coding.check()
    assert coding.take() == []
    coding.resume(task)
    assert sorted(one.run.id for one in coding.take()) == sorted(runs)


def test_another_priority_is_one_for_all_runs_and_takes_none_from_the_sandboxes(coding: CodingYard) -> None:
    tasks = [coding.task() for _ in range(2)]
    runs = [coding.run(task).run.id for task in (*tasks, tasks[1])]
    wanted = changing.Change(priority=8)
    coding.store.transact(changing.change, coding.project_id, tasks[1], wanted, PERSON)
    assert [one.run.id for one in coding.take()] == [*runs[1:], runs[0]]


def test_sessions_and_sandboxes_do_not_share_a_task(coding: CodingYard) -> None:
    task = coding.yard.task()
    row = coding.yard.queue(task)
    with pytest.raises(Conflict, match="sessions"):
        coding.run(task.id)
    coding.yard.cancel(row.run_id)
    run = coding.run(task.id)
    with pytest.raises(Conflict):
        coding.yard.queue(task)
    assert coding.see(run).run.state is RunState.QUEUED
    draft = coding.yard.task(draft=True)
    with pytest.raises(Conflict, match="draft"):
        coding.run(draft.id)


def test_those_who_look_at_tasks_see_the_last_ten_runs_and_who_has_the_open_one(coding: CodingYard) -> None:
    task = coding.task(description="Its text")
    for _ in range(12):
        coding.run(task, FAILED)
    coding.run(task)
    (granted,) = coding.take()
    coding.yard.start(granted)
    detail = coding.store.look(details.of, coding.project_id, task)
    assert detail.listed.seen.task.status is TaskStatus.IN_PROGRESS
    assert [one.row.attempt for one in detail.runs] == list(range(13, 3, -1))
    assert detail.listed.open_run is not None
    claimer = detail.listed.open_run.row.claimer
    assert (claimer.kind if claimer else None) == "automation"
    coding.yard.fail(granted)
    # As many as a session's task may have: it has failed for good, and a person may still launch another run.
    assert coding.now(task).status is TaskStatus.FAILED
    coding.run(task)
    assert coding.now(task).status is TaskStatus.READY


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_to_several_runs_the_rules_of_tasks_hold(coding: CodingYard, seed: int) -> None:
    dice = random.Random(seed)
    tasks = [coding.task(f"task {n}") for n in range(2)]
    depend(coding.yard, coding.now(tasks[0]), coding.now(tasks[1]))
    runs = [coding.run(dice.choice(tasks)) for _ in range(3)]
    held: dict[str, Granted] = {}
    for _ in range(60):
        match dice.randrange(10):
            case 0 | 1:
                new = {"sandboxed": dice.random() < 0.7}
                runs.append(coding.run(dice.choice(tasks), dice.choice(WANTED), **new))
            case 2 | 3:
                coding.change(dice.choice(runs), dice.choice(WANTED), outside=dice.random() < 0.2)
            case 4:
                held |= {one.run.id: one for one in coding.take(1)}
            case 5 if held:
                granted = held.pop(dice.choice(sorted(held)))
                verb = dice.choice([coding.yard.prepare, coding.yard.start, coding.yard.complete, coding.yard.release])
                _try(verb, granted)
                held |= {granted.run.id: granted} if dice.random() < 0.5 else {}
            case 6:
                _try(dice.choice([coding.reopen, coding.cancel]), dice.choice(runs))
            case 7:
                _try(dice.choice([coding.pause, coding.resume]), dice.choice(tasks))
            case 8:
                task = dice.choice(tasks)
                _try(lambda task=task: coding.store.transact(canceling.cancel, coding.project_id, task, PERSON))
            case 9:
                coding.yard.after(seconds=dice.choice([1, 61]))
        coding.check()


def _try(verb, *args) -> None:
    try:
        verb(*args)
    except Conflict:
        return
