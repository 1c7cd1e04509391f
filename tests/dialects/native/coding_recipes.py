"""Requests that succeed: coding tasks and their runs."""

from __future__ import annotations

import functools
from typing import Any

from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api, good
from tests.support.endpoints import Endpoint, Say
from tests.support.stand import Stand


def _task(api: Api) -> str:
    """The path of a new coding task."""
    made = good(api.post("/coding-tasks", {"title": "fix it", "repository": "acme/web"}), 201)
    return f"/coding-tasks/{made['id']}"


def _run(api: Api, **said: Any) -> str:
    """The path of a new coding run."""
    return f"/coding-runs/{good(api.post(f'{_task(api)}/runs', said), 201)['run_id']}"


@recipe
def list_coding_tasks(stand: Stand, api: Api) -> Ask:
    good(api.post(f"{_task(api)}/runs", {"stage": "plan"}), 201)
    params = {"repository": "web", "stage": "plan", "state": "queued", "query": "FIX", "product": "native"}
    return Ask(method="GET", path="/coding-tasks", params=params)


@recipe
def create_coding_task(stand: Stand, api: Api) -> Ask:
    said = {"description": "It is broken", "repository": "acme/web", "output_schema": {"type": "object"}}
    return Ask(method="POST", path="/coding-tasks", body=said)


@recipe
def get_coding_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=_task(api))


@recipe
def update_coding_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="PATCH", path=_task(api), body={"title": "fix it well", "repository": None})


@recipe
def delete_coding_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=_task(api))


@recipe
def create_coding_run(stand: Stand, api: Api) -> Ask:
    said = {"branch": "main", "shared": {"mode": "interactive"}, "queued": False}
    return Ask(method="POST", path=f"{_task(api)}/runs", body=said)


@recipe
def list_coding_runs(stand: Stand, api: Api) -> Ask:
    task = _task(api)
    for _ in range(2):
        good(api.post(f"{task}/runs", {}), 201)
    return Ask(method="GET", path=f"{task}/runs", params={"limit": 1})


@recipe
def get_coding_run(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=_run(api))


@recipe
def update_coding_run(stand: Stand, api: Api) -> Ask:
    said = {"state": "running", "stage": "build", "shared": {"a": 1}, "output": {"pr_url": "https://example.com/1"}}
    return Ask(method="PATCH", path=_run(api, sandboxed=False), body=said)


@recipe
def start_coding_run(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"{_run(api, queued=False)}/start", body={"shared": {"mode": "interactive"}})


@recipe
def reopen_coding_run(stand: Stand, api: Api) -> Ask:
    run = _run(api)
    good(api.patch(run, {"state": "failed", "error": "it broke"}))
    return Ask(method="POST", path=f"{run}/reopen")


@functools.cache
def _agent() -> Endpoint:
    """An agent server that does whatever it is told."""
    body = b'{"jsonrpc":"2.0","result":{"stopReason":"end_turn","assistant_message":"done"}}'
    return Endpoint(lambda heard: Say(body=body, headers={"content-type": "application/json"}))


def _in_sandbox(stand: Stand, api: Api) -> str:
    """The path of a coding run whose sandbox is there."""
    run = _run(api)
    good(stand.admin.patch(run, {"shared": {"sandbox_url": _agent().url}}))
    return run


@recipe
def send_coding_message(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"{_in_sandbox(stand, api)}/messages", body={"text": "go on", "steer": True})


@recipe
def interrupt_coding_run(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"{_in_sandbox(stand, api)}/interrupt")


@recipe
def create_coding_token(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"{_run(api)}/tokens", body={"for": "ingest"})
