"""For every operation of the contract a request that succeeds, and whatever must be there before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import msgspec

from tests.dialects.posthog.client import Posthog, good, path_of
from tests.dialects.posthog.test_ingest import LINES, Sandbox
from tests.dialects.posthog.test_logs import append, entry
from tests.dialects.posthog.test_task_sessions import FIRST, token
from tests.dialects.posthog.test_uploads import prepare
from tests.dialects.posthog.test_uploads import send as upload
from tests.support.contract import Operation
from tests.support.endpoints import Endpoint, Heard, Say
from tests.support.stand import ADMIN
from tests.support.verbs import NOTHING, Json


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request, and who sends it."""

    method: str
    path: str
    client: Posthog
    body: Any = NOTHING
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None

    @property
    def full(self) -> str:
        """The path from the root of the dialect."""
        return self.path if self.path.startswith("/") else f"/api/projects/{self.client.project}/{self.path}"


Recipe = Callable[[Posthog, Endpoint], Ask]


def send(ask: Ask, client: Posthog | None = None, **changes: Any) -> httpx2.Response:
    """Send the request, changed, by its client or another."""
    more: dict[str, Any] = {"params": ask.params, "content": ask.content, **changes}
    more["headers"] = {**ask.headers, **changes.get("headers", {})}
    return (client or ask.client).send(ask.method, more.pop("path", ask.full), more.pop("body", ask.body), **more)


def followed(ask: Ask, *, prefix: str, path: str) -> tuple[int, str]:
    """The status and the first line of a stream, which is left then."""
    http = ask.client.stand.http
    request = ask.client.built(http, ask.method, prefix + path, params=ask.params, headers=ask.headers)
    response = http.send(request, stream=True)
    try:
        return response.status_code, next(response.iter_lines())
    finally:
        response.close()


def success(operation: Operation) -> set[int]:
    """The statuses of success in the contract."""
    return {int(status) for status in operation.spec["responses"] if status < "400"}


# What must be there


def logged(posthog: Posthog) -> Json:
    """A run with a log."""
    run = posthog.run(stage="plan", branch="b", output={"pr_url": "https://example.org/1"}, status="in_progress")
    good(append(posthog, run, entry("_posthog/run_started"), entry("session/update", n=1)))
    return run


def answering(heard: Heard) -> Say:
    """Yes to every command."""
    asked = msgspec.json.decode(heard.body)
    result = {"jsonrpc": "2.0", "id": asked.get("id"), "result": {"stopReason": "end_turn"}}
    return Say(body=msgspec.json.encode(result), headers={"content-type": "application/json"})


FILE = {
    "name": "dir/a.txt",
    "type": "output",
    "content": "aGVsbG8=",
    "content_type": "text/plain",
    "content_encoding": "base64",
    "source": "agent",
}
BUNDLE = {
    "name": "skill.zip",
    "type": "skill_bundle",
    "content": "text",
    "metadata": {
        "skill_name": "review",
        "skill_source": "repo",
        "content_sha256": "0" * 64,
        "bundle_format": "zip",
        "schema_version": 1,
    },
}


def stored(posthog: Posthog) -> tuple[Json, Json]:
    """A run, and a file of it."""
    run = posthog.run()
    (found,) = good(posthog.post(path_of(run, "artifacts"), {"artifacts": [FILE]}))["artifacts"]
    return run, found


# The operations


def _at(method: str, path: str, body: Any = NOTHING, **params: Any) -> Recipe:
    def made(posthog: Posthog, agent: Endpoint) -> Ask:
        logged(posthog)
        return Ask(method=method, path=path, client=posthog, body=body, params=params)

    return made


def _of_task(method: str, below: str = "", body: Any = NOTHING, **params: Any) -> Recipe:
    def made(posthog: Posthog, agent: Endpoint) -> Ask:
        path = f"tasks/{logged(posthog)['task']}{below}"
        return Ask(method=method, path=path, client=posthog, body=body, params=params)

    return made


def _of(run: Callable[[Posthog], Json], method: str, below: str = "", body: Any = NOTHING, **params: Any) -> Recipe:
    def made(posthog: Posthog, agent: Endpoint) -> Ask:
        path = path_of(run(posthog), *filter(None, [below]))
        return Ask(method=method, path=path, client=posthog, body=body, params=params)

    return made


def _with_status(status: str) -> Callable[[Posthog], Json]:
    return lambda posthog: posthog.run(status=status)


def _of_file(verb: str) -> Recipe:
    def made(posthog: Posthog, agent: Endpoint) -> Ask:
        run, found = stored(posthog)
        body = {"storage_path": found["storage_path"]}
        return Ask(method="POST", path=path_of(run, f"artifacts/{verb}"), client=posthog, body=body)

    return made


def _finalize(posthog: Posthog, agent: Endpoint) -> Ask:
    run = posthog.run()
    made = prepare(posthog, run)
    assert upload(posthog, made).status_code == 204
    item = {name: made[name] for name in ("id", "name", "type", "source", "storage_path", "content_type")}
    path = path_of(run, "artifacts/finalize_upload")
    return Ask(method="POST", path=path, client=posthog, body={"artifacts": [item]})


def _command(posthog: Posthog, agent: Endpoint) -> Ask:
    agent.behave = answering
    run = posthog.as_key(ADMIN).change(posthog.run(status="in_progress"), state={"sandbox_url": agent.url})
    body = {"jsonrpc": "2.0", "method": "user_message", "params": {"content": "go on"}, "id": 7}
    return Ask(method="POST", path=path_of(run, "command"), client=posthog, body=body)


def _events(posthog: Posthog, agent: Endpoint) -> Ask:
    run = posthog.run(status="in_progress")
    content = msgspec.json.encode({"seq": 1, "event": entry("m")}) + b"\n"
    client = Sandbox(posthog, run).posthog
    return Ask(method="POST", path=path_of(run, "event_stream"), client=client, headers=LINES, content=content)


def _sync(posthog: Posthog, agent: Endpoint) -> Ask:
    run = posthog.run()
    headers = {
        "content-type": "application/octet-stream",
        "if-match": '"none"',
        "x-sandbox-id": "box",
        "x-task-run-token": token(posthog, run),
    }
    path = path_of(run, "task_session_sync")
    return Ask(method="POST", path=path, client=posthog, headers=headers, content=FIRST)


NEW_TASK = {
    "title": "ship it",
    "title_manually_set": True,
    "description": "all of it",
    "origin_product": "slack",
    "repository": "Acme/App",
    "github_integration": 7,
    "json_schema": {"type": "object"},
}
NEW_RUN = {
    "status": "queued",
    "environment": "local",
    "stage": "plan",
    "branch": "b",
    "error_message": None,
    "output": {"commit_sha": "abc"},
    "state": {"auto_publish": True},
    "mode": "interactive",
    "runtime_adapter": "claude",
    "model": "m",
    "reasoning_effort": "high",
    "pr_authorship_mode": "bot",
    "run_source": "manual",
}
CHANGE = {
    "status": "in_progress",
    "branch": "c",
    "stage": None,
    "output": {"head_branch": "c"},
    "state": {"token_usage": {"n": 1}},
    "error_message": "",
    "state_remove_keys": ["mode"],
    "state_append": {"seen": 1},
}
LAUNCH = {
    "mode": "interactive",
    "branch": "b",
    "pending_user_message": "go",
    "pending_user_artifact_ids": [],
    "runtime_adapter": "codex",
    "model": "m",
    "reasoning_effort": "low",
    "initial_permission_mode": "plan",
}
SAID = {"text": "hello", "text_parts": ["a", "b"], "message_id": "m1", "trace_id": None}
FILES = {"artifacts": [FILE, BUNDLE]}
ANNOUNCED = {"artifacts": [{"name": "a.bin", "type": "output", "size": 10, "source": "s", "content_type": "image/png"}]}
FILTERS = {
    "origin_product": "user_created",
    "stage": "plan",
    "search": "TASK",
    "status": "in_progress",
    "limit": 5,
    "offset": 0,
}
RECIPES: dict[str, Recipe] = {
    "tasks_runs_list": _of_task("GET", "/runs", limit=5, offset=0),
    "tasks_runs_create": _of_task("POST", "/runs", NEW_RUN),
    "tasks_runs_retrieve": _of(logged, "GET"),
    "tasks_runs_partial_update": _of(logged, "PATCH", body=CHANGE),
    "tasks_runs_append_log_create": _of(logged, "POST", "append_log", {"entries": [entry("m"), {"any": "thing"}]}),
    "tasks_runs_artifacts_create": _of(logged, "POST", "artifacts", FILES),
    "tasks_runs_artifacts_presign_create": _of_file("presign"),
    "tasks_runs_command_create": _command,
    "tasks_runs_connection_token_retrieve": _of(logged, "GET", "connection_token"),
    "tasks_runs_logs_retrieve": _of(logged, "GET", "logs"),
    "tasks_runs_relay_message_create": _of(logged, "POST", "relay_message", SAID),
    "tasks_runs_session_logs_retrieve": _of(
        logged,
        "GET",
        "session_logs",
        after="2020-01-01T00:00:00Z",
        event_types="session/update,_posthog/run_started",
        exclude_types="x",
        limit=5,
        offset=0,
    ),
    "tasks_runs_set_output_partial_update": _of(logged, "PATCH", "set_output", {"output": {"n": 1}}),
    "tasks_runs_stream_retrieve": _of(logged, "GET", "stream"),
    "tasks_runs_start_create": _of(_with_status("not_started"), "POST", "start", {"pending_user_message": "go"}),
    "tasks_runs_cancel_create": _of(_with_status("queued"), "POST", "cancel", {"reason": "enough"}),
    "tasks_runs_resume_in_cloud_create": _of(_with_status("completed"), "POST", "resume_in_cloud"),
    "tasks_runs_artifacts_prepare_upload_create": _of(logged, "POST", "artifacts/prepare_upload", ANNOUNCED),
    "tasks_runs_artifacts_finalize_upload_create": _finalize,
    "tasks_runs_artifacts_download_create": _of_file("download"),
    "tasks_runs_event_stream_create": _events,
    "tasks_runs_task_session_retrieve": _of(logged, "GET", "task_session"),
    "tasks_runs_task_session_sync_create": _sync,
    "tasks_list": _at("GET", "tasks", **FILTERS),
    "tasks_create": _at("POST", "tasks", NEW_TASK),
    "tasks_retrieve": _of_task("GET"),
    "tasks_partial_update": _of_task("PATCH", "", {"title": "another", "repository": None}),
    "tasks_destroy": _of_task("DELETE"),
    "tasks_run_create": _of_task("POST", "/run", LAUNCH),
    "users_me_retrieve": _at("GET", "/api/users/@me"),
}


def by(ask: Ask, client: Posthog) -> Ask:
    """The request, sent by somebody else."""
    return replace(ask, client=client)
