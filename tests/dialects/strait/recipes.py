"""For every operation of the contract a request that succeeds, and whatever must be there before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.dialects.strait.client import Strait, Worker, good, internal
from tests.dialects.strait.times import at
from tests.support.verbs import NOTHING, Json


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request, and who sends it."""

    method: str
    path: str
    client: Strait
    body: Any = NOTHING
    params: Mapping[str, Any] = field(default_factory=dict)
    stream: bool = False
    """Whether the reply is a stream of events."""


Recipe = Callable[[Strait], Ask]
RECIPES: dict[str, Recipe] = {}
INTERNAL: set[str] = set()
"""Operations that the internal secret alone may call."""
_numbers = itertools.count(1)


def recipe(made: Recipe) -> Recipe:
    """Note down how the operation of the function's name is used."""
    words = made.__name__.split("_")
    RECIPES[words[0] + "".join(word.upper() if word == "api" else word.capitalize() for word in words[1:])] = made
    return made


def dead(strait: Strait, job: Json | None = None) -> Json:
    """A run in the dead letter."""
    run = strait.run(job or strait.job())
    strait.fail(strait.start(run))
    return strait.see(run)


def failed(strait: Strait) -> Json:
    """A run that its worker failed: it may be replayed."""
    worker = strait.executing()
    good(worker.call("fail", {"error": "no"}))
    return strait.see(worker.run_id)


def secret_holder(strait: Strait) -> Strait:
    """The internal secret in the client's place."""
    return internal(strait.stand, strait.contract)


# Runs


def _of_run(
    method: str,
    below: str = "",
    body: Any = NOTHING,
    *,
    prepare: Callable[[Strait], Json] = Strait.run,
    stream: bool = False,
) -> Recipe:
    def made(strait: Strait) -> Ask:
        path = f"/v1/runs/{prepare(strait)['id']}{below}"
        return Ask(method=method, path=path, client=strait, body=body, stream=stream)

    return made


def _executing(strait: Strait) -> Json:
    return strait.see(strait.executing().run_id)


def _paused(strait: Strait) -> Json:
    run = _executing(strait)
    good(strait.post(f"/v1/runs/{run['id']}/pause"))
    return run


def _telling(strait: Strait) -> Json:
    """A run that has something in every list."""
    worker = strait.executing()
    good(worker.call("log", {"message": "hello", "level": "warn", "data": {"n": 1}}), 201)
    good(worker.call("checkpoint", {"state": {"step": 1}}), 201)
    good(worker.call("usage", {"provider": "openai", "model": "gpt-4o", "prompt_tokens": 3}), 201)
    good(worker.call("tool-call", {"tool_name": "grep", "duration_ms": 3}), 201)
    good(worker.call("output", {"output_key": "report", "value": {"ok": True}}), 201)
    good(worker.call("state", {"key": "place", "value": [1]}), 201)
    return strait.see(worker.run_id)


def _parent(strait: Strait) -> Json:
    worker = strait.executing()
    child = strait.job()
    good(worker.call("spawn", {"job_slug": child["slug"], "project_id": child["project_id"]}), 201)
    return strait.see(worker.run_id)


def _continued(strait: Strait) -> Json:
    worker = strait.executing()
    good(worker.call("continue"), 201)
    return strait.see(worker.run_id)


def _depending(strait: Strait) -> Json:
    first, second = strait.job(), strait.job()
    good(strait.post(f"/v1/jobs/{second['id']}/dependencies", {"depends_on_job_id": first["id"]}), 201)
    return strait.run(second)


RECIPES |= {
    "getRun": _of_run("GET"),
    "cancelRun": _of_run("DELETE"),
    "replayRun": _of_run("POST", "/replay", prepare=failed),
    "replayDeadLetterRun": _of_run("POST", "/dlq-replay", prepare=dead),
    "streamRun": _of_run("GET", "/stream", stream=True),
    "listChildRuns": _of_run("GET", "/children", prepare=_parent),
    "listRunEvents": _of_run("GET", "/events", prepare=_telling),
    "listRunCheckpoints": _of_run("GET", "/checkpoints", prepare=_telling),
    "listRunUsage": _of_run("GET", "/usage", prepare=_telling),
    "listRunToolCalls": _of_run("GET", "/tool-calls", prepare=_telling),
    "listRunOutputs": _of_run("GET", "/outputs", prepare=_telling),
    "getDebugBundle": _of_run("GET", "/debug-bundle", prepare=_telling),
    "setDebugMode": _of_run("POST", "/debug", {"debug_mode": True}),
    "getRunDebug": _of_run("GET", "/debug", prepare=_telling),
    "listRunLineage": _of_run("GET", "/lineage", prepare=_continued),
    "getRunDependencyStatus": _of_run("GET", "/dependency-status", prepare=_depending),
    "getRunDependencies": _of_run("GET", "/dependencies", prepare=_depending),
    "resetRunIdempotencyKey": _of_run("DELETE", "/idempotency-key"),
    "pauseRun": _of_run("POST", "/pause", prepare=_executing),
    "resumeRun": _of_run("POST", "/resume", prepare=_paused),
    "restartRun": _of_run("POST", "/restart", prepare=_executing),
    "streamRunChunks": _of_run("GET", "/stream/chunks", stream=True),
    "listRunState": _of_run("GET", "/state", prepare=_telling),
}


@recipe
def reschedule_run(strait: Strait) -> Ask:
    body = {"scheduled_at": at(strait, seconds=3600), "payload": {"n": 2}}
    return Ask(method="POST", path=f"/v1/runs/{strait.run()['id']}/reschedule", client=strait, body=body)


@recipe
def list_runs(strait: Strait) -> Ask:
    strait.run(tags={"team": "a"})
    return Ask(method="GET", path="/v1/runs", client=strait, params={"tag_key": "team", "tag_value": "a"})


@recipe
def list_dead_letter_runs(strait: Strait) -> Ask:
    dead(strait)
    return Ask(method="GET", path="/v1/runs/dlq", client=strait)


def _bulk(name: str, prepare: Callable[[Strait], Json]) -> Recipe:
    def made(strait: Strait) -> Ask:
        job = prepare(strait)
        return Ask(method="POST", path=f"/v1/runs/{name}", client=strait, body={"run_ids": [job["id"]]})

    return made


RECIPES |= {
    "bulkCancelRuns": _bulk("bulk-cancel", Strait.run),
    "bulkReplayDeadLetterRuns": _bulk("bulk-dlq-replay", dead),
    "bulkReplayRuns": _bulk("bulk-replay", failed),
}


@recipe
def bulk_cancel_all_runs(strait: Strait) -> Ask:
    run = strait.run()
    return Ask(method="POST", path="/v1/runs/bulk-cancel-all", client=strait, body={"job_id": run["job_id"]})


# Health, projects, keys


@recipe
def health(strait: Strait) -> Ask:
    return Ask(method="GET", path="/health", client=strait)


@recipe
def health_ready(strait: Strait) -> Ask:
    return Ask(method="GET", path="/health/ready", client=strait)


def _project(strait: Strait) -> str:
    slug = f"project-{next(_numbers)}"
    body = {"id": slug, "org_id": "org-1", "name": "A project"}
    return str(good(secret_holder(strait).post("/v1/projects", body), 201)["id"])


@recipe
def create_project(strait: Strait) -> Ask:
    body = {"id": f"fresh-{next(_numbers)}", "org_id": "org-1", "name": "Fresh"}
    return Ask(method="POST", path="/v1/projects", client=secret_holder(strait), body=body)


@recipe
def list_projects(strait: Strait) -> Ask:
    _project(strait)
    return Ask(method="GET", path="/v1/projects", client=secret_holder(strait), params={"org_id": "org-1"})


INTERNAL |= {"createProject", "listProjects"}


@recipe
def get_project(strait: Strait) -> Ask:
    return Ask(method="GET", path="/v1/projects/default", client=strait)


@recipe
def delete_project(strait: Strait) -> Ask:
    return Ask(method="DELETE", path=f"/v1/projects/{_project(strait)}", client=secret_holder(strait))


def _key(strait: Strait) -> str:
    body = {"project_id": "default", "name": "some", "scopes": ["api-keys:manage"]}
    return str(good(strait.post("/v1/api-keys", body), 201)["id"])


def create_api_key(strait: Strait) -> Ask:
    body = {"project_id": "default", "name": "another", "scopes": ["api-keys:manage"], "expires_in_days": 30}
    return Ask(method="POST", path="/v1/api-keys", client=strait, body=body)


def list_api_keys(strait: Strait) -> Ask:
    _key(strait)
    # The first use of the caller's key is noted beside its answer, and shows in the list.
    strait.stand.until(lambda: any("last_used_at" in key for key in good(strait.get("/v1/api-keys"))["data"]))
    return Ask(method="GET", path="/v1/api-keys", client=strait)


def revoke_api_key(strait: Strait) -> Ask:
    return Ask(method="DELETE", path=f"/v1/api-keys/{_key(strait)}", client=strait)


def rotate_api_key(strait: Strait) -> Ask:
    body = {"grace_period_minutes": 5}
    return Ask(method="POST", path=f"/v1/api-keys/{_key(strait)}/rotate", client=strait, body=body)


RECIPES |= {
    "createAPIKey": create_api_key,
    "listAPIKeys": list_api_keys,
    "revokeAPIKey": revoke_api_key,
    "rotateAPIKey": rotate_api_key,
}


# Jobs


def _new_job(**more: Any) -> Json:
    slug = f"made-{next(_numbers)}"
    return {"project_id": "default", "name": slug, "slug": slug, "endpoint_url": "https://example.com/run", **more}


@recipe
def create_job(strait: Strait) -> Ask:
    return Ask(method="POST", path="/v1/jobs", client=strait, body=_new_job(max_attempts=2, tags={"team": "a"}))


@recipe
def list_jobs(strait: Strait) -> Ask:
    strait.job(tags={"team": "a"})
    return Ask(method="GET", path="/v1/jobs", client=strait, params={"tag_key": "team"})


@recipe
def batch_create_jobs(strait: Strait) -> Ask:
    return Ask(method="POST", path="/v1/jobs/batch", client=strait, body={"jobs": [_new_job(), _new_job()]})


@recipe
def batch_enable_jobs(strait: Strait) -> Ask:
    return Ask(method="POST", path="/v1/jobs/batch-enable", client=strait, body={"ids": [strait.job()["id"]]})


@recipe
def batch_disable_jobs(strait: Strait) -> Ask:
    return Ask(method="POST", path="/v1/jobs/batch-disable", client=strait, body={"ids": [strait.job()["id"]]})


def _of_job(method: str, below: str = "", body: Any = NOTHING, *, version: bool = False) -> Recipe:
    def made(strait: Strait) -> Ask:
        job = strait.job()
        if version:
            good(strait.patch(f"/v1/jobs/{job['id']}", {"max_attempts": 5}))
        path = f"/v1/jobs/{job['id']}{below.format(version=job['version_id'])}"
        return Ask(method=method, path=path, client=strait, body=body)

    return made


RECIPES |= {
    "getJob": _of_job("GET"),
    "updateJob": _of_job("PATCH", "", {"max_attempts": 7, "description": "changed"}),
    "deleteJob": _of_job("DELETE"),
    "getJobHealth": _of_job("GET", "/health"),
    "triggerJob": _of_job("POST", "/trigger", {"payload": {"n": 1}, "priority": 3, "metadata": {"who": "me"}}),
    "bulkTriggerJob": _of_job("POST", "/trigger/bulk", {"items": [{"payload": {"n": 1}}, {"payload": [2]}]}),
    "listJobVersions": _of_job("GET", "/versions", version=True),
    "getJobVersion": _of_job("GET", "/versions/{version}", version=True),
}


@recipe
def clone_job(strait: Strait) -> Ask:
    slug = f"clone-{next(_numbers)}"
    path = f"/v1/jobs/{strait.job()['id']}/clone"
    return Ask(method="POST", path=path, client=strait, body={"name": slug, "slug": slug})


def _dependency(strait: Strait) -> str:
    first, second = strait.job(), strait.job()
    body = {"depends_on_job_id": first["id"], "condition": "any"}
    made = good(strait.post(f"/v1/jobs/{second['id']}/dependencies", body), 201)
    return f"/v1/jobs/{second['id']}/dependencies/{made['id']}"


@recipe
def list_job_dependencies(strait: Strait) -> Ask:
    return Ask(method="GET", path=_dependency(strait).rpartition("/")[0], client=strait)


@recipe
def create_job_dependency(strait: Strait) -> Ask:
    path = f"/v1/jobs/{strait.job()['id']}/dependencies"
    return Ask(method="POST", path=path, client=strait, body={"depends_on_job_id": strait.job()["id"]})


@recipe
def delete_job_dependency(strait: Strait) -> Ask:
    return Ask(method="DELETE", path=_dependency(strait), client=strait)


def _batch(strait: Strait) -> str:
    path = f"/v1/jobs/{strait.job()['id']}/trigger/bulk"
    return str(good(strait.post(path, {"items": [{"payload": 1}]}), 201)["batch_id"])


@recipe
def list_batch_operations(strait: Strait) -> Ask:
    _batch(strait)
    return Ask(method="GET", path="/v1/batch-operations", client=strait)


@recipe
def get_batch_operation(strait: Strait) -> Ask:
    return Ask(method="GET", path=f"/v1/batch-operations/{_batch(strait)}", client=strait)


# Events


def waiting(strait: Strait) -> str:
    """The key of an event that a run waits for."""
    key = f"order-{next(_numbers)}"
    good(strait.executing().call("wait-for-event", {"event_key": key, "timeout_secs": 60}))
    return key


@recipe
def list_event_triggers(strait: Strait) -> Ask:
    waiting(strait)
    return Ask(method="GET", path="/v1/events", client=strait, params={"status": "waiting"})


@recipe
def get_event_trigger_stats(strait: Strait) -> Ask:
    waiting(strait)
    return Ask(method="GET", path="/v1/events/stats", client=strait)


@recipe
def purge_event_triggers(strait: Strait) -> Ask:
    return Ask(method="POST", path="/v1/events/purge", client=strait, body={"older_than_days": 1, "dry_run": True})


@recipe
def send_event_by_prefix(strait: Strait) -> Ask:
    waiting(strait)
    return Ask(method="POST", path="/v1/events/prefix/order-/send", client=strait, body={"payload": {"ok": True}})


@recipe
def get_event_trigger(strait: Strait) -> Ask:
    return Ask(method="GET", path=f"/v1/events/{waiting(strait)}", client=strait)


@recipe
def cancel_event_trigger(strait: Strait) -> Ask:
    return Ask(method="DELETE", path=f"/v1/events/{waiting(strait)}", client=strait)


@recipe
def send_event(strait: Strait) -> Ask:
    path = f"/v1/events/{waiting(strait)}/send"
    return Ask(method="POST", path=path, client=strait, body={"payload": {"ok": True}})


@recipe
def stream_event_trigger(strait: Strait) -> Ask:
    return Ask(method="GET", path=f"/v1/events/{waiting(strait)}/stream", client=strait, stream=True)


# The worker's side


def _of_worker(
    name: str, body: Any = NOTHING, *, method: str = "POST", prepare: Callable[[Worker], Any] | None = None
) -> Recipe:
    def made(strait: Strait) -> Ask:
        worker = strait.executing(payload={"n": 1})
        if prepare is not None:
            prepare(worker)
        return Ask(method=method, path=f"/sdk/v1/runs/{worker.run_id}/{name}", client=worker, body=body)

    return made


def _set_state(worker: Worker) -> None:
    good(worker.call("state", {"key": "place", "value": {"at": 3}}), 201)


RECIPES |= {
    "sdkGetPayload": _of_worker("payload", method="GET"),
    "sdkLog": _of_worker("log", {"message": "hello", "level": "debug", "type": "note", "data": [1]}),
    "sdkProgress": _of_worker("progress", {"percent": 12.5}),
    "sdkAnnotate": _of_worker("annotate", {"annotations": {"who": "me"}}),
    "sdkHeartbeat": _of_worker("heartbeat"),
    "sdkCheckpoint": _of_worker("checkpoint", {"state": {"step": 1}, "source": "sdk"}),
    "sdkUsage": _of_worker("usage", {"provider": "openai", "model": "gpt-4o", "prompt_tokens": 10}),
    "sdkToolCall": _of_worker("tool-call", {"tool_name": "grep", "input": {"q": "x"}, "status": "ok"}),
    "sdkOutput": _of_worker("output", {"key": "report", "value": {"ok": True}, "schema": {"type": "object"}}),
    "sdkComplete": _of_worker("complete", {"result": {"ok": True}}),
    "sdkFail": _of_worker("fail", {"error": "no"}),
    "sdkContinue": _of_worker("continue", {"payload": {"n": 2}}),
    "sdkWaitForEvent": _of_worker("wait-for-event", {"event_key": "paid", "timeout_secs": 60}),
    "sdkSetState": _of_worker("state", {"key": "place", "value": None}),
    "sdkListState": _of_worker("state", method="GET", prepare=_set_state),
    "sdkGetState": _of_worker("state/place", method="GET", prepare=_set_state),
    "sdkDeleteState": _of_worker("state/place", method="DELETE", prepare=_set_state),
    "sdkStreamChunk": _of_worker("stream", {"chunk": "some text"}),
}


@recipe
def sdk_spawn(strait: Strait) -> Ask:
    worker, child = strait.executing(), strait.job()
    body = {"job_slug": child["slug"], "project_id": "default", "payload": {"n": 1}, "priority": 4}
    return Ask(method="POST", path=f"/sdk/v1/runs/{worker.run_id}/spawn", client=worker, body=body)
