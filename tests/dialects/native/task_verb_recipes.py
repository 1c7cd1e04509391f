"""Requests that succeed: what is done to tasks."""

from __future__ import annotations

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.tasks import ApprovalPolicy
from runyard.engine.tasks import depending, making
from runyard.engine.tasks.making import NewTask
from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api
from tests.support.stand import Stand

PERSON = Doer(Actor("human", "somebody"), Origin("http", "tasks.create"))


def _task(stand: Stand, *, draft: bool = False, policy: ApprovalPolicy = ApprovalPolicy.NONE) -> str:
    new = NewTask(title="a task", draft=draft, approval_policy=policy)
    return stand.store.transact(making.create, 1, new, PERSON).id


def _edge(stand: Stand) -> tuple[str, str]:
    task_id, other_id = _task(stand), _task(stand)
    stand.store.transact(depending.add, 1, task_id, other_id, PERSON)
    return task_id, other_id


@recipe
def publish_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/tasks/{_task(stand, draft=True)}/publish")


@recipe
def start_task(stand: Stand, api: Api) -> Ask:
    body = {"idempotency_key": "once", "channel": "night", "metadata": {"why": "now"}}
    return Ask(method="POST", path=f"/tasks/{_task(stand)}/start", body=body)


@recipe
def queue_task_run(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/tasks/{_task(stand, policy=ApprovalPolicy.MANUAL)}/runs", body={})


@recipe
def approve_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/tasks/{_task(stand, policy=ApprovalPolicy.MANUAL)}/approve")


@recipe
def reject_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/tasks/{_task(stand, policy=ApprovalPolicy.MANUAL)}/reject")


@recipe
def pause_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/tasks/{_task(stand)}/pause", body={"reason": "not today", "metadata": [1]})


@recipe
def resume_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/tasks/{_task(stand)}/resume")


@recipe
def cancel_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/tasks/{_task(stand)}/cancel", body={"reason": "never mind"})


@recipe
def list_task_dependencies(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/tasks/{_edge(stand)[0]}/dependencies")


@recipe
def add_task_dependency(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/tasks/{_task(stand)}/dependencies", body={"depends_on": _task(stand)})


@recipe
def remove_task_dependency(stand: Stand, api: Api) -> Ask:
    task_id, other_id = _edge(stand)
    return Ask(method="DELETE", path=f"/tasks/{task_id}/dependencies/{other_id}")
