"""Requests that succeed: tasks themselves."""

from __future__ import annotations

from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api, good
from tests.support.stand import Stand
from tests.support.verbs import Json


def task(api: Api, **said: object) -> Json:
    """A new task."""
    made: Json = good(api.post("/tasks", {"title": "a task", **said}), 201)
    return made


@recipe
def create_task(stand: Stand, api: Api) -> Ask:
    owner = {"kind": "pool", "ref": "coder"}
    return Ask(
        method="POST",
        path="/tasks",
        body={"title": "a task", "parent_id": task(api)["id"], "priority": 8, "owner": owner, "metadata": [1]},
    )


@recipe
def list_tasks(stand: Stand, api: Api) -> Ask:
    task(api)
    return Ask(method="GET", path="/tasks", params={"status": "ready", "query": "TASK"})


@recipe
def get_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/tasks/{task(api)['id']}")


@recipe
def update_task(stand: Stand, api: Api) -> Ask:
    body = {"title": "better", "owner": None, "approval_policy": "manual", "metadata": None}
    return Ask(method="PATCH", path=f"/tasks/{task(api)['id']}", body=body)


@recipe
def delete_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/tasks/{task(api)['id']}")


@recipe
def get_task_tree(stand: Stand, api: Api) -> Ask:
    root = task(api)
    task(api, parent_id=root["id"])
    return Ask(method="GET", path=f"/tasks/{root['id']}/tree")


@recipe
def list_task_runs(stand: Stand, api: Api) -> Ask:
    one = task(api)
    good(api.post(f"/tasks/{one['id']}/runs"), 201)
    return Ask(method="GET", path=f"/tasks/{one['id']}/runs")
