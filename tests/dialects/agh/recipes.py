"""For every operation of the contract a request that succeeds, and whatever must be there before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from runyard.dialects.agh.mapping.values import read, shown
from tests.dialects.agh.client import Agh, good
from tests.support.contract import Operation
from tests.support.verbs import NOTHING, Json
from tests.support.yard import Yard

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request, and who sends it."""

    method: str
    path: str
    client: Agh
    body: Any = NOTHING
    params: Mapping[str, Any] = field(default_factory=dict)


Recipe = Callable[[Agh], Ask]


def send(ask: Ask, client: Agh | None = None, **changes: Any) -> httpx2.Response:
    """Send the request, changed, by its client or another."""
    more: dict[str, Any] = {"params": ask.params, **changes}
    return (client or ask.client).send(ask.method, more.pop("path", ask.path), more.pop("body", ask.body), **more)


def followed(ask: Ask, prefix: str) -> tuple[int, str]:
    """The status and the first line of a stream, which is left then."""
    request = ask.client.request(ask.method, ask.path, prefix=prefix, params=ask.params)
    response = ask.client.stand.http.send(request, stream=True)
    try:
        return response.status_code, next(response.iter_lines())
    finally:
        response.close()


def success(operation: Operation) -> set[int]:
    """The statuses of success in the contract."""
    return {int(status) for status in operation.spec["responses"] if status < "400"}


# What must be there


def task(agh: Agh) -> Json:
    """A task that is ready."""
    return agh.task("ship it", description="all of it", priority="high", metadata={"n": 1})


def draft(agh: Agh) -> Json:
    """A task that nobody has published."""
    return agh.task(draft=True)


def undecided(agh: Agh) -> Json:
    """A task that waits for somebody's approval."""
    return agh.task(approval_policy="manual")


def family(agh: Agh) -> Json:
    """A task with a child, a dependency and a run."""
    made = agh.task("a family")
    agh.task("a child", parent=made)
    good(agh.post(f"/api/tasks/{made['id']}/dependencies", {"depends_on_task_id": agh.task()["id"]}))
    agh.start(made)
    return made


def queued(agh: Agh) -> Json:
    """A run that waits."""
    return agh.start()


def claimed(agh: Agh) -> Json:
    """A run that a person took."""
    run: Json = good(agh.post(f"/api/task-runs/{queued(agh)['id']}/claim"))["run"]
    return run


def running(agh: Agh) -> Json:
    """A run that a person works on."""
    run: Json = good(agh.post(f"/api/task-runs/{claimed(agh)['id']}/start"))["run"]
    return run


def completed(agh: Agh) -> Json:
    """A run that is done."""
    run: Json = good(agh.post(f"/api/task-runs/{running(agh)['id']}/complete", {"result": {"n": 1}}))["run"]
    return run


def failed(agh: Agh) -> Json:
    """A run that failed."""
    run: Json = good(agh.post(f"/api/task-runs/{running(agh)['id']}/fail", {"error": "it broke"}))["run"]
    return run


def starved(agh: Agh) -> Json:
    """A run that nobody wanted."""
    run = queued(agh)
    Yard(agh.stand.store, agh.stand.clock).starve(read("run", run["id"]))
    return run


def reviewed(agh: Agh) -> Json:
    """A review that was asked for; its id stands as any other's."""
    found: Json = good(agh.post(f"/api/task-runs/{completed(agh)['id']}/reviews"), 201)["review"]
    return {**found, "id": found["review_id"]}


def profiled(agh: Agh) -> Json:
    """A task with a profile."""
    made = task(agh)
    good(agh.put(f"/api/tasks/{made['id']}/execution-profile", {"worker": {"agent_name": "coder"}}, loose=True))
    return made


def subscribed(agh: Agh) -> tuple[Json, Json]:
    """A task, and who is told of its end."""
    made = task(agh)
    found: Json = good(agh.post(f"/api/tasks/{made['id']}/notifications/bridges", _subscription(agh)), 201)
    return made, found["subscription"]


def _subscription(agh: Agh) -> Json:
    new = {
        "scope": "global",
        "display_name": "Ops",
        "platform": "slack",
        "extension_name": "webhook",
        "enabled": True,
        "routing_policy": {"include_peer": True},
        "secrets": {"url": "https://example.com/hook"},
    }
    bridge = good(agh.post("/api/bridges", new), 201)["bridge"]
    return {
        "bridge_instance_id": bridge["id"],
        "delivery_mode": "direct-send",
        "scope": "global",
        "peer_id": "ada",
        "subscription_id": f"bts-mine-{next(_numbers)}",
    }


# The operations


def _at(method: str, path: str, body: Any = NOTHING, **params: Any) -> Recipe:
    def made(agh: Agh) -> Ask:
        family(agh)
        return Ask(method=method, path=path, client=agh, body=body, params=params)

    return made


def _of(thing: Callable[[Agh], Json], method: str, path: str, body: Any = NOTHING, **params: Any) -> Recipe:
    def made(agh: Agh) -> Ask:
        return Ask(method=method, path=path.format(id=thing(agh)["id"]), client=agh, body=body, params=params)

    return made


def _leased(verb: str, body: Json) -> Recipe:
    def made(agh: Agh) -> Ask:
        agh.start()
        coder = agh.as_session()
        claim = coder.claim()
        assert claim is not None
        return Ask(method="POST", path=f"/api/agent/tasks/{claim['run']['id']}/{verb}", client=coder, body=body)

    return made


def _claim_next(agh: Agh) -> Ask:
    agh.start()
    body = {"required_capabilities": ["go"], "priority_min": 10, "lease_seconds": 60}
    return Ask(method="POST", path="/api/agent/tasks/claim-next", client=agh.as_session(), body=body)


def _bulk(verb: str, body: Json) -> Recipe:
    def made(agh: Agh) -> Ask:
        ids = [claimed(agh)["id"], queued(agh)["id"]]
        return Ask(method="POST", path=f"/api/runs/bulk/{verb}", client=agh, body={"run_ids": ids, **body})

    return made


def _attach(agh: Agh) -> Ask:
    run, session = claimed(agh), agh.session()
    body = {"session_id": shown("sess", session.id)}
    return Ask(method="POST", path=f"/api/task-runs/{run['id']}/attach-session", client=agh, body=body)


def _request_review(agh: Agh) -> Ask:
    run = completed(agh)
    body = {
        "run_id": run["id"],
        "task_id": run["task_id"],
        "deadline_at": "2099-01-01T00:00:00Z",
        "policy": "on_success",
    }
    return Ask(method="POST", path=f"/api/task-runs/{run['id']}/reviews", client=agh, body=body)


def _verdict(agh: Agh) -> Ask:
    review = reviewed(agh)
    verdict = {"outcome": "approved", "confidence": 0.5, "reason": "good", "delivery_id": f"d{next(_numbers)}"}
    body = {"run_id": review["run_id"], "verdict": verdict}
    return Ask(method="POST", path=f"/api/task-reviews/{review['id']}/verdict", client=agh, body=body)


def _add_dependency(agh: Agh) -> Ask:
    body = {"depends_on_task_id": task(agh)["id"], "kind": "blocks"}
    return Ask(method="POST", path=f"/api/tasks/{task(agh)['id']}/dependencies", client=agh, body=body)


def _remove_dependency(agh: Agh) -> Ask:
    made = family(agh)
    (edge,) = agh.see(made)["dependencies"]
    return Ask(method="DELETE", path=f"/api/tasks/{made['id']}/dependencies/{edge['depends_on_task_id']}", client=agh)


def _set_profile(agh: Agh) -> Ask:
    made, never = task(agh), "0001-01-01T00:00:00Z"
    modes = {"coordinator": {"mode": "inherit"}, "sandbox": {"mode": "none"}, "runtime": {"mode": "default"}}
    body = {
        "task_id": made["id"],
        "worker": {"mode": "select", "allowed_agent_names": ["coder"]},
        **modes,
        "review": {},
        "participants": {},
        "created_at": never,
        "updated_at": never,
    }
    return Ask(method="PUT", path=f"/api/tasks/{made['id']}/execution-profile", client=agh, body=body)


def _subscribe(agh: Agh) -> Ask:
    path = f"/api/tasks/{task(agh)['id']}/notifications/bridges"
    return Ask(method="POST", path=path, client=agh, body=_subscription(agh))


def _subscriptions(method: str) -> Recipe:
    def made(agh: Agh) -> Ask:
        of, found = subscribed(agh)
        path = f"/api/tasks/{of['id']}/notifications/bridges/{found['subscription_id']}"
        return Ask(method=method, path=path, client=agh)

    return made


def _list_subscriptions(agh: Agh) -> Ask:
    of, found = subscribed(agh)
    params = {"bridge_instance_id": found["bridge_instance_id"], "scope": "global", "limit": 5}
    return Ask(method="GET", path=f"/api/tasks/{of['id']}/notifications/bridges", client=agh, params=params)


_TASK, _RUN, _FORCED, _REVIEW = "/api/tasks/{id}", "/api/task-runs/{id}", "/api/runs/{id}", "/api/task-reviews/{id}"
WHY = {"reason": "enough"}
NOTED = {**WHY, "metadata": {"ticket": 7}}
KEYED = {"idempotency_key": "once", "metadata": {"n": 1}, "network_channel": "builders"}
NEW = {
    "scope": "global",
    "title": "a task",
    "priority": "urgent",
    "max_attempts": 5,
    "identifier": "SHIP-1",
    "owner": {"kind": "pool", "ref": "coder"},
    "network_channel": "builders",
    "metadata": {"n": [1]},
}
RECIPES: dict[str, Recipe] = {
    "claimNextAgentTask": _claim_next,
    "heartbeatAgentTaskRun": _leased("heartbeat", {"lease_seconds": 60}),
    "completeAgentTaskRun": _leased("complete", {"result": {"n": 1}}),
    "failAgentTaskRun": _leased("fail", {"error": "it broke", "metadata": {"exit": 1}}),
    "releaseAgentTaskRun": _leased("release", WHY),
    "getTaskDashboard": _at("GET", "/api/observe/tasks/dashboard", scope="global"),
    "getTaskInbox": _at("GET", "/api/observe/tasks/inbox", scope="global", unread="true", limit=5),
    "bulkForceFailTaskRuns": _bulk("fail", NOTED),
    "bulkForceReleaseTaskRuns": _bulk("release", {}),
    "forceFailTaskRun": _of(claimed, "POST", f"{_FORCED}/fail", WHY),
    "forceReleaseTaskRun": _of(claimed, "POST", f"{_FORCED}/release", NOTED),
    "inspectRun": _of(claimed, "GET", f"{_FORCED}/inspect"),
    "recoverTaskRun": _of(starved, "POST", f"{_FORCED}/recover", NOTED),
    "retryTaskRun": _of(failed, "POST", f"{_FORCED}/retry", {"metadata": {"n": 2}}),
    "getScheduler": _at("GET", "/api/scheduler"),
    "getSchedulerBacklog": _at("GET", "/api/scheduler/backlog", limit=5, include_paused="true"),
    "drainScheduler": _at("POST", "/api/scheduler/drain", {**WHY, "timeout_seconds": 0}),
    "pauseScheduler": _at("POST", "/api/scheduler/pause", WHY),
    "resumeScheduler": _at("POST", "/api/scheduler/resume", WHY),
    "getTaskRunReview": _of(reviewed, "GET", _REVIEW),
    "submitTaskRunReviewVerdict": _verdict,
    "getTaskRun": _of(running, "GET", _RUN),
    "attachTaskRunSession": _attach,
    "cancelTaskRun": _of(running, "POST", f"{_RUN}/cancel", NOTED),
    "claimTaskRun": _of(queued, "POST", f"{_RUN}/claim", {"idempotency_key": "once"}),
    "completeTaskRun": _of(running, "POST", f"{_RUN}/complete", {"result": {"n": 1}}),
    "failTaskRun": _of(running, "POST", f"{_RUN}/fail", {"error": "it broke", "metadata": {"exit": 1}}),
    "listTaskRunReviews": _of(completed, "GET", f"{_RUN}/reviews", status="requested", limit=5),
    "requestTaskRunReview": _request_review,
    "startTaskRun": _of(claimed, "POST", f"{_RUN}/start", {}),
    "listTasks": _at("GET", "/api/tasks", scope="global", status="ready", priority="medium", query="FAM", limit=5),
    "createTask": _at("POST", "/api/tasks", NEW),
    "getTask": _of(family, "GET", _TASK),
    "updateTask": _of(task, "PATCH", _TASK, {"title": "another", "metadata": {"n": 2}, "clear_owner": True}),
    "deleteTask": _of(task, "DELETE", _TASK),
    "approveTask": _of(undecided, "POST", f"{_TASK}/approve", KEYED),
    "rejectTask": _of(undecided, "POST", f"{_TASK}/reject"),
    "cancelTask": _of(family, "POST", f"{_TASK}/cancel", NOTED),
    "createChildTask": _of(task, "POST", f"{_TASK}/children", NEW),
    "addTaskDependency": _add_dependency,
    "removeTaskDependency": _remove_dependency,
    "getTaskExecutionProfile": _of(profiled, "GET", f"{_TASK}/execution-profile"),
    "setTaskExecutionProfile": _set_profile,
    "deleteTaskExecutionProfile": _of(profiled, "DELETE", f"{_TASK}/execution-profile"),
    "inspectTask": _of(family, "GET", f"{_TASK}/inspect"),
    "pauseTask": _of(task, "POST", f"{_TASK}/pause", NOTED),
    "resumeTask": _of(task, "POST", f"{_TASK}/resume", {"metadata": {"n": 1}}),
    "publishTask": _of(draft, "POST", f"{_TASK}/publish", KEYED),
    "startTask": _of(task, "POST", f"{_TASK}/start", KEYED),
    "enqueueTaskRun": _of(task, "POST", f"{_TASK}/runs", KEYED),
    "listTaskRuns": _of(family, "GET", f"{_TASK}/runs", status="queued", limit=5),
    "listTaskReviews": _of(family, "GET", f"{_TASK}/reviews", status="requested", limit=5),
    "createTaskBridgeNotificationSubscription": _subscribe,
    "listTaskBridgeNotificationSubscriptions": _list_subscriptions,
    "getTaskBridgeNotificationSubscription": _subscriptions("GET"),
    "deleteTaskBridgeNotificationSubscription": _subscriptions("DELETE"),
    "streamTask": _of(family, "GET", f"{_TASK}/stream", after_sequence=0),
    "getTaskTimeline": _of(family, "GET", f"{_TASK}/timeline", after_sequence=0, limit=5),
    "getTaskTree": _of(family, "GET", f"{_TASK}/tree"),
    "archiveTask": _of(task, "POST", f"{_TASK}/triage/archive"),
    "dismissTask": _of(task, "POST", f"{_TASK}/triage/dismiss"),
    "markTaskRead": _of(task, "POST", f"{_TASK}/triage/read"),
}
