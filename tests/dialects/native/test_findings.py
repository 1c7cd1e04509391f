"""Findings, actions and assignments over the native API."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.agents import AgentProfile
from runyard.engine import agents
from runyard.storage.port import Tx
from tests.support.api import Api, good, proof, refused
from tests.support.stand import Stand
from tests.support.verbs import Json


def asked(stand: Stand, payload: str = "{}", *, project: int = 1, **profile: Any) -> str:
    """A new run of an agent."""

    def ask(tx: Tx) -> str:
        new = agents.NewAgent(name="Reviewer", profile=AgentProfile(**profile))
        return agents.ask(tx, project, agents.create(tx, project, new).id, payload=payload).id

    return stand.store.transact(ask)


def held(stand: Stand, payload: str = "{}", **profile: Any) -> tuple[Json, dict[str, str]]:
    """An agent's run as its worker holds it, and the header that proves it."""
    asked(stand, payload, **profile)
    (claim,) = stand.key("runs:claim").claim(1, executor="agent" if profile.get("template") else "worker")
    return claim["run"], {"X-Runyard-Lease": proof(claim)["token"]}


def finding(**said: Any) -> Json:
    """A finding."""
    return {"severity": "warning", "type": "style", "message": "too long"} | said


def test_a_worker_reads_its_assignment_and_tells_what_it_found(stand: Stand, api: Api) -> None:
    payload = '{"pull_request":{"number":7,"title":"Speed up","user":{"login":"ada"}},"commit":"abc","path":"/srv/x"}'
    run, lease = held(stand, payload, template="code-reviewer", config={"max_findings": 5})
    worker = stand.key("runs:claim")
    assignment = good(worker.send("GET", f"/runs/{run['id']}/assignment", headers=lease))
    assert (assignment["template"], assignment["config"]) == ("code-reviewer", {"max_findings": 5})
    assert assignment["pull_request"] == {"number": 7, "title": "Speed up", "author": "ada", "url": None}
    assert (assignment["commit"], assignment["repository"]) == ({"sha": "abc", "message": None}, None)
    assert (assignment["payload"]["path"], assignment["trigger"], assignment["project"]) == (
        "/srv/x",
        "manual",
        "default",
    )
    told = {"findings": [finding(id="a"), finding(id="b", severity="error")], "files_reviewed": 3}
    counted = good(worker.post(f"/runs/{run['id']}/findings", told, headers=lease), 201)
    assert counted == {"accepted": 2, "errors": 1, "warnings": 1, "infos": 0}
    again = good(worker.post(f"/runs/{run['id']}/findings", told, headers=lease), 201)
    assert again == {"accepted": 0, "errors": 1, "warnings": 1, "infos": 0}
    shown = good(worker.send("GET", f"/runs/{run['id']}/findings", headers=lease))["data"]
    assert [one["fingerprint"] for one in shown] == ["a", "b"]
    assert [one["fingerprint"] for one in api.listed("/findings", agent=run["job_id"])] == ["b", "a"]
    assert [one["fingerprint"] for one in api.listed("/findings", severity="error")] == ["b"]
    assert shown[0]["agent_id"] == run["job_id"]


def test_an_action_is_kept_with_its_run(stand: Stand, api: Api) -> None:
    run, lease = held(stand)
    worker = stand.key("runs:claim")
    said = {"type": "comment", "description": "Wrote it", "url": "https://example.org/1", "details": {"lines": 2}}
    made = good(worker.post(f"/runs/{run['id']}/actions", said, headers=lease), 201)
    assert (made["result"], made["details"], made["target"]) == ("success", {"lines": 2}, None)
    assert api.listed(f"/runs/{run['id']}/actions") == [made]


@pytest.mark.parametrize("below", ["assignment", "findings", "actions"])
def test_a_key_that_may_only_claim_needs_the_lease_even_to_read(stand: Stand, below: str) -> None:
    run, lease = held(stand)
    worker = stand.key("runs:claim")
    refused(worker.get(f"/runs/{run['id']}/{below}"), 403)
    refused(worker.send("GET", f"/runs/{run['id']}/{below}", headers={"X-Runyard-Lease": "rl_no"}), 409, "lease_lost")
    good(worker.send("GET", f"/runs/{run['id']}/{below}", headers=lease))


@pytest.mark.parametrize(
    "wrong",
    [
        {"severity": "fatal"},
        {"type": ""},
        {"message": "m" * 10_001},
        {"line": -1},
        {"file": "f" * 513},
    ],
)
def test_a_finding_that_cannot_be_kept_is_refused_clearly(stand: Stand, api: Api, wrong: Json) -> None:
    run, _ = held(stand)
    answer = refused(api.post(f"/runs/{run['id']}/findings", {"findings": [finding(**wrong)]}), 400)
    assert next(iter(wrong)) in answer["detail"]


def test_a_finding_cannot_be_asked_for_by_a_severity_there_is_not(api: Api) -> None:
    refused(api.get("/findings", severity="fatal"), 400)


def test_ids_that_are_none_find_nothing(api: Api) -> None:
    for name in ("agent", "run", "repository", "file", "type"):
        assert api.listed("/findings", **{name: "no/such"}) == []
    refused(api.get("/runs/nonsense/findings"), 404)
    refused(api.get("/runs/nonsense/assignment"), 404)
