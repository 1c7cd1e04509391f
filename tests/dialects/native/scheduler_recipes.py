"""Requests that succeed: the scheduler of runs of tasks, and timelines."""

from __future__ import annotations

from runyard.domain.actors import Actor, Doer, Origin
from runyard.engine.tasks import making
from runyard.engine.tasks.making import NewTask
from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api
from tests.support.stand import Stand

PERSON = Doer(Actor("human", "somebody"), Origin("http", "tasks.create"))


def task_of(stand: Stand, api: Api) -> str:
    """The id of a new task of project `default`."""
    return stand.store.transact(making.create, 1, NewTask(title="a task"), PERSON).id


@recipe
def get_scheduler(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/scheduler")


@recipe
def pause_scheduler(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/scheduler/pause", body={"reason": "a new release"})


@recipe
def resume_scheduler(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/scheduler/resume")


@recipe
def drain_scheduler(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/scheduler/drain", body={"timeout_seconds": 0})


@recipe
def get_backlog(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/scheduler/backlog", params={"include_paused": True})


@recipe
def get_timeline(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/tasks/{task_of(stand, api)}/timeline")


@recipe
def stream_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/tasks/{task_of(stand, api)}/stream", endless=True)
