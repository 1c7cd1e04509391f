"""Jobs and their versions over HTTP (contract §1, §22, §26)."""

from __future__ import annotations

import pytest

from runyard import sandbox
from runyard.domain.jobs import NewRun
from runyard.engine import creations, jobs, purges, specs
from runyard.engine.creations import CreateRequest
from tests.dialects.strait.client import Strait, good, refused
from tests.support.api import good as native_good
from tests.support.stand import Stand

UNKNOWN = "0190a5a0-0000-7000-8000-000000000000"
URL = "https://example.com/run"
EVERYTHING = {
    "group_id": "group-1",
    "description": "Builds things.",
    "cron": "*/5 * * * *",
    "payload_schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
    "tags": {"team": "core", "tier": ""},
    "endpoint_url": URL,
    "fallback_endpoint_url": "https://fallback.example.com:8443/run",
    "max_attempts": 5,
    "timeout_secs": 120,
    "max_concurrency": 4,
    "max_concurrency_per_key": 2,
    "execution_window_cron": "* 9-17 * * 1-5",
    "timezone": "Europe/Vienna",
    "rate_limit_max": 10,
    "rate_limit_window_secs": 60,
    "dedup_window_secs": 30,
    "run_ttl_secs": 600,
    "retry_strategy": "custom",
    "retry_delays_secs": [1, 5, 30],
    "version_policy": "minor",
    "default_run_metadata": {"origin": "test"},
    "result_schema": {"type": "object"},
    "skip_if_running": True,
    "debounce_window_secs": 15,
    "batch_max_size": 20,
    "execution_mode": "http",
    "machine_preset": "small-1x",
    "image_uri": "registry.example.com/image",
    "region": "fra",
    "preferred_regions": ["fra", "ams"],
    "rate_limit_keys": [{"name": "tenant", "max": 5, "window_secs": 60}],
    "webhook_url": "https://example.com/hook",
    "retry_priority_boost": 2,
    "on_complete_trigger_workflow": "wf-1",
    "on_complete_payload_mapping": {"a": "$.b"},
    "max_tokens_per_run": 1000,
    "max_tool_calls_per_run": 7,
    "max_iterations_per_run": 3,
    "allowed_tools": ["search", "read"],
    "blocked_tools": ["shell"],
}


def body(**fields):
    return {"project_id": "default", "name": "Build", "slug": "build", "endpoint_url": URL} | fields


def plain(stand: Stand, strait: Strait, method: str, path: str, json):
    """A request whose refusal the document does not list."""
    return stand.http.request(
        method, f"/strait{path}", json=json, headers={"authorization": f"Bearer {strait.key}", **strait.headers}
    )


def make_run(stand: Stand, job, **new):
    request = CreateRequest(project_id=1, runs=(NewRun(job=job["id"], **new),))
    return stand.store.transact(creations.create, [request])[0][0].run


def shown(job):
    return {name: value for name, value in job.items() if name in EVERYTHING}


def test_every_field_of_a_job_is_kept_and_answered(strait: Strait):
    made = good(strait.post("/v1/jobs", body(**EVERYTHING)), 201)
    assert shown(made) == EVERYTHING
    assert (made["name"], made["slug"], made["version"], made["enabled"]) == ("Build", "build", 1, True)
    assert good(strait.get(f"/v1/jobs/{made['id']}")) == made


def test_every_field_of_a_job_can_be_changed(strait: Strait):
    made = good(strait.post("/v1/jobs", body()), 201)
    changed = good(
        strait.patch(f"/v1/jobs/{made['id']}", EVERYTHING | {"enabled": False, "backwards_compatible": True})
    )
    assert shown(changed) == EVERYTHING
    assert (changed["enabled"], changed["backwards_compatible"], changed["version"]) == (False, True, 2)


def test_a_job_has_the_defaults_of_the_contract(strait: Strait):
    made = good(strait.post("/v1/jobs", body()), 201)
    assert (made["max_attempts"], made["timeout_secs"], made["version_policy"]) == (3, 300, "pin")
    assert (made["retry_strategy"], made["execution_mode"]) == ("exponential", "http")
    assert not {"cron", "tags", "description", "max_concurrency", "rate_limit_max", "webhook_url"} & made.keys()


def test_only_the_keys_present_change(strait: Strait):
    made = good(strait.post("/v1/jobs", body(**EVERYTHING)), 201)
    changed = good(strait.patch(f"/v1/jobs/{made['id']}", {"description": "Other.", "max_attempts": None}, loose=True))
    assert shown(changed) == EVERYTHING | {"description": "Other."}
    assert changed["version"] == 2
    assert changed["version_id"] != made["version_id"]


def test_an_empty_text_takes_a_setting_away(strait: Strait):
    made = good(strait.post("/v1/jobs", body(**EVERYTHING)), 201)
    names = ("cron", "fallback_endpoint_url", "webhook_url", "execution_window_cron", "timezone", "region", "group_id")
    changed = good(strait.patch(f"/v1/jobs/{made['id']}", dict.fromkeys(names, ""), loose=True))
    assert not set(names) & changed.keys()
    assert changed["skip_if_running"] is True


def test_null_takes_a_schema_away(strait: Strait):
    made = good(strait.post("/v1/jobs", body(payload_schema={"type": "object"})), 201)
    assert "payload_schema" not in good(strait.patch(f"/v1/jobs/{made['id']}", {"payload_schema": None}))


def test_every_update_makes_a_version_even_one_that_changes_nothing(strait: Strait):
    made = good(strait.post("/v1/jobs", body()), 201)
    assert [good(strait.patch(f"/v1/jobs/{made['id']}", {}))["version"] for _ in range(2)] == [2, 3]


def test_keywords_that_do_not_count_stay_in_the_schema_and_check_nothing(strait: Strait, stand: Stand):
    schema = {"type": "object", "properties": {"n": {"type": "string", "minLength": 5, "x": [1]}}, "minProperties": 4}
    made = good(strait.post("/v1/jobs", body(payload_schema=schema)), 201)
    assert made["payload_schema"] == schema
    assert make_run(stand, made, payload='{"n": "a"}').payload == '{"n": "a"}'


def test_unknown_keys_are_ignored(strait: Strait):
    good(strait.post("/v1/jobs", body(unheard_of={"a": 1}), loose=True), 201)


def test_webhook_url_and_secret_are_accepted_on_create(strait: Strait, stand: Stand):
    made = good(strait.post("/v1/jobs", body(webhook_url="https://example.com/h", webhook_secret="hush-hush")), 201)
    assert made["webhook_url"] == "https://example.com/h"
    assert "hush-hush" not in str(made)
    ((spec,),) = stand.store.look(lambda tx: tx.rows("SELECT spec FROM jobs WHERE id = :id", id=made["id"]))
    assert "hush-hush" not in spec
    assert '"secret":"v1:' in spec


def test_a_webhook_secret_outlives_updates_that_do_not_name_it(strait: Strait, stand: Stand):
    made = good(strait.post("/v1/jobs", body(webhook_url="https://example.com/h", webhook_secret="hush")), 201)
    before = spec_of(stand, made)
    good(strait.patch(f"/v1/jobs/{made['id']}", {"webhook_url": "https://example.com/other"}))
    after = spec_of(stand, made)
    assert after.webhook.secret == before.webhook.secret
    good(strait.patch(f"/v1/jobs/{made['id']}", {"webhook_secret": ""}))
    assert spec_of(stand, made).webhook.secret is None


def spec_of(stand, job):
    return specs.spec_of(stand.store.look(jobs.get, 1, job["id"]))


def test_project_id_may_be_left_out_and_must_be_the_callers(strait: Strait, stranger: Strait, internal: Strait):
    asked = {name: value for name, value in body().items() if name != "project_id"}
    made = good(strait.send("POST", "/v1/jobs", asked, loose=True), 201)
    assert made["project_id"] == "default"
    refused(strait.post("/v1/jobs", body(slug="b", project_id="other")), 403)
    assert good(internal.post("/v1/jobs", body(slug="b", project_id="other")), 201)["project_id"] == "other"


def test_a_slug_is_taken_once_in_a_project(strait: Strait, stranger: Strait):
    made = good(strait.post("/v1/jobs", body()), 201)
    refused(strait.post("/v1/jobs", body()), 409)
    good(stranger.post("/v1/jobs", body(project_id="other")), 201)
    other = good(strait.post("/v1/jobs", body(slug="second")), 201)
    assert good(strait.patch(f"/v1/jobs/{other['id']}", {"slug": "third"}))["slug"] == "third"
    assert good(strait.get(f"/v1/jobs/{made['id']}"))["slug"] == "build"


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint_url": None},
        {"endpoint_url": ""},
        {"endpoint_url": "ftp://example.com/"},
        {"endpoint_url": "http://127.0.0.1/"},
        {"endpoint_url": "http://169.254.169.254/latest"},
        {"endpoint_url": "https://example.com:22/"},
        {"endpoint_url": "https://example.com/" + "x" * 2048},
        {"fallback_endpoint_url": "http://localhost:8080/"},
        {"webhook_url": "http://10.0.0.1/"},
        {"debounce_window_secs": 5, "batch_window_secs": 5},
        {"cron": "* * * *"},
        {"cron": "61 * * * *"},
        {"execution_window_cron": "nonsense"},
        {"timezone": "Mars/Olympus"},
        {"payload_schema": {"type": 5}},
        {"payload_schema": "text"},
        {"max_attempts": 0},
        {"timeout_secs": 0},
        {"max_concurrency": -1},
        {"retry_strategy": "sometimes"},
        {"retry_delays_secs": [0]},
        {"version_policy": "newest"},
        {"tags": {str(n): "x" for n in range(21)}},
        {"tags": {"k" * 65: "x"}},
        {"tags": {"k": "x" * 257}},
        {"tags": {"k": 5}},
        {"name": "n" * 256},
        {"name": ""},
        {"slug": "s" * 129},
        {"slug": ""},
        {"slug": UNKNOWN},
        {"environment_id": "nowhere"},
        {"execution_mode": "managed"},
        {"execution_mode": "teleport"},
        {"machine_preset": "huge"},
        {"retry_priority_boost": 99},
        {"rate_limit_max": 10**9, "rate_limit_window_secs": 60},
        {"run_ttl_secs": 10**12},
        {"batch_max_size": 10**6},
        {"allowed_tools": ["x"] * 300},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(strait: Strait, wrong):
    refused(strait.send("POST", "/v1/jobs", body() | wrong), 400)


def test_a_managed_job_is_refused_where_it_cannot_be_made_safe(strait: Strait, stand: Stand, monkeypatch):
    monkeypatch.setattr(sandbox, "available", lambda settings: "there is no bubblewrap here")
    asked = body(execution_mode="managed", image_uri="command: true", endpoint_url=None)
    refused(strait.send("POST", "/v1/jobs", asked), 400, "there is no bubblewrap here")


def test_another_projects_job_is_not_found(strait: Strait, stranger: Strait):
    made = good(strait.post("/v1/jobs", body()), 201)
    path = f"/v1/jobs/{made['id']}"
    refused(stranger.get(path), 404)
    refused(stranger.patch(path, {}), 404)
    refused(stranger.delete(path), 404)
    refused(stranger.post(f"{path}/clone", {"name": "x", "slug": "x"}), 404)
    refused(stranger.get(f"{path}/health"), 404)
    assert plain_status(stranger, f"{path}/versions") == 404
    refused(stranger.get(f"{path}/versions/{made['version_id']}"), 404)
    assert good(stranger.post("/v1/jobs/batch-disable", {"ids": [made["id"]]})) == {"updated": 0}


def plain_status(strait: Strait, path: str) -> int:
    return strait.stand.http.get(f"/strait{path}", headers={"authorization": f"Bearer {strait.key}"}).status_code


@pytest.mark.parametrize("wanted", [UNKNOWN, "not-an-id", "a%00b", "x" * 500])
def test_an_unknown_job_is_not_found(strait: Strait, wanted):
    refused(strait.get(f"/v1/jobs/{wanted}"), 404)
    refused(strait.delete(f"/v1/jobs/{wanted}"), 404)


def test_jobs_are_listed_newest_first_page_by_page(strait: Strait, stand: Stand):
    slugs = []
    for n in range(5):
        stand.clock.forward(seconds=n % 2)
        slugs.append(good(strait.post("/v1/jobs", body(slug=f"job-{n}")), 201)["slug"])
    first = good(strait.get("/v1/jobs", limit=2))
    assert first["has_more"] is True
    second = good(strait.get("/v1/jobs", limit=2, cursor=first["next_cursor"]))
    third = good(strait.get("/v1/jobs", limit=2, cursor=second["next_cursor"], project_id="default"))
    found = [job["slug"] for page in (first, second, third) for job in page["data"]]
    assert found == slugs[::-1]
    assert third["has_more"] is False
    assert "next_cursor" not in third


def test_a_plain_time_is_a_cursor_too(strait: Strait, stand: Stand):
    strait.job(slug="old")
    stand.clock.forward(seconds=10)
    young = strait.job(slug="young")
    found = good(strait.get("/v1/jobs", cursor=young["created_at"]))
    assert [job["slug"] for job in found["data"]] == ["old"]


@pytest.mark.parametrize("wrong", [{"limit": "0"}, {"limit": "x"}, {"limit": "-1"}, {"cursor": "yesterday"}])
def test_a_list_refuses_what_is_no_limit_and_no_cursor(strait: Strait, wrong):
    refused(strait.get("/v1/jobs", **wrong), 400)
    job = strait.job()
    refused(strait.get(f"/v1/jobs/{job['id']}/versions", **wrong), 400)


def test_jobs_are_found_by_a_tag_and_its_value(strait: Strait):
    strait.job(slug="a", tags={"team": "core"})
    strait.job(slug="b", tags={"team": "web"})
    strait.job(slug="c")
    assert [job["slug"] for job in good(strait.get("/v1/jobs", tag_key="team"))["data"]] == ["b", "a"]
    assert [job["slug"] for job in good(strait.get("/v1/jobs", tag_key="team", tag_value="core"))["data"]] == ["a"]
    assert good(strait.get("/v1/jobs", tag_key="team", limit=1))["has_more"] is True
    refused(strait.get("/v1/jobs", tag_value="core"), 400)


def test_versions_lists_superseded_snapshots_newest_first(strait: Strait, stand: Stand):
    job = good(strait.post("/v1/jobs", body(description="v1", region="fra", tags={"a": "b"})), 201)
    path = f"/v1/jobs/{job['id']}"
    ids = [job["version_id"]]
    assert good(strait.get(f"{path}/versions"))["data"] == []
    for n in (2, 3, 4):
        stand.clock.forward(seconds=1)
        ids.append(good(strait.patch(path, {"description": f"v{n}", "max_attempts": n}))["version_id"])
    assert len(set(ids)) == 4
    page = good(strait.get(f"{path}/versions"))
    assert [(one["version"], one["description"], one["version_id"]) for one in page["data"]] == [
        (3, "v3", ids[2]),
        (2, "v2", ids[1]),
        (1, "v1", ids[0]),
    ]
    assert page["data"][2]["region"] == "fra"
    first = good(strait.get(f"{path}/versions", limit=2))
    rest = good(strait.get(f"{path}/versions", limit=2, cursor=first["next_cursor"]))
    assert [one["version"] for one in first["data"] + rest["data"]] == [3, 2, 1]
    older = good(strait.get(f"{path}/versions", cursor=page["data"][1]["created_at"]))
    assert [one["version"] for one in older["data"]] == [1]


def test_a_snapshot_is_fetched_by_its_version_id(strait: Strait):
    job = good(strait.post("/v1/jobs", body(description="v1")), 201)
    path = f"/v1/jobs/{job['id']}"
    good(strait.patch(path, {"description": "v2"}))
    assert good(strait.get(f"{path}/versions/{job['version_id']}"))["description"] == "v1"
    refused(strait.get(f"{path}/versions/ver_000000000000"), 404)
    refused(strait.get(f"{path}/versions/1"), 404)


def test_a_job_is_cloned_with_all_its_settings(strait: Strait):
    job = good(strait.post("/v1/jobs", body(**EVERYTHING)), 201)
    good(strait.patch(f"/v1/jobs/{job['id']}", {}))
    clone = good(strait.post(f"/v1/jobs/{job['id']}/clone", {"name": "Copy", "slug": "copy"}), 201)
    assert shown(clone) == EVERYTHING
    assert (clone["name"], clone["slug"], clone["version"]) == ("Copy", "copy", 1)
    assert clone["id"] != job["id"]


def test_a_clone_under_a_slug_that_is_taken_is_refused(strait: Strait, stand: Stand):
    job = strait.job(slug="taken")
    reply = plain(stand, strait, "POST", f"/v1/jobs/{job['id']}/clone", {"name": "x", "slug": "taken"})
    assert reply.status_code == 409


def test_a_batch_makes_what_it_can_and_says_what_it_cannot(strait: Strait):
    asked = [body(slug="a"), body(slug="a"), body(slug="b", endpoint_url="http://127.0.0.1/"), body(slug="c")]
    made = good(strait.post("/v1/jobs/batch", {"jobs": asked}), 201)
    assert [job["slug"] for job in made["created"]] == ["a", "c"]
    assert [one["index"] for one in made["errors"]] == [1, 2]
    none = refused(strait.post("/v1/jobs/batch", {"jobs": asked[:2]}), 400, "none of the jobs was made")
    assert none["created"] == []
    assert len(none["errors"]) == 2


@pytest.mark.parametrize("asked", [[], [body(slug=f"job-{n}") for n in range(51)]], ids=["none", "51"])
def test_a_batch_holds_1_to_50_jobs(strait: Strait, asked):
    refused(strait.send("POST", "/v1/jobs/batch", {"jobs": asked}), 400)


def test_jobs_are_disabled_and_enabled_together(strait: Strait):
    ids = [strait.job()["id"] for _ in range(3)]
    assert good(strait.post("/v1/jobs/batch-disable", {"ids": [*ids[:2], UNKNOWN, "nonsense"]})) == {"updated": 2}
    assert [good(strait.get(f"/v1/jobs/{one}"))["enabled"] for one in ids] == [False, False, True]
    assert good(strait.post("/v1/jobs/batch-enable", {"ids": ids})) == {"updated": 3}
    assert all(good(strait.get(f"/v1/jobs/{one}"))["enabled"] for one in ids)
    refused(strait.post("/v1/jobs/batch-enable", {"ids": []}), 400)
    refused(strait.post("/v1/jobs/batch-enable", {"ids": ["x"] * 51}), 400)


def test_a_job_with_live_runs_is_not_deleted(strait: Strait, stand: Stand):
    job = strait.job()
    run = make_run(stand, job)
    refused(strait.delete(f"/v1/jobs/{job['id']}"), 409)
    assert run.job_id == job["id"]


def test_runs_versions_and_dependencies_go_with_their_job(strait: Strait, stand: Stand):
    job, other = strait.job(), strait.job()
    done = make_run(stand, job)
    strait.complete(strait.start(done.id))
    buried = make_run(stand, job)
    strait.fail(strait.start(buried.id))
    kept = make_run(stand, other)
    good(strait.patch(f"/v1/jobs/{job['id']}", {}))
    assert strait.delete(f"/v1/jobs/{job['id']}").status_code == 204
    while stand.store.transact(purges.step) is not None:
        pass
    left = stand.store.look(lambda tx: [row[0] for row in tx.rows("SELECT id FROM runs")])
    assert left == [kept.id]
    assert stand.store.look(lambda tx: tx.rows("SELECT 1 FROM job_versions WHERE job_id = :id", id=job["id"])) == []
    refused(strait.get(f"/v1/jobs/{job['id']}"), 404)
    good(strait.post("/v1/jobs", body(slug=job["slug"])), 201)


def test_health_counts_what_ended_in_its_window(strait: Strait, stand: Stand):
    job = strait.job()
    path = f"/v1/jobs/{job['id']}/health"
    empty = good(strait.get(path))
    assert (empty["window"], empty["total_runs"], empty["p95_duration_secs"]) == ("7d", 0, 0)
    for seconds in (1, 2, 3, 4):
        granted = strait.start(make_run(stand, job).id)
        stand.clock.forward(seconds=seconds)
        strait.complete(granted)
    strait.fail(strait.start(make_run(stand, job).id))
    found = good(strait.get(path))
    assert (found["total_runs"], found["completed_runs"], found["failed_runs"]) == (5, 4, 1)
    assert (found["success_rate"], found["health_score"]) == (0.8, 80)
    assert (found["avg_duration_secs"], found["p95_duration_secs"], found["p99_duration_secs"]) == (2.5, 4, 4)
    stand.clock.forward(hours=2)
    assert good(strait.get(path, window="1h"))["total_runs"] == 0
    assert good(strait.get(path, window="1d"))["total_runs"] == 5
    refused(strait.get(path, window="2d"), 400)


@pytest.mark.parametrize(
    ("method", "path", "json"),
    [
        ("POST", "/v1/jobs", body()),
        ("PATCH", f"/v1/jobs/{UNKNOWN}", {}),
        ("DELETE", f"/v1/jobs/{UNKNOWN}", None),
        ("POST", f"/v1/jobs/{UNKNOWN}/clone", {"name": "x", "slug": "x"}),
        ("POST", "/v1/jobs/batch", {"jobs": [body()]}),
        ("POST", "/v1/jobs/batch-enable", {"ids": [UNKNOWN]}),
    ],
)
def test_changing_jobs_needs_jobs_write(strait: Strait, method, path, json):
    reader = strait.with_scopes("jobs:read", "jobs:trigger", "runs:write")
    refused(reader.send(method, path, json) if json is not None else reader.send(method, path), 403)


def test_looking_at_jobs_needs_jobs_read(strait: Strait):
    writer = strait.with_scopes("jobs:write")
    for path in ("/v1/jobs", f"/v1/jobs/{UNKNOWN}", f"/v1/jobs/{UNKNOWN}/health", f"/v1/jobs/{UNKNOWN}/versions"):
        refused(writer.get(path), 403)


def test_a_job_made_natively_is_shown_and_changed_here(strait: Strait, stand: Stand):
    native = stand.key("jobs:write", "runs:read")
    made = native.post("/jobs", {"name": "native", "queue": "fast", "tags": ["a", "b:c"]}).json()
    job = good(strait.get(f"/v1/jobs/{made['id']}"))
    assert (job["slug"], job["endpoint_url"], job["tags"]) == (
        "native",
        "urn:runyard:executor:worker",
        {"a": "", "b": "c"},
    )
    changed = good(strait.patch(f"/v1/jobs/{made['id']}", {"description": "Seen."}))
    assert changed["description"] == "Seen."
    assert native.get(f"/jobs/{made['id']}").json()["spec"]["executor"] == "worker"


def test_the_internal_secret_acts_in_the_project_it_names(internal: Strait, stranger: Strait):
    within = internal.saying(x_project_id="other")
    made = good(within.post("/v1/jobs", body(project_id="other")), 201)
    assert good(stranger.get(f"/v1/jobs/{made['id']}")) == made
    assert good(internal.get("/v1/jobs", project_id="other"))["data"] == [made]


def test_a_change_here_leaves_as_it_was_what_it_does_not_name(strait: Strait, stand: Stand):
    native = stand.key("jobs:write", "runs:read")
    asked = {
        "name": "native",
        "tags": ["plain", "team:a"],
        "metadata": {"n": 1},
        "rate_limit": {"max": 5, "window_seconds": 0.5, "mode": "hold"},
        "timeout_seconds": None,
        "ttl_seconds": 1.5,
        "payload_schema": {"type": "object", "additionalProperties": False},
    }
    made = native_good(native.post("/jobs", asked), 201)
    good(strait.patch(f"/v1/jobs/{made['id']}", {"description": "seen", "region": "home"}))
    after = native_good(native.get("/jobs/native"))["spec"]
    assert after == made["spec"] | {"description": "seen"}
    good(strait.patch(f"/v1/jobs/{made['id']}", {"timeout_secs": 300}))
    assert native_good(native.get("/jobs/native"))["spec"] == after | {"timeout_seconds": 300}
