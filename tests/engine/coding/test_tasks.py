"""Coding tasks: numbered, named, changed, and put out of sight."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.coding import TaskSeen
from runyard.domain.errors import Invalid, NotFound
from runyard.domain.states import RunState
from runyard.domain.tasks import TaskStatus
from runyard.engine.coding import changing, deleting, showing
from runyard.engine.coding.changing import TaskChange
from tests.engine.coding.coding_yard import CodingYard
from tests.engine.tasks.working import types
from tests.support.yard import PERSON


def change(coding: CodingYard, task: str, **wanted: Any) -> TaskSeen:
    """The task after the change."""
    return coding.store.transact(changing.change, coding.project_id, task, TaskChange(**wanted), PERSON)


def delete(coding: CodingYard, task: str) -> None:
    """Put the task out of sight."""
    coding.store.transact(deleting.delete, coding.project_id, task, PERSON)


def test_numbers_are_given_once(coding: CodingYard) -> None:
    first, second = coding.make(), coding.make()
    delete(coding, second.row.task_id)
    assert [first.row.number, second.row.number, coding.make().row.number] == [0, 1, 2]
    assert first.project == "Default"


def test_a_change_is_in_the_timeline_and_what_is_not_said_stays(coding: CodingYard) -> None:
    task = coding.task("old", description="its text", repository="A/B")
    seen = change(coding, task, title="new", integration=5)
    assert (seen.title, seen.description, seen.row.repository, seen.row.integration) == ("new", "its text", "a/b", 5)
    assert (seen.row.titled, coding.now(task).title) == (1, "new")
    assert change(coding, task, title="").title == "its text"
    assert types(coding.yard, task) == ["task.created", "task.updated", "task.updated"]


@pytest.mark.parametrize("wanted", [{"repository": "a"}, {"output_schema": '{"type":"x"}'}, {"title": "x" * 300}])
def test_a_change_that_cannot_be_changes_nothing(coding: CodingYard, wanted: dict[str, Any]) -> None:
    task = coding.make("old")
    with pytest.raises(Invalid):
        change(coding, task.row.task_id, description="other", **wanted)
    assert coding.store.look(showing.see, coding.project_id, task.row.task_id) == task


def test_a_deleted_task_is_canceled_where_it_had_not_ended_with_all_of_its_runs(coding: CodingYard) -> None:
    task = coding.task()
    runs = [coding.run(task, state) for state in (RunState.COMPLETED, RunState.RUNNING, RunState.QUEUED)]
    delete(coding, task)
    found = [coding.yard.state(run.run.id) for run in runs]
    assert found == [RunState.COMPLETED, RunState.CANCELED, RunState.CANCELED]
    assert coding.now(task).status is TaskStatus.CANCELED
    for op in (lambda: coding.see(runs[0]), lambda: delete(coding, task), lambda: coding.run(task)):
        with pytest.raises(NotFound):
            op()
