"""Requests that succeed: what sessions do with runs of tasks."""

from __future__ import annotations

from runyard.domain.actors import Actor, Doer, Origin
from runyard.engine import sessions
from runyard.engine.sessions import NewSession
from runyard.engine.tasks import making, queueing
from runyard.engine.tasks.making import NewTask
from runyard.storage.port import Tx
from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api, good
from tests.support.stand import Stand

PERSON = Doer(Actor("human", "somebody"), Origin("http", "tasks.create"))


def queued(stand: Stand, **new: object) -> str:
    """The id of a queued run of a new task of project `default`."""

    def queue(tx: Tx) -> str:
        task = making.create(tx, 1, NewTask(title="a task", **new), PERSON)  # type: ignore[arg-type]
        return queueing.queue(tx, task, PERSON, queueing.Asked())[1].id

    return stand.store.transact(queue)


def session_of(stand: Stand, agent: str = "coder") -> str:
    """The id of a new session."""
    return stand.store.transact(sessions.create, 1, NewSession(agent=agent)).id


def held(stand: Stand, api: Api) -> tuple[str, str]:
    """A run in the hands of a session: the id of the session, and of the run (it may have been queued before)."""
    queued(stand)
    session_id = session_of(stand)
    claim = good(api.post("/tasks/claim", {"session_id": session_id}))["claim"]
    return session_id, claim["run"]["id"]


@recipe
def claim_task(stand: Stand, api: Api) -> Ask:
    queued(stand)
    return Ask(method="POST", path="/tasks/claim", body={"session_id": session_of(stand), "lease_seconds": 60})


@recipe
def heartbeat_task_run(stand: Stand, api: Api) -> Ask:
    session_id, run_id = held(stand, api)
    body = {"session_id": session_id, "lease_seconds": 600}
    return Ask(method="POST", path=f"/task-runs/{run_id}/heartbeat", body=body)


@recipe
def complete_task_run(stand: Stand, api: Api) -> Ask:
    session_id, run_id = held(stand, api)
    body = {"session_id": session_id, "output": {"answer": 42}}
    return Ask(method="POST", path=f"/task-runs/{run_id}/complete", body=body)


@recipe
def fail_task_run(stand: Stand, api: Api) -> Ask:
    session_id, run_id = held(stand, api)
    body = {"session_id": session_id, "error": "no tests", "metadata": {"exit": 2}}
    return Ask(method="POST", path=f"/task-runs/{run_id}/fail", body=body)


@recipe
def release_task_run(stand: Stand, api: Api) -> Ask:
    session_id, run_id = held(stand, api)
    return Ask(method="POST", path=f"/task-runs/{run_id}/release", body={"session_id": session_id, "reason": "lunch"})
