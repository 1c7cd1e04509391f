"""Agents and templates in the native API."""

from __future__ import annotations

import pytest

from runyard.domain.templates import TEMPLATES
from tests.support.api import Api, good, refused
from tests.support.stand import Stand


def test_an_agent_is_found_by_its_job_too(api: Api) -> None:
    made = good(api.post("/agents", {"name": "My reviewer", "template": "code-reviewer"}), 201)
    assert (made["job"], made["state"], made["project"]) == ("my-reviewer", "deployed", "default")
    assert good(api.get("/agents/my-reviewer")) == good(api.get(f"/agents/{made['id']}")) == made
    assert good(api.get(f"/jobs/{made['id']}"))["name"] == "my-reviewer"
    assert good(api.post("/agents/my-reviewer/pause"))["state"] == "paused"
    assert good(api.get("/agents", state="paused"))["data"][0]["id"] == made["id"]
    assert good(api.get("/agents", state="archived"))["data"] == []
    refused(api.get("/agents", state="asleep"), 400)


def test_lists_go_on_by_their_cursor(api: Api) -> None:
    made = [good(api.post("/agents", {"name": str(number)}), 201)["id"] for number in range(3)]
    first = good(api.get("/agents", limit=2))
    assert [one["id"] for one in first["data"]] == [made[2], made[1]]
    rest = good(api.get("/agents", limit=2, cursor=first["next_cursor"]))
    assert rest["data"][0]["id"] == made[0]
    refused(api.get("/agents", cursor="nonsense"), 400)


def test_a_run_of_an_agent_has_its_config(api: Api) -> None:
    good(api.post("/agents", {"name": "One", "config": {"a": 1, "b": 2}}), 201)
    run = good(api.post("/agents/one/runs", {"payload": {"n": 1}, "config": {"b": 3}}), 201)
    assert (run["job"], run["payload"], run["metadata"]["config"]) == ("one", {"n": 1}, {"a": 1, "b": 3})
    assert good(api.post("/agents/one/runs"), 201)["payload"] == {}
    refused(api.post("/agents/one/runs", {"payload": [1]}), 400)
    keyed = {"idempotency_key": "k"}
    first, second = (good(api.post("/agents/one/runs", keyed), 201)["id"] for _ in range(2))
    assert first == second
    good(api.post("/agents/one/archive"))
    refused(api.post("/agents/one/runs"), 409, "conflict")
    refused(api.post("/runs", {"job": "one"}), 409, "conflict")


def test_a_folder_outside_the_allowed_ones_is_refused(api: Api) -> None:
    good(api.post("/agents", {"name": "Reads", "template": "code-reviewer"}), 201)
    refused(api.post("/agents/reads/runs", {"payload": {"path": "/etc"}}), 400)


def test_triggers_are_a_map_or_a_list(api: Api) -> None:
    good(api.post("/agents", {"name": "One", "triggers": {"push": {"branches": ["main"]}}}), 201)
    changed = good(api.patch("/agents/one", {"triggers": ["push", "pull_request.opened"]}))
    assert changed["triggers"] == {"push": {"branches": ["main"]}, "pull_request": ["opened"]}
    assert good(api.patch("/agents/one", {"triggers": {}}))["triggers"] == {}
    refused(api.patch("/agents/one", {"triggers": 5}), 400)
    refused(api.patch("/agents/one", {"triggers": [5]}), 400)


@pytest.mark.parametrize("wrong", ["%00", "x" * 300, "00000000-0000-0000-0000-000000000000", "run_1"])
def test_what_is_no_agent_is_not_found(api: Api, wrong: str) -> None:
    refused(api.get(f"/agents/{wrong}"), 404)
    refused(api.post(f"/agents/{wrong}/runs"), 404)
    refused(api.delete(f"/agents/{wrong}"), 404)


def test_templates(stand: Stand, api: Api) -> None:
    listed = good(api.get("/templates"))["data"]
    assert [one["slug"] for one in listed] == list(TEMPLATES)
    refused(api.get("/templates/barista"), 404)
