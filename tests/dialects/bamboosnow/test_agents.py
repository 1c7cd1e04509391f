"""Agents at `/v1` and at `/api/v1` (contract §5.7–5.9, §6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runyard.dialects.bamboosnow.mapping.values import read
from runyard.domain.templates import TEMPLATES
from tests.dialects.bamboosnow.client import Snow, good, ids, refused
from tests.support.verbs import Json

CONFIG = {"review_style": "balanced", "min_severity": "warning", "auto_approve": False}
TRIGGERS = {
    "pull_request": {"types": ["opened", "synchronize"], "branches": {"include": ["main"], "exclude": []}},
    "push": {"branches": ["main", "hotfix/*"]},
}


def create(snow: Snow, name: str = "my-code-reviewer", **fields: Any) -> Json:
    """An agent made over HTTP."""
    made: Json = good(snow.post("/v1/agents", {"name": name, **fields}), 201)
    return made


def seen(snow: Snow, agent: Json) -> Json:
    """The agent at `/v1`."""
    found: Json = good(snow.get(f"/v1/agents/{agent['id']}"))
    return found


def sdk(snow: Snow, agent: Json) -> Json:
    """The agent at `/api/v1`."""
    found: Json = good(snow.get(f"/api/v1/agents/{agent['id']}"))
    return found


def moved(snow: Snow, agent: Json, verb: str, status: int = 200) -> Any:
    """The answer to a verb at `/api/v1`."""
    response = snow.post(f"/api/v1/agents/{agent['id']}/{verb}")
    return good(response) if status == 200 else refused(response, status)


def connected(snow: Snow, name: str = "acme/app") -> Json:
    """A connected repository."""
    made: Json = good(snow.post("/api/v1/repositories", {"provider": "github", "fullName": name}), 201)
    return made


def test_an_agent_is_shown_as_it_was_made(snow: Snow):
    made = create(snow, template="code-reviewer", triggers=TRIGGERS, config=CONFIG)
    assert made["id"].startswith("agent_")
    assert (made["name"], made["template"], made["status"]) == ("my-code-reviewer", "code-reviewer", "active")
    assert (made["triggers"], made["config"], made["repository"]) == (TRIGGERS, CONFIG, None)
    assert set(made["stats"].values()) == {0}
    assert made["recent_runs"] == []
    assert seen(snow, made) == made
    other = sdk(snow, made)
    assert (other["agentType"], other["templateSlug"], other["status"]) == (
        "code-reviewer",
        "code-reviewer",
        "deployed",
    )
    assert other["triggers"] == ["pull_request.opened", "pull_request.synchronize", "push"]
    assert (other["projectId"], other["totalRuns"], other["successfulRuns"]) == ("default", 0, 0)


def test_an_agent_that_says_no_triggers_has_those_of_its_template(snow: Snow):
    assert sdk(snow, create(snow, template="code-reviewer"))["triggers"] == ["pull_request", "push", "manual"]
    assert create(snow, template="code-reviewer", triggers={})["triggers"] == {}
    assert create(snow)["triggers"] == {}


def test_an_agent_belongs_to_a_repository(snow: Snow):
    repository = connected(snow)
    made = create(snow, repository_id=repository["id"])
    assert made["repository"] == {"id": repository["id"], "name": "acme/app"}
    assert sdk(snow, made)["repositoryId"] == repository["id"]
    (row,) = good(snow.get("/v1/agents", repository_id=repository["id"]))["data"]
    assert (row["id"], row["repository_id"]) == (made["id"], repository["id"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"template": "barista"}, ["barista", *TEMPLATES]),
        ({"repository_id": "nonsense"}, ["repository", "acme/app"]),
        ({"repository_id": "repo_" + "0" * 32}, ["repository", "acme/app"]),
        ({"name": ""}, ["name"]),
        ({"name": "  "}, ["name"]),
        ({"triggers": {"schedule": {"cron": "61 * * * *"}}}, ["61"]),
        ({"triggers": {"schedule": {"cron": "0 9 * * 1", "timezone": "Mars/One"}}}, ["Mars/One"]),
        ({"triggers": {"push": {"branches": "main"}}}, ["push.branches"]),
    ],
)
def test_what_cannot_be_an_agent_is_refused(snow: Snow, fields: Json, words: list[str]):
    connected(snow)
    before = good(snow.get("/v1/agents"))["meta"]["total"]
    refused(snow.post("/v1/agents", {"name": "x", **fields}), 400, *words)
    assert good(snow.get("/v1/agents"))["meta"]["total"] == before


def test_a_repository_of_another_project_is_none(snow: Snow, stranger: Snow):
    theirs = connected(stranger, "theirs/secret")
    said = refused(snow.post("/v1/agents", {"name": "x", "repository_id": theirs["id"]}), 400)
    assert "theirs" not in said["message"]


def test_names_may_be_equal(snow: Snow):
    first, second = create(snow, "Same"), create(snow, "Same")
    assert first["id"] != second["id"]
    assert first["name"] == second["name"] == "Same"


def test_only_what_is_named_is_changed(snow: Snow):
    made = create(snow, triggers=TRIGGERS, config=CONFIG)
    path = f"/v1/agents/{made['id']}"
    renamed = good(snow.patch(path, {"name": "Renamed"}))
    assert renamed == {**made, "name": "Renamed", "updated_at": renamed["updated_at"]}
    assert good(snow.patch(path, {"config": {"a": 1}}))["config"] == {"a": 1}
    assert good(snow.patch(path, {"triggers": {"push": True}}))["triggers"] == {"push": True}
    assert good(snow.patch(path, {"status": "paused"}))["status"] == "paused"
    assert sdk(snow, made)["status"] == "paused"
    assert good(snow.patch(path, {"status": "paused"}))["status"] == "paused"
    assert good(snow.patch(path, {"status": "active"}))["status"] == "active"
    assert good(snow.patch(path, {}))["name"] == "Renamed"
    wrongs: list[Json] = [{"status": "error"}, {"name": None}, {"config": []}, {"triggers": ["push"]}, {"name": ""}]
    for wrong in wrongs:
        refused(snow.patch(path, wrong), 400)


def test_a_list_of_triggers_keeps_what_it_cannot_say(snow: Snow):
    made = create(snow, triggers=TRIGGERS)
    path = f"/api/v1/agents/{made['id']}"
    assert good(snow.patch(path, {"triggers": ["pull_request.closed", "push"]}))["triggers"] == [
        "pull_request.closed",
        "push",
    ]
    assert seen(snow, made)["triggers"] == {
        "pull_request": {"types": ["closed"], "branches": {"include": ["main"], "exclude": []}},
        "push": {"branches": ["main", "hotfix/*"]},
    }
    assert good(snow.patch(path, {"description": "Reads diffs"}))["description"] == "Reads diffs"
    refused(snow.patch(path, {"triggers": ["schedule"]}), 400, "cron")
    refused(snow.patch(path, {"triggers": "push"}), 400)


def test_lists_are_filtered_and_paged(snow: Snow, stranger: Snow):
    first, second, third = create(snow, "1"), create(snow, "2", template="test-runner"), create(snow, "3")
    create(stranger, "theirs")
    everything = good(snow.get("/v1/agents", per_page=100))
    total = everything["meta"]["total"]
    assert ids(everything["data"])[:3] == [third["id"], second["id"], first["id"]]
    assert everything["meta"] == {"total": total, "page": 1, "per_page": 100}
    page = good(snow.get("/v1/agents", per_page=1, page=2))
    assert (ids(page["data"]), page["meta"]) == ([second["id"]], {"total": total, "page": 2, "per_page": 1})
    assert good(snow.get("/v1/agents", page=10**9))["data"] == []
    moved(snow, second, "pause")

    def listed(**params: str) -> list[str]:
        return ids(good(snow.get("/v1/agents", **params))["data"])

    assert listed(template="test-runner", status="paused") == [second["id"]]
    assert listed(template="test-runner", status="active") == []
    assert listed(status="error") == []
    assert listed(template="barista") == listed(repository_id="nonsense") == []
    for wrong in ({"status": "deployed"}, {"page": "0"}, {"per_page": "101"}, {"page": "x"}):
        refused(snow.get("/v1/agents", **wrong), 400, *wrong)


def test_the_sdk_lists_in_its_own_words(snow: Snow):
    first, second = create(snow, "1"), create(snow, "2")
    moved(snow, first, "archive")
    found = good(snow.get("/api/v1/agents", per_page=2))
    assert (ids(found["items"]), found["page"], found["perPage"]) == ([second["id"], first["id"]], 1, 2)
    assert found["totalPages"] == -(-found["total"] // 2)

    def listed(**params: str) -> list[str]:
        return ids(good(snow.get("/api/v1/agents", **params))["items"])

    assert listed(status="archived") == [first["id"]]
    assert first["id"] in listed(project_id="default") == listed(project_id="1")
    assert listed(project_id="other") == listed(project_id="") == []
    refused(snow.get("/api/v1/agents", status="active"), 400, "deployed")
    assert first["id"] not in ids(good(snow.get("/v1/agents"))["data"])


def test_pause_resume_and_archive(snow: Snow):
    agent = create(snow)
    moved(snow, agent, "resume", 409)
    assert moved(snow, agent, "pause")["status"] == "paused"
    moved(snow, agent, "pause", 409)
    for path in (f"/v1/agents/{agent['id']}/run", f"/api/v1/agents/{agent['id']}/trigger"):
        refused(snow.post(path), 409, "paused")
    assert moved(snow, agent, "resume")["status"] == "deployed"
    for _ in range(2):
        assert moved(snow, agent, "archive")["status"] == "archived"
    moved(snow, agent, "pause", 409)
    moved(snow, agent, "resume", 409)
    refused(snow.post(f"/v1/agents/{agent['id']}/run"), 409, "archived")
    refused(snow.patch(f"/v1/agents/{agent['id']}", {"status": "active"}), 400, "archived")
    assert seen(snow, agent)["status"] == "paused"


def test_a_deleted_agent_keeps_its_runs(snow: Snow):
    agent = create(snow, "Gone")
    run = good(snow.post(f"/v1/agents/{agent['id']}/run"))
    assert snow.delete(f"/v1/agents/{agent['id']}").status_code == 204
    for path in (f"/v1/agents/{agent['id']}", f"/api/v1/agents/{agent['id']}", f"/api/v1/agents/{agent['id']}/health"):
        refused(snow.get(path), 404)
    refused(snow.delete(f"/api/v1/agents/{agent['id']}"), 404)
    refused(snow.post(f"/v1/agents/{agent['id']}/run"), 404)
    shown = snow.see(run["run_id"])
    assert (shown["agent"]["id"], shown["agent"]["name"]) == (agent["id"], "Gone")
    snow.complete(snow.start(run["run_id"]))
    assert snow.status(run["run_id"]) == "success"
    refused(snow.post(f"/v1/runs/{run['run_id']}/retry"), 409)


def test_the_body_of_a_trigger_is_its_payload(snow: Snow):
    agent = create(snow, config={"a": 1})
    payload = {"pull_request": {"number": 42, "title": "Add login"}, "commit": {"sha": "abc"}, "extra": [1.50]}
    run = good(snow.post(f"/v1/agents/{agent['id']}/run", payload))
    assert run["status"] == "queued"
    shown = snow.see(run["run_id"])
    assert (shown["pull_request"]["number"], shown["commit"]["sha"]) == (42, "abc")
    assert shown["trigger"] == {"type": "manual", "event": None}
    again = good(snow.post(f"/api/v1/agents/{agent['id']}/trigger", {"pr_number": 7}))
    shown = snow.stand.admin.get(f"/runs/{read('run', again['runId'])}").json()
    assert shown["payload"] == {"pr_number": 7}
    assert snow.see(again["runId"])["pull_request"]["number"] == 7


@pytest.mark.parametrize("surface", ["/v1/agents/{}/run", "/api/v1/agents/{}/trigger"])
def test_a_trigger_needs_no_body(snow: Snow, surface: str):
    path = surface.format(create(snow)["id"])
    good(snow.post(path))
    good(snow.post(path, content=b"", headers={"content-type": "application/json"}))
    good(snow.post(path, {}))
    for wrong in (b"[1]", b'"x"', b"5", b"{"):
        refused(snow.post(path, content=wrong, headers={"content-type": "application/json"}), 400)


def test_a_trigger_is_repeated_with_its_key(snow: Snow):
    path = f"/api/v1/agents/{create(snow)['id']}/trigger"
    once = snow.saying(idempotency_key="once")
    first, second = good(once.post(path, {"n": 1})), good(once.post(path, {"n": 1}))
    assert first == second
    assert good(snow.post(path, {"n": 1})) != first


def test_a_folder_outside_the_allowed_ones_is_refused(snow: Snow):
    agent = create(snow, template="code-reviewer")
    for path in ("/etc", "relative", "/srv/../etc", 5):
        for surface in ("/v1/agents/{}/run", "/api/v1/agents/{}/trigger"):
            refused(snow.post(surface.format(agent["id"]), {"path": path}), 400, "path" if path == 5 else "")
    good(snow.post(f"/v1/agents/{create(snow)['id']}/run", {"path": "/etc"}))


def test_an_agent_tells_of_its_runs(snow: Snow):
    agent = create(snow)
    runs = [snow.succeeded(agent, {"pr_number": number}) for number in range(1, 7)]
    runs.append(snow.failed(agent))
    shown = seen(snow, agent)
    assert shown["stats"] == {
        "total_runs": 7,
        "successful_runs": 6,
        "failed_runs": 1,
        "avg_duration_ms": shown["stats"]["avg_duration_ms"],
        "issues_found": 0,
    }
    assert ids(shown["recent_runs"]) == [run["id"] for run in reversed(runs)][:5]
    assert [run["status"] for run in shown["recent_runs"]][:2] == ["failure", "success"]
    assert [run["pr_number"] for run in shown["recent_runs"]] == [None, 6, 5, 4, 3]
    row = next(row for row in good(snow.get("/v1/agents"))["data"] if row["id"] == agent["id"])
    assert (row["runs_count"], row["success_rate"]) == (7, 0.86)
    assert row["last_run_at"] == snow.see(runs[-1])["started_at"]
    assert sdk(snow, agent)["totalRuns"] == 7
    health = good(snow.get(f"/api/v1/agents/{agent['id']}/health"))
    assert (health["reliabilityScore"], health["activityScore"]) == (85.7, 100)


def test_templates(snow: Snow):
    listed = good(snow.get("/api/v1/agents/templates"))
    assert [one["slug"] for one in listed] == list(TEMPLATES)
    for one in listed:
        assert good(snow.get(f"/api/v1/agents/templates/{one['slug']}")) == one
    refused(snow.get("/api/v1/agents/templates/barista"), 404, "barista", "code-reviewer")


def test_a_job_that_is_no_agent_is_not_found(snow: Snow):
    job = snow.stand.admin.post("/jobs", {"name": "plain"}).json()
    wanted = "agent_" + job["id"].replace("-", "")
    for path in (f"/v1/agents/{wanted}", f"/api/v1/agents/{wanted}", f"/api/v1/agents/{wanted}/health"):
        refused(snow.get(path), 404)
    refused(snow.post(f"/v1/agents/{wanted}/run"), 404)


@pytest.mark.parametrize("wrong", ["agent_", "run_" + "0" * 32, "agent_" + "g" * 32, "agent_" + "0" * 32, "x", "%00"])
def test_an_id_of_the_wrong_form_is_not_found(snow: Snow, wrong: str):
    refused(snow.get(f"/v1/agents/{wrong}"), 404)
    refused(snow.post(f"/api/v1/agents/{wrong}/trigger", {}), 404)
    refused(snow.patch(f"/api/v1/agents/{wrong}", {"name": "x"}), 404)


def test_another_projects_agent_is_not_found(snow: Snow, stranger: Snow):
    agent = create(snow)
    refused(stranger.get(f"/v1/agents/{agent['id']}"), 404)
    refused(stranger.patch(f"/v1/agents/{agent['id']}", {"name": "x"}), 404)
    refused(stranger.delete(f"/v1/agents/{agent['id']}"), 404)
    refused(stranger.post(f"/v1/agents/{agent['id']}/run"), 404)
    for verb in ("pause", "resume", "archive", "trigger"):
        refused(stranger.post(f"/api/v1/agents/{agent['id']}/{verb}"), 404)
    assert seen(snow, agent)["status"] == "active"


def test_a_payload_is_kept_as_it_was_written(snow: Snow):
    path = f"/v1/agents/{create(snow)['id']}/run"
    written = b'{ "n": 1.10,  "big": 12345678901234567890123 }'
    run = good(snow.post(path, content=written, headers={"content-type": "application/json"}))
    shown = snow.stand.admin.get(f"/runs/{read('run', run['run_id'])}")
    assert written in shown.content
    assert json.loads(written)["n"] == 1.1
