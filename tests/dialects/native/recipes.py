"""For every operation of the native API a request that succeeds, and whatever must be there before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runyard.domain.jobs import Cron, JobSpec
from runyard.domain.records import Job
from runyard.engine import jobs
from tests.support.api import Api, good, proof
from tests.support.stand import Stand
from tests.support.verbs import NOTHING, Json


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request."""

    method: str
    path: str
    body: Any = NOTHING
    content: bytes | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    endless: bool = False
    """Whether the reply is a stream that does not end."""


Recipe = Callable[[Stand, Api], Ask]
RECIPES: dict[str, Recipe] = {}
_numbers = itertools.count()


def recipe(made: Recipe) -> Recipe:
    """Note down how the operation of the function's name is used."""
    RECIPES[made.__name__] = made
    return made


@recipe
def create_project(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/projects", body={"slug": "fresh", "name": "Fresh"})


@recipe
def list_projects(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/projects")


@recipe
def get_project(stand: Stand, api: Api) -> Ask:
    own = good(api.get("/projects"))["data"][-1]
    return Ask(method="GET", path=f"/projects/{own['slug']}")


@recipe
def update_project(stand: Stand, api: Api) -> Ask:
    own = good(api.get("/projects"))["data"][-1]
    return Ask(method="PATCH", path=f"/projects/{own['slug']}", body={"name": "New", "settings": {"max_queued": 5}})


@recipe
def delete_project(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/projects/{stand.project(f'project-{next(_numbers)}')}")


@recipe
def create_key(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/keys", body={"name": "worker", "scopes": ["runs:claim"]})


@recipe
def list_keys(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/keys")


def _key(stand: Stand, api: Api) -> Json:
    own = good(api.get("/projects"))["data"][-1]
    key: Json = good(stand.admin.within(own["number"]).post("/keys", {"name": "some", "scopes": ["runs:read"]}), 201)
    return key


@recipe
def get_key(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/keys/{_key(stand, api)['id']}")


@recipe
def revoke_key(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/keys/{_key(stand, api)['id']}")


@recipe
def rotate_key(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/keys/{_key(stand, api)['id']}/rotate", body={"grace_seconds": 60})


@recipe
def create_job(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/jobs", body={"name": "mail", "queue": "post", "retry": {"max_attempts": 2}})


@recipe
def list_jobs(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/jobs")


def _job(api: Api) -> str:
    job: str = good(api.post("/jobs", {"name": f"job-{next(_numbers)}"}), 201)["id"]
    return job


@recipe
def get_job(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/jobs/{_job(api)}")


@recipe
def update_job(stand: Stand, api: Api) -> Ask:
    return Ask(method="PATCH", path=f"/jobs/{_job(api)}", body={"priority": 7})


@recipe
def delete_job(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/jobs/{_job(api)}")


@recipe
def list_job_versions(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/jobs/{_job(api)}/versions")


@recipe
def get_job_health(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/jobs/{_job(api)}/health", params={"hours": 24})


def _secret(api: Api) -> str:
    path = f"/jobs/{_job(api)}/secrets/API_KEY"
    good(api.put(path, {"value": "hush"}))
    return path


@recipe
def list_job_secrets(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=_secret(api).removesuffix("/API_KEY"))


@recipe
def put_job_secret(stand: Stand, api: Api) -> Ask:
    return Ask(method="PUT", path=f"/jobs/{_job(api)}/secrets/API_KEY", body={"value": "hush"})


@recipe
def delete_job_secret(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=_secret(api))


def _environment(api: Api) -> str:
    path = f"/environments/stage-{next(_numbers)}"
    good(api.put(path, {"variables": {"A": "1"}}))
    return path


@recipe
def list_environments(stand: Stand, api: Api) -> Ask:
    _environment(api)
    return Ask(method="GET", path="/environments")


@recipe
def get_environment(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=_environment(api))


@recipe
def put_environment(stand: Stand, api: Api) -> Ask:
    return Ask(method="PUT", path=_environment(api), body={"variables": {"A": "1", "B": "2"}})


@recipe
def delete_environment(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=_environment(api))


@recipe
def create_runs(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/runs", body={"runs": [{"payload": {"n": 1}}, {"payload": None}]})


@recipe
def list_runs(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/runs")


def _of_run(method: str, below: str = "", body: Any = NOTHING, prepare: Callable[[Api], Json] | None = None) -> Recipe:
    def made(stand: Stand, api: Api) -> Ask:
        run = prepare(api) if prepare is not None else api.run(payload={"secret": "of this project"})
        return Ask(method=method, path=f"/runs/{run['id']}{below}", body=body)

    return made


def _paused(api: Api) -> Json:
    run = api.run()
    good(api.post(f"/runs/{run['id']}/pause"))
    return run


def started(api: Api, **run: Any) -> Json:
    """A run somebody works on."""
    claim = api.claimed(**run)
    (result,) = api.report("start", proof(claim))
    assert result["ok"], result
    return api.see(claim["run"])


RECIPES |= {
    "get_run": _of_run("GET"),
    "cancel_run": _of_run("POST", "/cancel", {"reason": "no need"}),
    "pause_run": _of_run("POST", "/pause"),
    "resume_run": _of_run("POST", "/resume", prepare=_paused),
    "restart_run": _of_run("POST", "/restart", {"preset": "small-2x", "reason": "too small"}, prepare=started),
    "get_debug_bundle": _of_run("GET", "/debug", prepare=started),
    "set_debug": _of_run("POST", "/debug", {"on": True}),
    "publish_run": _of_run("POST", "/publish", prepare=lambda api: api.run(draft=True)),
    "requeue_run": _of_run("POST", "/requeue", prepare=Api.buried),
    "discard_run": _of_run("POST", "/discard", {"reason": "hopeless"}, prepare=Api.buried),
    "resolve_run": _of_run("POST", "/resolve", {"reason": "done by hand"}, prepare=Api.buried),
    "retry_run": _of_run("POST", "/retry", {"config": {"model": "other"}}, prepare=Api.done),
    "replay_run": _of_run("POST", "/replay", {"payload": {"n": 2}}, prepare=Api.done),
    "reschedule_run": _of_run("POST", "/reschedule", {"delay_seconds": 60}),
    "reset_idempotency_key": _of_run(
        "DELETE", "/idempotency-key", prepare=lambda api: api.run(idempotency_key=f"key-{next(_numbers)}")
    ),
    "list_attempts": _of_run("GET", "/attempts", prepare=Api.done),
    "list_run_events": _of_run("GET", "/events"),
    "append_logs": _of_run("POST", "/logs", {"entries": [{"level": "info", "message": "hi", "data": {"a": 1}}]}),
    "list_run_logs": _of_run("GET", "/logs"),
    "add_chunks": _of_run("POST", "/chunks", {"chunks": [{"chunk": "Once upon"}]}),
    "list_run_chunks": _of_run("GET", "/chunks"),
    "stream_run": _of_run("GET", "/stream", prepare=Api.done),
    "add_checkpoint": _of_run("POST", "/checkpoints", {"state": {"at": 3}, "label": "third"}),
    "list_checkpoints": _of_run("GET", "/checkpoints"),
    "add_usage": _of_run("POST", "/usage", {"model": "gpt-4o", "input_tokens": 10, "output_tokens": 5}),
    "list_usage": _of_run("GET", "/usage"),
    "add_tool_call": _of_run("POST", "/tool-calls", {"name": "grep", "input": {"q": "x"}, "duration_ms": 4}),
    "list_tool_calls": _of_run("GET", "/tool-calls"),
    "put_output": _of_run("PUT", "/outputs/report", {"value": {"ok": True}, "schema": {"type": "object"}}),
    "list_outputs": _of_run("GET", "/outputs"),
    "put_state": _of_run("PUT", "/state/place", {"value": [1, 2]}),
    "list_state": _of_run("GET", "/state"),
    "list_artifacts": _of_run("GET", "/artifacts"),
    "list_children": _of_run("GET", "/children"),
    "get_lineage": _of_run("GET", "/lineage"),
    "explain_run": _of_run("GET", "/explain"),
    "get_assignment": _of_run("GET", "/assignment"),
    "add_action": _of_run("POST", "/actions", {"type": "comment", "description": "Said it", "details": {"n": 1}}),
    "list_actions": _of_run("GET", "/actions"),
    "list_run_findings": _of_run("GET", "/findings"),
}


@recipe
def add_findings(stand: Stand, api: Api) -> Ask:
    run = good(api.post(f"/agents/{_agent(api)}/runs", {}), 201)
    found = {"severity": "error", "type": "bug", "message": "it breaks", "id": "f1", "file": "a.py", "line": 3}
    body = {"findings": [found], "files_reviewed": 4, "lines_analyzed": 90, "summary": "one bug"}
    return Ask(method="POST", path=f"/runs/{run['id']}/findings", body=body)


@recipe
def list_findings(stand: Stand, api: Api) -> Ask:
    told = add_findings(stand, api)
    good(api.post(told.path, told.body), 201)
    return Ask(method="GET", path="/findings", params={"severity": "error", "file": "a.py", "type": "bug"})


@recipe
def get_checkpoint(stand: Stand, api: Api) -> Ask:
    run = api.run()
    good(api.post(f"/runs/{run['id']}/checkpoints", {"state": 1}), 201)
    return Ask(method="GET", path=f"/runs/{run['id']}/checkpoints/1")


@recipe
def get_output(stand: Stand, api: Api) -> Ask:
    run = api.run()
    good(api.put(f"/runs/{run['id']}/outputs/report", {"value": 1}))
    return Ask(method="GET", path=f"/runs/{run['id']}/outputs/report")


def _state(api: Api) -> str:
    run = api.run()
    good(api.put(f"/runs/{run['id']}/state/place", {"value": "here"}))
    return f"/runs/{run['id']}/state/place"


@recipe
def get_state(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=_state(api))


@recipe
def delete_state(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=_state(api))


@recipe
def add_artifact(stand: Stand, api: Api) -> Ask:
    headers = {"content-type": "text/plain"}
    path = f"/runs/{api.run()['id']}/artifacts"
    return Ask(method="POST", path=path, content=b"hello", params={"name": "a.txt"}, headers=headers)


def _artifact(api: Api) -> str:
    run = api.run()["id"]
    made = good(api.post(f"/runs/{run}/artifacts", content=b"hello", params={"name": "a.txt"}), 201)
    return f"/runs/{run}/artifacts/{made['id']}"


@recipe
def get_artifact(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=_artifact(api))


@recipe
def get_artifact_content(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"{_artifact(api)}/content")


@recipe
def claim_runs(stand: Stand, api: Api) -> Ask:
    api.run()
    return Ask(method="POST", path="/runs/claim", body={"limit": 5, "lease_seconds": 30, "worker": "w1"})


def _report(verb: str, **said: Any) -> Recipe:
    def made(stand: Stand, api: Api) -> Ask:
        return Ask(method="POST", path=f"/runs/{verb}", body={"reports": [{**proof(api.claimed()), **said}]})

    return made


RECIPES |= {
    "start_runs": _report("start"),
    "heartbeat_runs": _report("heartbeat", lease_seconds=30),
    "complete_runs": _report("complete", output={"ok": True}),
    "fail_runs": _report("fail", error={"message": "no", "kind": "oops", "data": {"a": 1}}),
    "release_runs": _report("release", reason="stopping"),
    "wait_runs": _report("wait", timeout_seconds=60),
}


@recipe
def list_events(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/events")


@recipe
def stream_project(stand: Stand, api: Api) -> Ask:
    api.run()
    return Ask(method="GET", path="/stream", params={"after": 0}, endless=True)


@recipe
def list_dead_letters(stand: Stand, api: Api) -> Ask:
    api.buried()
    return Ask(method="GET", path="/dlq")


@recipe
def group_dead_letters(stand: Stand, api: Api) -> Ask:
    api.buried()
    return Ask(method="GET", path="/dlq/groups")


@recipe
def server_info(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/admin/info")


@recipe
def get_stats(stand: Stand, api: Api) -> Ask:
    api.done()
    return Ask(method="GET", path="/stats", params={"since": "2020-01-01T00:00:00Z"})


@recipe
def get_agent_stats(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/stats/agents", params={"period": "month"})


@recipe
def list_queues(stand: Stand, api: Api) -> Ask:
    api.run(queue="mail")
    return Ask(method="GET", path="/queues")


@recipe
def start_bulk(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/bulk", body={"action": "cancel", "ids": [api.run()["id"]], "reason": "enough"})


@recipe
def list_bulks(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/bulk")


def _bulk(api: Api) -> str:
    api.run(queue="mail")
    bulk: str = good(api.post("/bulk", {"action": "cancel", "filter": {"queue": "mail"}}), 202)["id"]
    return bulk


@recipe
def get_bulk(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/bulk/{_bulk(api)}")


@recipe
def cancel_bulk(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/bulk/{_bulk(api)}/cancel")


@recipe
def trigger_job(stand: Stand, api: Api) -> Ask:
    job = good(api.post("/jobs", {"name": f"triggered{next(_numbers)}"}), 201)
    body = {"payload": {"n": 1}, "idempotency_key": f"k{next(_numbers)}", "priority": 3}
    return Ask(method="POST", path=f"/jobs/{job['name']}/trigger", body=body)


@recipe
def list_schedules(stand: Stand, api: Api) -> Ask:
    scheduled(stand)
    return Ask(method="GET", path="/schedules", params={"count": 5})


@recipe
def get_schedule(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/jobs/{scheduled(stand).name}/schedule")


def scheduled(stand: Stand) -> Job:
    """A job that makes runs by the clock."""
    spec = JobSpec(cron=Cron(expression="0 * * * *"))
    return stand.store.transact(jobs.create, 1, name=f"scheduled{next(_numbers)}", spec=spec)


def _depending(api: Api) -> Json:
    """A job that waits for another, and the dependency."""
    names = [f"depending{next(_numbers)}" for _ in range(2)]
    for name in names:
        good(api.post("/jobs", {"name": name}), 201)
    made = good(api.post(f"/jobs/{names[0]}/dependencies", {"depends_on": names[1]}), 201)
    return {"job": names[0], "other": names[1], "id": made["id"]}


@recipe
def list_dependencies(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/jobs/{_depending(api)['job']}/dependencies")


@recipe
def add_dependency(stand: Stand, api: Api) -> Ask:
    there = _depending(api)
    body = {"depends_on": there["other"], "condition": "any"}
    return Ask(method="POST", path=f"/jobs/{there['job']}/dependencies", body=body)


@recipe
def remove_dependency(stand: Stand, api: Api) -> Ask:
    there = _depending(api)
    return Ask(method="DELETE", path=f"/jobs/{there['job']}/dependencies/{there['id']}")


@recipe
def get_run_dependencies(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/runs/{api.run(job=_depending(api)['job'])['id']}/dependencies")


def awaited(api: Api) -> str:
    """The key of an event that a run waits for."""
    key = f"order/{next(_numbers)}"
    claim = api.claimed()
    (result,) = api.report("wait", {**proof(claim), "event": key, "request": {"for": "approval"}})
    assert result["ok"], result
    return key


@recipe
def list_event_waits(stand: Stand, api: Api) -> Ask:
    awaited(api)
    return Ask(method="GET", path="/event-waits", params={"state": "waiting"})


@recipe
def find_event_wait(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/event-waits/find", params={"key": awaited(api)})


@recipe
def send_event(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/event-waits/send", body={"key": awaited(api), "payload": {"yes": True}})


@recipe
def cancel_event_wait(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/event-waits/cancel", body={"key": awaited(api)})


@recipe
def request_approval(stand: Stand, api: Api) -> Ask:
    claim = api.claimed()
    body = {"name": "deploy", "action": "Deploy", "risk": "high", "changes": ["a.py"], "token": claim["lease"]["token"]}
    return Ask(method="POST", path=f"/runs/{claim['run']['id']}/approvals", body=body)


def asked(api: Api, **said: Any) -> Json:
    """An approval that a run waits for."""
    claim = api.claimed()
    body = {"name": "deploy", "action": "Deploy", "token": claim["lease"]["token"], **said}
    approval: Json = good(api.post(f"/runs/{claim['run']['id']}/approvals", body))
    return approval


@recipe
def list_run_approvals(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/runs/{asked(api)['run_id']}/approvals", params={"name": "deploy"})


@recipe
def get_run_approval(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/runs/{asked(api)['run_id']}/approvals/deploy")


@recipe
def list_approvals(stand: Stand, api: Api) -> Ask:
    asked(api)
    return Ask(method="GET", path="/approvals", params={"state": "pending"})


@recipe
def get_approval(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/approvals/{asked(api)['id']}")


@recipe
def decide_approval(stand: Stand, api: Api) -> Ask:
    body = {"approved": True, "comment": "go ahead"}
    return Ask(method="POST", path=f"/approvals/{asked(api)['id']}/decide", body=body)


def _agent(api: Api, **fields: Any) -> str:
    made: str = good(api.post("/agents", {"name": f"agent {next(_numbers)}", **fields}), 201)["id"]
    return made


@recipe
def create_agent(stand: Stand, api: Api) -> Ask:
    body = {"name": "Reviewer", "template": "code-reviewer", "triggers": {"push": True}, "config": {"max_findings": 5}}
    return Ask(method="POST", path="/agents", body=body)


@recipe
def list_agents(stand: Stand, api: Api) -> Ask:
    _agent(api, template="test-runner")
    return Ask(method="GET", path="/agents", params={"template": "test-runner", "state": "deployed"})


@recipe
def get_agent(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/agents/{_agent(api)}")


@recipe
def update_agent(stand: Stand, api: Api) -> Ask:
    return Ask(method="PATCH", path=f"/agents/{_agent(api)}", body={"name": "Other", "triggers": ["push", "manual"]})


@recipe
def delete_agent(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/agents/{_agent(api)}")


@recipe
def pause_agent(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/agents/{_agent(api)}/pause")


@recipe
def resume_agent(stand: Stand, api: Api) -> Ask:
    agent = _agent(api)
    good(api.post(f"/agents/{agent}/pause"))
    return Ask(method="POST", path=f"/agents/{agent}/resume")


@recipe
def archive_agent(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/agents/{_agent(api)}/archive")


@recipe
def get_agent_health(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/agents/{_agent(api)}/health")


@recipe
def run_agent(stand: Stand, api: Api) -> Ask:
    body = {"payload": {"pr_number": 42}, "config": {"max_findings": 5}}
    return Ask(method="POST", path=f"/agents/{_agent(api)}/runs", body=body)


@recipe
def list_templates(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/templates")


@recipe
def get_template(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/templates/code-reviewer")


def _repository(api: Api) -> str:
    body = {"provider": "github", "full_name": f"acme/app-{next(_numbers)}"}
    repository: str = good(api.post("/repositories", body), 201)["id"]
    return repository


@recipe
def connect_repository(stand: Stand, api: Api) -> Ask:
    name = f"acme/app-{next(_numbers)}"
    body = {"provider": "git", "full_name": name, "url": f"https://git.example.com/{name}.git", "private": True}
    return Ask(method="POST", path="/repositories", body=body)


@recipe
def list_repositories(stand: Stand, api: Api) -> Ask:
    _repository(api)
    return Ask(method="GET", path="/repositories", params={"provider": "github", "search": "ACME"})


@recipe
def get_repository(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/repositories/{_repository(api)}")


@recipe
def update_repository(stand: Stand, api: Api) -> Ask:
    return Ask(method="PATCH", path=f"/repositories/{_repository(api)}", body={"default_branch": "trunk"})


@recipe
def disconnect_repository(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/repositories/{_repository(api)}")


@recipe
def rotate_repository_hook(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/repositories/{_repository(api)}/hook")


@recipe
def close_repository_hook(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/repositories/{_repository(api)}/hook")


@recipe
def list_repository_deliveries(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/repositories/{_repository(api)}/deliveries")


HOOK = {"url": "https://example.com/hook", "events": ["run.completed"]}


def _webhook(api: Api) -> str:
    webhook: str = good(api.post("/webhooks", HOOK), 201)["id"]
    return webhook


def _sent_to_webhook(api: Api) -> str:
    path = f"/webhooks/{_webhook(api)}"
    return f"{path}/deliveries/{good(api.post(f'{path}/test'), 202)['id']}"


@recipe
def create_webhook(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/webhooks", body={**HOOK, "description": "tells the team"})


@recipe
def list_webhooks(stand: Stand, api: Api) -> Ask:
    _webhook(api)
    return Ask(method="GET", path="/webhooks")


@recipe
def get_webhook(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/webhooks/{_webhook(api)}")


@recipe
def update_webhook(stand: Stand, api: Api) -> Ask:
    return Ask(method="PATCH", path=f"/webhooks/{_webhook(api)}", body={"events": ["*"], "enabled": False})


@recipe
def delete_webhook(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/webhooks/{_webhook(api)}")


@recipe
def rotate_webhook(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/webhooks/{_webhook(api)}/rotate", body={"grace_seconds": 60})


@recipe
def test_webhook(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/webhooks/{_webhook(api)}/test")


@recipe
def list_webhook_deliveries(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=_sent_to_webhook(api).rpartition("/")[0])


@recipe
def get_webhook_delivery(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=_sent_to_webhook(api))


@recipe
def redeliver_webhook_delivery(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"{_sent_to_webhook(api)}/redeliver")


# Each of these notes its recipes down as it is read.
from tests.dialects.native import (  # noqa: E402
    bridge_recipes,  # noqa: F401
    coding_recipes,  # noqa: F401
    inbox_recipes,  # noqa: F401
    review_recipes,  # noqa: F401
    sandbox_recipes,  # noqa: F401
    scheduler_recipes,  # noqa: F401
    session_recipes,  # noqa: F401
    signing_recipes,  # noqa: F401
    task_claim_recipes,  # noqa: F401
    task_recipes,  # noqa: F401
    task_run_recipes,  # noqa: F401
    task_verb_recipes,  # noqa: F401
    thread_recipes,  # noqa: F401
)
