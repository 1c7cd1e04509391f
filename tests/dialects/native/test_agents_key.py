"""The key of the built-in agents' own worker: their work of every project and nothing else; and nobody else's."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from runyard.domain.agents import AgentProfile
from runyard.engine import agents, keys
from runyard.engine.keys import AGENTS
from runyard.storage.port import Tx
from tests.support.api import Api, good, proof, refused
from tests.support.stand import PATIENCE, Stand
from tests.support.verbs import Json

TEMPLATE = "code-reviewer"


@pytest.fixture
def crew(stand: Stand) -> Api:
    """The key of the built-in agents' worker."""
    issued = stand.store.transact(keys.renew_agents, name="built-in agents")
    return stand.admin.as_key(issued.secret)


@pytest.fixture
def other(stand: Stand) -> int:
    """Another project."""
    return stand.project("other")


def asked(stand: Stand, project: int, **said: Any) -> str:
    """A run of an agent of the template in the project."""

    def ask(tx: Tx) -> str:
        new = agents.NewAgent(name="Reviewer", profile=AgentProfile(template=TEMPLATE))
        return agents.ask(tx, project, agents.create(tx, project, new).id, **said).id

    return stand.store.transact(ask)


def taken(crew: Api, count: int = 10) -> list[Json]:
    """What the worker is handed."""
    return crew.claim(count, executor="agent", queues=[TEMPLATE], worker="crew")


def lease(claim: Json) -> dict[str, str]:
    """The header that proves the lease."""
    return {"X-Runyard-Lease": proof(claim)["token"]}


def test_it_is_handed_the_agents_runs_of_every_project_and_shown_whose_they_are(
    stand: Stand, crew: Api, other: int
) -> None:
    here, there = asked(stand, 1), asked(stand, other)
    claims = taken(crew)
    assert {claim["run"]["id"]: claim["run"]["project"] for claim in claims} == {here: "default", there: "other"}


def test_it_reports_on_what_it_holds_whatever_the_project(stand: Stand, crew: Api, other: int) -> None:
    run = asked(stand, other)
    (claim,) = taken(crew)
    held = {"headers": lease(claim)}
    path = f"/runs/{run}"
    (result,) = crew.report("start", proof(claim))
    assert result["ok"]
    (result,) = crew.report("heartbeat", proof(claim))
    assert result["ok"]
    assert good(crew.send("GET", f"{path}/assignment", **held))["project"] == "other"
    found = {"severity": "error", "type": "bug", "message": "it breaks"}
    good(crew.post(f"{path}/findings", {"findings": [found]}, **held), 201)
    good(crew.post(f"{path}/logs", {"entries": [{"message": "hi"}]}, **held), 201)
    good(crew.post(f"{path}/usage", {"model": "m", "input_tokens": 1}, **held), 201)
    good(crew.post(f"{path}/tool-calls", {"name": "ruff"}, **held), 201)
    good(crew.post(f"{path}/actions", {"type": "comment", "description": "d"}, **held), 201)
    good(crew.post(f"{path}/checkpoints", {"state": 1}, **held), 201)
    good(crew.put(f"{path}/state/k", {"value": 1}, **held))
    good(crew.put(f"{path}/outputs/k", {"value": 1}, **held))
    good(crew.post(f"{path}/artifacts", content=b"x", params={"name": "a"}, **held), 201)
    assert good(crew.send("GET", f"{path}/state/k", **held))["value"] == 1
    assert len(good(crew.send("GET", f"{path}/checkpoints", **held))["data"]) == 1
    assert len(good(crew.send("GET", f"{path}/findings", **held))["data"]) == 1
    assert crew.complete(claim)["state"] == "completed"
    theirs = stand.key(project=other)
    assert good(theirs.get(path))["state"] == "completed"
    assert [one["message"] for one in theirs.listed("/findings")] == ["it breaks"]
    (artifact,) = theirs.listed(f"{path}/artifacts")
    assert theirs.get(f"{path}/artifacts/{artifact['id']}/content").content == b"x"
    refused(stand.key().get(path), 404)
    assert stand.key().listed("/findings") == []


def test_a_waiting_claim_hears_of_work_in_another_project(stand: Stand, crew: Api, other: int) -> None:
    answers: list[Json] = []

    def wait() -> None:
        answers.extend(crew.claim(1, executor="agent", queues=[TEMPLATE], wait_seconds=PATIENCE))

    waiting = threading.Thread(target=wait)
    waiting.start()
    stand.until(lambda: stand.waiting("executor:agent") == 1)
    run = asked(stand, other)
    waiting.join(PATIENCE / 2)
    assert [claim["run"]["id"] for claim in answers] == [run]


def test_it_takes_no_other_work_and_does_nothing_without_a_lease(stand: Stand, crew: Api, other: int) -> None:
    theirs = stand.key(project=other)
    run = theirs.run()
    refused(crew.post("/runs/claim", {"limit": 1}), 403, "forbidden")
    refused(crew.post("/runs/claim", {"limit": 1, "executor": "http"}), 403, "forbidden")
    for place in (other, 1):
        agents_run = asked(stand, place)
        for method, path, body in (
            ("GET", f"/runs/{agents_run}", None),
            ("GET", f"/runs/{run['id']}", None),
            ("GET", "/runs", None),
            ("GET", "/findings", None),
            ("GET", "/keys", None),
            ("GET", "/jobs", None),
            ("GET", "/agents", None),
            ("POST", "/jobs", {"name": "x"}),
            ("POST", f"/runs/{agents_run}/cancel", None),
            ("GET", f"/runs/{agents_run}/assignment", None),
            ("GET", f"/runs/{agents_run}/findings", None),
            ("POST", f"/runs/{agents_run}/logs", {"entries": [{"message": "x"}]}),
        ):
            answer = crew.send(method, path, *([body] if body is not None else []))
            assert answer.status_code == 403, (method, path, answer.text)
    wrong = {"X-Runyard-Lease": "rl_" + "x" * 32}
    refused(crew.send("GET", f"/runs/{agents_run}/assignment", headers=wrong), 409, "lease_lost")
    answer = crew.post(f"/runs/{agents_run}/logs", {"entries": [{"message": "x"}]}, headers=wrong)
    refused(answer, 409, "lease_lost")


def test_it_makes_no_runs_in_other_projects(stand: Stand, crew: Api, other: int) -> None:
    run = asked(stand, other)
    (claim,) = taken(crew)
    refused(crew.post("/runs", {"parent_id": run, "payload": 1}, headers=lease(claim)), 403, "forbidden")
    assert stand.key().listed("/runs") == []


@pytest.mark.parametrize("scopes", [("runs:claim",), ("runs:write", "runs:claim", "jobs:write")])
def test_any_other_key_reaches_nothing_of_another_project_with_or_without_the_token(
    stand: Stand, crew: Api, other: int, scopes: tuple[str, ...]
) -> None:
    run = asked(stand, other)
    (claim,) = taken(crew)
    stranger = stand.key(*scopes)
    assert stranger.claim(10, executor="agent", queues=[TEMPLATE]) == []
    for headers in ({}, lease(claim)):
        for method, below, body in (
            ("POST", "logs", {"entries": [{"message": "x"}]}),
            ("POST", "findings", {}),
            ("POST", "actions", {"type": "t", "description": "d"}),
            ("POST", "checkpoints", {"state": 1}),
            ("GET", "assignment", None),
            ("GET", "findings", None),
            ("GET", "actions", None),
            ("GET", "checkpoints", None),
            ("GET", "state", None),
        ):
            sent = [] if body is None else [body]
            answer = stranger.send(method, f"/runs/{run}/{below}", *sent, headers=headers)
            assert answer.status_code == 404 or (answer.status_code == 403 and not headers), (below, answer.text)
    for verb in ("start", "heartbeat", "complete", "release"):
        (result,) = stranger.report(verb, proof(claim))
        assert (result["ok"], result["error"]["code"]) == (False, "not_found")
    assert crew.complete(claim)["state"] == "completed"


def test_no_api_grants_its_scope_and_nobody_gets_it_by_replacing_its_key(stand: Stand, crew: Api) -> None:
    refused(stand.admin.post("/keys", {"name": "mine", "scopes": ["runs:claim", AGENTS]}), 400)
    (shown,) = [key for key in stand.admin.listed("/keys") if AGENTS in key["scopes"]]
    refused(stand.admin.post(f"/keys/{shown['id']}/rotate", {}), 409)
    asked(stand, stand.project("third"))
    assert len(taken(crew)) == 1


def test_the_server_ends_the_key_it_had_before(stand: Stand, crew: Api) -> None:
    stand.store.transact(keys.renew_agents, name="built-in agents")
    refused(crew.post("/runs/claim", {"limit": 1, "executor": "agent"}), 401)


def test_runs_of_other_projects_know_that_the_agents_are_there(stand: Stand, crew: Api, other: int) -> None:
    theirs = stand.key(project=other)
    run = asked(stand, other)
    assert [one["code"] for one in good(theirs.get(f"/runs/{run}/explain"))["reasons"]] == ["no_worker"]
    taken(crew)
    assert "no_worker" not in good(theirs.get(f"/runs/{asked(stand, other)}/explain"))["reasons"]
