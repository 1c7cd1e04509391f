"""Coding runs called off and begun anew: who had them has them no longer, and what belongs to the end is gone."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.canonical import decoded
from runyard.domain.errors import Conflict, Invalid, LeaseLost
from runyard.domain.states import RunState
from runyard.engine.coding import launching
from runyard.engine.coding.runs import NewCodingRun
from tests.engine.coding.coding_yard import CodingYard
from tests.engine.tasks.working import types
from tests.support.yard import PERSON


def test_who_has_a_run_that_is_called_off_loses_it(coding: CodingYard) -> None:
    run = coding.run(coding.task())
    (granted,) = coding.take()
    coding.yard.start(granted)
    assert coding.cancel(run, reason="enough").run.state is RunState.CANCELED
    with pytest.raises(Conflict):
        coding.yard.complete(granted)
    assert [one.outcome for one in coding.yard.attempts(run.run)] == ["canceled"]


def test_a_run_that_begins_anew_is_the_next_attempt_of_the_same_run(coding: CodingYard) -> None:
    task = coding.task()
    run = coding.run(task)
    (first,) = coding.take()
    coding.yard.start(first)
    coding.yard.fail(first)
    after = coding.reopen(run).run
    assert (after.state, after.attempt, after.finished_at, after.error) == (RunState.QUEUED, 2, None, None)
    (second,) = coding.take()
    assert (second.run.id, second.run.epoch) == (run.run.id, 2)
    assert second.run.policy.max_attempts == second.run.attempt, "it is the last one again"
    with pytest.raises(LeaseLost):
        coding.yard.heartbeat(first)
    coding.yard.complete(second)
    assert [one.outcome for one in coding.yard.attempts(run.run)] == ["failed", "completed"]
    assert types(coding.yard, task)[-4:] == [
        "task.run_failed",
        "task.run_recovered",
        "task.run_claimed",
        "task.run_completed",
    ]


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.COMPLETED])
def test_the_journal_says_that_a_run_left_its_sandbox(coding: CodingYard, state: RunState) -> None:
    run = coding.run(coding.task())
    (granted,) = coding.take()
    coding.yard.start(granted)
    for _ in range(2):
        coding.change(run, state, outside=True)
    said = [decoded(event.data)["fields"] for event in coding.yard.events(run.run) if event.type == "run.amended"]
    assert [fields for fields in said if fields] == [["queue"]]


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.FAILED, RunState.DRAFT])
def test_a_run_from_outside_is_for_sandboxes_alone_from_then_on(coding: CodingYard, state: RunState) -> None:
    run = coding.run(coding.task(), state, sandboxed=False, error="it broke")
    outside = {"executor": "sandbox", "queues": ("outside",)}
    after = coding.reopen(run)
    assert (after.run.state, after.row.sandboxed, after.run.error) == (RunState.QUEUED, 1, None)
    assert coding.yard.claim(1, **outside) == []
    assert [one.run.id for one in coding.take()] == [run.run.id]


@pytest.mark.parametrize("ids", [5, "x", {"a": 1}, [{}], [None]])
def test_what_cannot_be_ids_of_artifacts_is_refused(coding: CodingYard, ids: Any) -> None:
    new = NewCodingRun(state={launching.ARTIFACTS: ids})
    with pytest.raises(Invalid, match="list of ids"):
        coding.store.transact(launching.launch_run, coding.project_id, coding.task(), new, PERSON)


def test_events_of_the_next_sandbox_are_counted_from_the_first_on(coding: CodingYard) -> None:
    run = coding.run(coding.task(), RunState.FAILED)
    told = "UPDATE coding_runs SET relayed = 1, ingested = 7, streamed_at = 5 WHERE run_id = :id"
    coding.store.transact(lambda tx: tx.run(told, id=run.run.id))
    row = coding.reopen(run).row
    assert (row.relayed, row.ingested, row.streamed_at) == (0, 0, None)
    assert coding.see(run).row == row
