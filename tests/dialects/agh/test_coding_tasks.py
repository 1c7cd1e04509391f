"""Coding tasks and their runs as those see them who look at tasks: like any others, and the contract holds."""

from __future__ import annotations

from runyard.domain.states import RunState
from runyard.engine import projects
from runyard.engine.coding import deleting, making, tasks
from runyard.engine.coding.runs import NewCodingRun
from runyard.engine.coding.tasks import NewCodingTask
from tests.dialects.agh.client import Agh, good
from tests.support.yard import PERSON


def test_a_coding_task_with_many_runs_is_shown_like_any_other(agh: Agh) -> None:
    store = agh.stand.store
    store.transact(projects.ensure_default)
    made = store.transact(tasks.create, 1, NewCodingTask(title="fix it", description="broken"), PERSON)
    for state in (*[RunState.FAILED] * 11, RunState.RUNNING, RunState.DRAFT):
        new = NewCodingRun(sandboxed=state is RunState.DRAFT)
        said = None if state is RunState.DRAFT else state
        store.transact(making.create_in, 1, made.row.task_id, new, PERSON, state=said)
    path = f"/api/tasks/task-{made.row.task_id.replace('-', '')}"
    detail = good(agh.get(path))["task"]
    assert (detail["task"]["title"], detail["task"]["status"]) == ("fix it", "in_progress")
    runs = good(agh.get(f"{path}/runs"))["runs"]
    assert [(run["attempt"], run["status"]) for run in runs[:3]] == [(13, "queued"), (12, "running"), (11, "failed")]
    assert len(runs) == 10
    for run in runs[:3]:
        good(agh.get(f"/api/task-runs/{run['id']}"))
    listed = good(agh.get("/api/tasks", scope="global", status="in_progress"))["tasks"]
    assert [task["title"] for task in listed] == ["fix it"]
    assert "fix it" in str(good(agh.get("/api/observe/tasks/inbox", scope="global")))
    for below in ("/timeline", "/tree"):
        good(agh.get(f"{path}{below}"))
    store.transact(deleting.delete, 1, made.row.task_id, PERSON)
    assert good(agh.get(path))["task"]["task"]["status"] == "canceled"
    good(agh.get("/api/observe/tasks/dashboard", scope="global"))
