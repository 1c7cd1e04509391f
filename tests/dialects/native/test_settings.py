"""What jobs and projects are set up with natively: endpoints, schedules, secrets, environments, limits."""

from __future__ import annotations

import pytest

from runyard.engine import environments, job_secrets, jobs, purges, specs
from tests.support.api import Api, good, refused
from tests.support.stand import Stand

FULL = {
    "title": "Build it",
    "executor": "http",
    "http": {"url": "https://example.com/run", "fallback_url": "https://example.org/run"},
    "webhook": {"url": "https://example.com/hook"},
    "cron": {"expression": "0 3 * * *", "overlap": "skip", "catch_up": "none"},
    "timezone": "Europe/Vienna",
    "window": "* 9-17 * * *",
    "dedup_seconds": 30,
    "batch": {"window_seconds": 5, "max": 10},
    "backwards_compatible": True,
    "version_policy": "latest",
    "adaptive_timeout": True,
    "guards": {
        "max_tokens": 100,
        "max_cost_micro_usd": 5,
        "max_tool_calls": 3,
        "allowed_tools": ["read"],
        "blocked_tools": ["shell"],
    },
}


def spec_of(stand: Stand, name: str):
    return specs.spec_of(stand.store.look(jobs.get, 1, name))


def test_every_setting_of_a_job_is_kept_and_answered(api: Api):
    made = good(api.post("/jobs", {"name": "build", **FULL}), 201)
    assert {name: made["spec"][name] for name in FULL} == FULL


def test_a_definition_can_be_sent_again_as_it_was_answered(api: Api, stand: Stand):
    asked = FULL | {"webhook": {"url": "https://example.com/hook", "secret": "hush"}}
    made = good(api.post("/jobs", {"name": "build", **asked}), 201)
    again = good(api.patch("/jobs/build", made["spec"]))
    assert again["version"] == 1
    assert spec_of(stand, "build").webhook.secret is not None


def test_a_setting_is_taken_away_by_null(api: Api):
    good(api.post("/jobs", {"name": "build", **FULL}), 201)
    names = ("webhook", "cron", "timezone", "window", "dedup_seconds", "batch")
    spec = good(api.patch("/jobs/build", dict.fromkeys(names)))["spec"]
    assert not set(names) & spec.keys()


def test_signing_secrets_are_sealed_kept_and_removed(api: Api, stand: Stand):
    http = {"url": "https://example.com/run", "secret": "hush-hush"}
    made = good(api.post("/jobs", {"name": "build", "executor": "http", "http": http}), 201)
    assert "hush" not in str(made)
    kept = spec_of(stand, "build").http.secret
    assert stand.server.vault.open(kept, job_secrets.SIGNING) == "hush-hush"
    good(api.patch("/jobs/build", {"http": {"url": "https://example.com/other"}}))
    assert spec_of(stand, "build").http.secret == kept
    good(api.patch("/jobs/build", {"http": {"url": "https://example.com/other", "secret": None}}))
    assert spec_of(stand, "build").http.secret is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"executor": "http"},
        {"executor": "managed"},
        {"executor": "http", "http": {"url": "http://127.0.0.1/"}},
        {"webhook": {"url": "http://localhost/"}},
        {"managed": {"image": "command: true", "preset": "huge"}},
        {"cron": {"expression": "nonsense"}},
        {"window": "61 * * * *"},
        {"timezone": "Mars/Olympus"},
        {"debounce_seconds": 5, "batch": {"window_seconds": 5}},
        {"environment_id": "nowhere"},
        {"guards": {"allowed_tools": [""]}},
    ],
    ids=str,
)
def test_a_setting_that_makes_no_sense_is_refused(api: Api, wrong):
    refused(api.post("/jobs", {"name": "build", **wrong}), 400, "invalid")


def test_a_run_may_have_guards_of_its_own(api: Api, stand: Stand):
    run = api.run(guards={"max_tokens": 5}, version_policy="pin")
    ((policy,),) = stand.store.look(lambda tx: tx.rows("SELECT policy FROM runs WHERE id = :id", id=run["id"]))
    assert '"max_tokens":5' in policy


def test_a_secret_is_set_listed_and_forgotten_and_never_shown(api: Api, stand: Stand):
    job = good(api.post("/jobs", {"name": "build"}), 201)
    assert good(api.put("/jobs/build/secrets/API_KEY", {"value": "hush"}))["name"] == "API_KEY"
    good(api.put("/jobs/build/secrets/API_KEY", {"value": "hush-hush"}))
    good(api.put(f"/jobs/{job['id']}/secrets/OTHER", {"value": "x"}))
    listed = good(api.get("/jobs/build/secrets"))
    assert [one["name"] for one in listed["data"]] == ["API_KEY", "OTHER"]
    assert "hush" not in str(listed)
    sealed = stand.store.look(job_secrets.secrets, [job["id"]])[job["id"]]["API_KEY"]
    assert "hush" not in sealed
    assert stand.server.vault.open(sealed, job_secrets.PURPOSE) == "hush-hush"
    assert api.delete("/jobs/build/secrets/API_KEY").status_code == 204
    refused(api.delete("/jobs/build/secrets/API_KEY"), 404)


@pytest.mark.parametrize(("name", "value"), [("1A", "x"), ("A-B", "x"), ("A", ""), ("A", "a\nb"), ("A", "ü" * 10)])
def test_a_secret_that_no_header_can_carry_is_refused(api: Api, name, value):
    good(api.post("/jobs", {"name": "build"}), 201)
    refused(api.put(f"/jobs/build/secrets/{name}", {"value": value}), 400)


def test_secrets_need_the_right_to_change_jobs(api: Api, stand: Stand):
    good(api.post("/jobs", {"name": "build"}), 201)
    reader = stand.key("runs:read", "runs:write")
    refused(reader.get("/jobs/build/secrets"), 403)
    refused(reader.get("/environments"), 403)


def test_an_environment_is_set_named_by_a_job_and_kept_while_it_is(api: Api, stand: Stand):
    made = good(api.put("/environments/stage", {"variables": {"B": "2", "ENDPOINT_URL": "https://example.com/"}}))
    assert made["variables"] == ["B", "ENDPOINT_URL"]
    again = good(api.put("/environments/stage", {"variables": {"ENDPOINT_URL": "https://example.com/x"}}))
    assert (again["id"], again["variables"]) == (made["id"], ["ENDPOINT_URL"])
    good(api.post("/jobs", {"name": "build", "environment_id": made["id"]}), 201)
    refused(api.delete("/environments/stage"), 409)
    good(api.patch("/jobs/build", {"environment_id": None}))
    sealed = stand.store.look(environments.variables, [made["id"]])[made["id"]]["ENDPOINT_URL"]
    assert stand.server.vault.open(sealed, environments.PURPOSE) == "https://example.com/x"
    assert api.delete("/environments/stage").status_code == 204
    refused(api.get("/environments/stage"), 404)


def test_an_environments_endpoint_must_be_one_that_requests_may_go_to(api: Api):
    refused(api.put("/environments/stage", {"variables": {"ENDPOINT_URL": "http://169.254.169.254/"}}), 400)


def test_another_projects_environment_cannot_be_named(api: Api, stand: Stand):
    stand.project("other")
    made = good(stand.admin.within("other").put("/environments/stage", {"variables": {}}))
    refused(api.post("/jobs", {"name": "build", "environment_id": made["id"]}), 400)


def test_a_projects_limits_are_set_one_by_one(admin: Api):
    made = good(admin.post("/projects", {"slug": "acme", "settings": {"max_queued": 5}}), 201)
    assert made["settings"]["max_queued"] == 5
    changed = good(admin.patch("/projects/acme", {"name": "Acme", "settings": {"timezone": "Asia/Tokyo"}}))
    assert (changed["name"], changed["settings"]["timezone"], changed["settings"]["max_queued"]) == (
        "Acme",
        "Asia/Tokyo",
        5,
    )
    assert good(admin.patch("/projects/acme", {"settings": {"max_queued": None}}))["settings"]["max_queued"] is None
    for wrong in ({"timezone": "Mars/Olympus"}, {"max_queued": -1}, {"daily_cost_micro_usd": "x"}):
        refused(admin.patch("/projects/acme", {"settings": wrong}), 400)


def test_a_project_is_deleted_when_nothing_of_it_is_live(admin: Api, stand: Stand):
    number = stand.project("acme")
    within = admin.within("acme")
    run = within.run()
    refused(admin.delete("/projects/acme"), 409)
    good(within.post(f"/runs/{run['id']}/cancel"))
    key = stand.key("runs:read", project="acme")
    assert admin.delete("/projects/acme").status_code == 204
    refused(key.get("/runs"), 401)
    refused(admin.get("/projects/acme"), 404)
    refused(within.get("/runs"), 404)
    assert [one["slug"] for one in good(admin.get("/projects"))["data"]] == ["default"]
    while stand.store.transact(purges.step) is not None:
        pass
    assert stand.store.look(lambda tx: tx.rows("SELECT 1 FROM runs WHERE project_id = :n", n=number)) == []


def test_a_key_is_rotated_with_a_grace_period(stand: Stand):
    old = stand.key("runs:read")
    listed = good(stand.admin.get("/keys"))["data"]
    wanted = next(one for one in listed if one["name"] == "test")
    made = good(stand.admin.post(f"/keys/{wanted['id']}/rotate", {"grace_seconds": 60}), 201)
    new = stand.admin.as_key(made["key"])
    good(old.get("/runs"))
    stand.clock.forward(seconds=61)
    refused(old.get("/runs"), 401)
    good(new.get("/runs"))
    assert good(stand.admin.get(f"/keys/{wanted['id']}"))["replaced_by"] == made["id"]


def test_a_jobs_history_goes_with_it_when_asked_for(api: Api, stand: Stand):
    good(api.post("/jobs", {"name": "build"}), 201)
    run = api.done(job="build")
    assert api.delete("/jobs/build", params={"history": "true"}).status_code == 204
    while stand.store.transact(purges.step) is not None:
        pass
    refused(api.get(f"/runs/{run['id']}"), 404)


def test_a_jobs_health_tells_outcomes_and_durations(api: Api):
    good(api.post("/jobs", {"name": "build"}), 201)
    assert good(api.get("/jobs/build/health"))["p95_seconds"] is None
    api.done(job="build")
    found = good(api.get("/jobs/build/health", hours=1))
    assert (found["ended"], found["success_rate"]) == ({"completed": 1}, 1)
