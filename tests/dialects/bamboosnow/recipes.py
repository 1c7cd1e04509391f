"""For every operation of the contract a request that succeeds, and whatever must be there before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.dialects.bamboosnow.client import Snow, good
from tests.support.contract import Operation
from tests.support.verbs import NOTHING, Json

PAYLOAD = {
    "pull_request": {"number": 42, "title": "Add login", "author": "ada", "url": "https://example.com/pr/42"},
    "commit": {"sha": "abc123", "message": "Add login"},
}
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request, and who sends it."""

    method: str
    path: str
    client: Snow
    body: Any = NOTHING
    params: Mapping[str, Any] = field(default_factory=dict)


Recipe = Callable[[Snow], Ask]
RECIPES: dict[str, Recipe] = {}


def send(ask: Ask, client: Snow | None = None, **changes: Any) -> httpx2.Response:
    """Send the request, changed, by its client or another."""
    more: dict[str, Any] = {"params": ask.params, **changes}
    return (client or ask.client).send(ask.method, more.pop("path", ask.path), more.pop("body", ask.body), **more)


def success(operation: Operation) -> int:
    """The status of success in the contract."""
    (found,) = [int(status) for status in operation.spec["responses"] if status < "400"]
    return found


# What must be there


def waiting(snow: Snow) -> Json:
    """A run that waits."""
    return snow.run(snow.agent(), PAYLOAD)


def ended(snow: Snow) -> Json:
    """A run that failed."""
    return snow.failed(snow.agent(), PAYLOAD)


def deciding(snow: Snow) -> Json:
    """A run that asked a person and waits for the answer."""
    run = snow.run(snow.agent(), PAYLOAD)
    snow.ask_person(snow.start(run))
    return run


def paused(snow: Snow) -> Json:
    """An agent that is paused."""
    agent = snow.agent()
    good(snow.post(f"/api/v1/agents/{agent['id']}/pause"))
    return agent


def repository(snow: Snow) -> Json:
    """A repository that is connected."""
    name = f"acme/app-{next(_numbers)}"
    made: Json = good(snow.post("/api/v1/repositories", {"provider": "github", "fullName": name}), 201)
    return made


def api_key(snow: Snow) -> Json:
    """A key that was made over HTTP."""
    made: Json = good(snow.post("/api/v1/api-keys", {"name": f"key {next(_numbers)}"}), 201)
    return made


# The operations


def _at(method: str, path: str, body: Any = NOTHING, **params: Any) -> Recipe:
    def made(snow: Snow) -> Ask:
        return Ask(method=method, path=path, client=snow, body=body, params=params)

    return made


def _of(thing: Callable[[Snow], Json], method: str, path: str, body: Any = NOTHING) -> Recipe:
    def made(snow: Snow) -> Ask:
        return Ask(method=method, path=path.format(id=thing(snow)["id"]), client=snow, body=body)

    return made


def _agent(snow: Snow) -> Json:
    return snow.agent(template="code-reviewer", triggers={"pull_request": {"events": ["opened"]}, "manual": {}})


def _listing(thing: Callable[[Snow], Any], path: str, **params: Any) -> Recipe:
    def made(snow: Snow) -> Ask:
        thing(snow)
        return Ask(method="GET", path=path, client=snow, params=params)

    return made


_RUN, _SDK_RUN = "/v1/runs/{id}", "/api/v1/runs/{id}"
_AGENT, _SDK_AGENT = "/v1/agents/{id}", "/api/v1/agents/{id}"
RECIPES |= {
    "runs_list": _listing(ended, "/v1/runs", status="failure", pr_number=42, since="2020-01-01T00:00:00Z"),
    "runs_stats": _listing(ended, "/v1/runs/stats", period="month"),
    "runs_retrieve": _of(ended, "GET", _RUN),
    "runs_cancel": _of(waiting, "POST", f"{_RUN}/cancel", {"reason": "enough"}),
    "runs_retry": _of(ended, "POST", f"{_RUN}/retry", {"config_override": {"max_findings": 3}}),
    "runs_logs": _of(ended, "GET", f"{_RUN}/logs"),
    "agents_list": _listing(_agent, "/v1/agents", template="code-reviewer", status="active"),
    "agents_create": _at("POST", "/v1/agents", {"name": "Mine", "template": "code-reviewer", "config": {"n": 1}}),
    "agents_retrieve": _of(_agent, "GET", _AGENT),
    "agents_update": _of(_agent, "PATCH", _AGENT, {"name": "Renamed", "status": "paused", "config": {"n": 2}}),
    "agents_delete": _of(_agent, "DELETE", _AGENT),
    "agents_run": _of(_agent, "POST", f"{_AGENT}/run", PAYLOAD),
    "sdk_runs_list": _listing(ended, "/api/v1/runs", status="failed", trigger_type="manual"),
    "sdk_runs_get": _of(ended, "GET", _SDK_RUN),
    "sdk_runs_trace": _of(ended, "GET", f"{_SDK_RUN}/trace"),
    "sdk_runs_logs": _of(ended, "GET", f"{_SDK_RUN}/logs"),
    "sdk_runs_approve": _of(deciding, "POST", f"{_SDK_RUN}/approve", {"approved": True, "comment": "go on"}),
    "sdk_runs_cancel": _of(waiting, "POST", f"{_SDK_RUN}/cancel", {"reason": "enough"}),
    "sdk_runs_retry": _of(ended, "POST", f"{_SDK_RUN}/retry"),
    "sdk_agents_list": _listing(_agent, "/api/v1/agents", status="deployed"),
    "sdk_agents_templates_list": _at("GET", "/api/v1/agents/templates"),
    "sdk_agents_templates_get": _at("GET", "/api/v1/agents/templates/code-reviewer"),
    "sdk_agents_get": _of(_agent, "GET", _SDK_AGENT),
    "sdk_agents_update": _of(_agent, "PATCH", _SDK_AGENT, {"description": "new", "triggers": ["push", "manual"]}),
    "sdk_agents_delete": _of(_agent, "DELETE", _SDK_AGENT),
    "sdk_agents_pause": _of(_agent, "POST", f"{_SDK_AGENT}/pause"),
    "sdk_agents_resume": _of(paused, "POST", f"{_SDK_AGENT}/resume"),
    "sdk_agents_archive": _of(_agent, "POST", f"{_SDK_AGENT}/archive"),
    "sdk_agents_health": _of(_agent, "GET", f"{_SDK_AGENT}/health"),
    "sdk_agents_trigger": _of(_agent, "POST", f"{_SDK_AGENT}/trigger", PAYLOAD),
    "sdk_repositories_list": _listing(repository, "/api/v1/repositories", provider="github", search="acme"),
    "sdk_repositories_connect": lambda snow: Ask(
        method="POST",
        path="/api/v1/repositories",
        client=snow,
        body={"provider": "github", "fullName": f"acme/new-{next(_numbers)}"},
    ),
    "sdk_repositories_get": _of(repository, "GET", "/api/v1/repositories/{id}"),
    "sdk_repositories_disconnect": _of(repository, "DELETE", "/api/v1/repositories/{id}"),
    "sdk_users_me": _at("GET", "/api/v1/users/me"),
    "sdk_api_keys_list": _listing(api_key, "/api/v1/api-keys"),
    "sdk_api_keys_create": _at("POST", "/api/v1/api-keys", {"name": "Another", "scopes": ["read"]}),
    "sdk_api_keys_get": _of(api_key, "GET", "/api/v1/api-keys/{id}"),
    "sdk_api_keys_delete": _of(api_key, "DELETE", "/api/v1/api-keys/{id}"),
}
