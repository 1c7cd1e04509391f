"""Odd values in every place of every body and query: refused with the reason or taken whole, never a 5xx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.dialects.bamboosnow.client import Snow, good, ids
from tests.dialects.bamboosnow.contract import SnowContract, named
from tests.dialects.bamboosnow.recipes import RECIPES, send
from tests.dialects.bamboosnow.test_operations import body_of, with_body
from tests.dialects.native.test_odd_values import bodies
from tests.dialects.strait.test_odd_values import QUERIES
from tests.support.verbs import NOTHING, Json

ONCE = {"sdk_runs_approve", "sdk_repositories_connect"}
"""Operations that can be done once only to a thing: after a success there has to be another."""
SAMPLES = {"string": "text", "integer": 1, "number": 1.5, "boolean": True}
FULL: dict[str, Json] = {
    "agents_create": {
        "name": "Full",
        "template": "code-reviewer",
        "repository_id": None,
        "triggers": {
            "pull_request": {"events": ["opened"], "branches": ["main"], "paths": ["src/**"]},
            "push": {"branches": ["main"]},
            "schedule": {"cron": "0 3 * * *"},
            "manual": True,
        },
        "config": {"max_findings": 3, "include": ["*.py"], "deep": {"x": [1]}},
    },
    "agents_run": {
        "pull_request": {"number": 1, "title": "t", "author": {"login": "a"}, "url": "https://example.com/1"},
        "commit": {"sha": "abc", "message": "m"},
        "repository": {"id": "1", "full_name": "a/b"},
        "pr_number": 1,
        "path": None,
    },
}
FULL["agents_update"] = {**FULL["agents_create"], "status": "active"}
FULL["sdk_agents_trigger"] = FULL["agents_run"]


def example(contract: SnowContract, schema: Mapping[str, Any], given: Any) -> Any:
    """A value with everything that the schema knows, and what is given."""
    if "$ref" in schema:
        schema = contract.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    match schema.get("type"):
        case "object":
            have: Json = given if isinstance(given, dict) else {}
            known = schema.get("properties", {})
            return {**{name: example(contract, part, have.get(name)) for name, part in known.items()}, **have}
        case "array" if "items" in schema:
            items = given if isinstance(given, list) and given else [None]
            return [example(contract, schema["items"], items[0])]
        case kind:
            if given is not None:
                return given
            kind = kind[0] if isinstance(kind, list) else kind
            return schema["enum"][0] if "enum" in schema else SAMPLES.get(str(kind))


@with_body
def test_odd_values_are_refused_with_the_reason_or_taken(snow: Snow, contract: SnowContract, name: str) -> None:
    ask = RECIPES[name](snow)
    headers = {"content-type": "application/json"}
    whole = FULL.get(name) or example(contract, body_of(contract, name), ask.body)
    # What a value is refused for is found out before the database: fewer do for the second engine.
    every = list(bodies(whole))[:: 1 if snow.stand.store.engine == "sqlite" else 5]
    for content in every:
        response = send(ask, body=NOTHING, content=content, headers=headers, loose=True)
        if response.status_code < 300 and name in ONCE:
            ask = RECIPES[name](snow)
    read_everything(snow)


def read_everything(snow: Snow) -> None:
    """Read all there is, on both surfaces: what was taken can be shown."""
    for path in ("/v1/runs", "/api/v1/runs", "/v1/agents", "/api/v1/agents", "/api/v1/repositories"):
        found = good(snow.get(path, per_page=100))
        for one in ids(found.get("data", found.get("items")))[:20]:
            good(snow.get(f"{path}/{one}"))
    good(snow.get("/api/v1/api-keys", per_page=100))
    good(snow.get("/v1/runs/stats"))
    for run in ids(good(snow.get("/v1/runs"))["data"])[:10]:
        good(snow.get(f"/v1/runs/{run}/logs"))
        for part in ("logs", "trace"):
            good(snow.get(f"/api/v1/runs/{run}/{part}"))
    for agent in ids(good(snow.get("/api/v1/agents"))["items"])[:5]:
        good(snow.get(f"/api/v1/agents/{agent}/health"))


@pytest.mark.parametrize("name", named(lambda one: one.parameters("query")))
def test_odd_queries_are_refused_with_the_reason_or_taken(snow: Snow, contract: SnowContract, name: str) -> None:
    ask = RECIPES[name](snow)
    for parameter in contract[name].parameters("query"):
        for odd in QUERIES:
            send(ask, params={**ask.params, parameter: odd}, loose=True)
    for query in (b"page=%ff", b"status=%00", b"status=%", b"&&==&", b"page=1&page=2", b"=x", b"since=1", b"%00=1"):
        request = ask.client.request(ask.method, f"{ask.path}?{query.decode('latin-1')}", ask.body)
        ask.client.judge(request, snow.stand.http.send(request), loose=True)


NAMES = ["a" * 255, "a b", "ü𝄞", "..", "a?b#c", "%25", "\u202e", "'; --", "<b>", "\n", "null"]


@pytest.mark.parametrize("name", NAMES)
def test_an_odd_name_is_kept_and_found_again(snow: Snow, name: str) -> None:
    response = snow.post("/v1/agents", {"name": name})
    if not name.strip():
        assert response.status_code == 400
        return
    agent = good(response, 201)
    assert agent["name"] == name
    run = snow.run(agent)
    assert snow.see(run)["agent"]["name"] == name
    (listed,) = good(snow.get("/api/v1/runs", agent_id=agent["id"]))["items"]
    assert (listed["agentName"], listed["agentId"]) == (name, agent["id"])


def test_a_payload_comes_back_as_it_was_sent(snow: Snow) -> None:
    agent = snow.agent()
    for payload in (
        {"n": 2**60, "text": "\u202e 𝄞", "deep": [[[[{"x": None}]]]]},
        {"pull_request": "none", "commit": [1], "repository": 3, "pr_number": -1},
        {"pull_request": {"number": 2**80}, "commit": {"sha": ""}, "repository": {"id": {}}},
        {"pull_request": {"number": 1, "url": "javascript:alert(1)", "title": 5, "author": {"login": []}}},
    ):
        run = good(snow.post(f"/api/v1/agents/{agent['id']}/trigger", payload))["runId"]
        assert snow.sdk(run)["triggerPayload"] == payload
        snow.see(run)
