"""Requests that succeed: runs of tasks by themselves, and what people do to them."""

from __future__ import annotations

from runyard.domain.moves import move
from runyard.engine import transitions
from runyard.engine.tasks import operating
from runyard.storage.port import Tx
from runyard.storage.statements import runs
from tests.dialects.native import task_claim_recipes as claims
from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api, good
from tests.support.stand import Stand


def claimed(stand: Stand) -> str:
    """The id of a run that a person has claimed."""
    run_id = claims.queued(stand)
    stand.store.transact(operating.claim, 1, run_id, claims.PERSON)
    return run_id


def running(stand: Stand) -> str:
    """The id of a run that a person has started."""
    run_id = claimed(stand)
    stand.store.transact(operating.start, 1, run_id, claims.PERSON)
    return run_id


def failed(stand: Stand, api: Api) -> str:
    """The id of a run that was failed by force."""
    run_id = claims.queued(stand)
    good(api.post(f"/task-runs/{run_id}/force-fail", {"reason": "it waited too long"}))
    return run_id


def starved(stand: Stand) -> str:
    """The id of a run that needs attention."""

    def starve(tx: Tx, run_id: str) -> str:
        return transitions.apply(tx, [move(runs.lock(tx, [run_id])[run_id], "starve", tx.now)])[0].id

    return stand.store.transact(starve, claims.queued(stand))


@recipe
def get_task_run(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/task-runs/{running(stand)}")


@recipe
def claim_task_run(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/task-runs/{claims.queued(stand)}/claim")


@recipe
def start_task_run(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/task-runs/{claimed(stand)}/start")


@recipe
def attach_task_run(stand: Stand, api: Api) -> Ask:
    body = {"session_id": claims.session_of(stand)}
    return Ask(method="POST", path=f"/task-runs/{claimed(stand)}/attach", body=body)


@recipe
def end_task_run(stand: Stand, api: Api) -> Ask:
    body = {"outcome": "completed", "output": {"answer": 42}}
    return Ask(method="POST", path=f"/task-runs/{running(stand)}/end", body=body)


@recipe
def cancel_task_run(stand: Stand, api: Api) -> Ask:
    body = {"reason": "never mind", "metadata": [1]}
    return Ask(method="POST", path=f"/task-runs/{claims.queued(stand)}/cancel", body=body)


@recipe
def inspect_task_run(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/task-runs/{failed(stand, api)}/inspect")


@recipe
def inspect_task(stand: Stand, api: Api) -> Ask:
    run = good(api.get(f"/task-runs/{claimed(stand)}"))["run"]
    return Ask(method="GET", path=f"/tasks/{run['task_id']}/inspect")


@recipe
def force_release_task_run(stand: Stand, api: Api) -> Ask:
    return Ask(
        method="POST", path=f"/task-runs/{claims.held(stand, api)[1]}/force-release", body={"reason": "it hangs"}
    )


@recipe
def force_fail_task_run(stand: Stand, api: Api) -> Ask:
    body = {"reason": "nobody wants it", "metadata": {"ticket": 7}}
    return Ask(method="POST", path=f"/task-runs/{claims.queued(stand)}/force-fail", body=body)


@recipe
def retry_task_run(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/task-runs/{failed(stand, api)}/retry", body={"metadata": {"again": True}})


@recipe
def recover_task_run(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/task-runs/{starved(stand)}/recover", body={"reason": "workers are back"})


@recipe
def force_release_task_runs(stand: Stand, api: Api) -> Ask:
    body = {"run_ids": [claimed(stand), claims.queued(stand)], "reason": "all of them hang"}
    return Ask(method="POST", path="/task-runs/force-release", body=body)


@recipe
def force_fail_task_runs(stand: Stand, api: Api) -> Ask:
    body = {"run_ids": [claimed(stand), claims.queued(stand)], "reason": "cleaning up", "metadata": {"n": 1}}
    return Ask(method="POST", path="/task-runs/force-fail", body=body)
