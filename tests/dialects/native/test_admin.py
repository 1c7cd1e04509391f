"""Projects, keys and jobs over HTTP, and the header with which an admin key goes about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.api import Api, good, ids, refused
from tests.support.stand import ADMIN, Stand
from tests.support.verbs import Json


def soon(stand: Stand, **time: float) -> str:
    """A time from the test's clock on."""
    return (datetime.fromtimestamp(stand.clock.now() / 1e6, UTC) + timedelta(**time)).isoformat()


def test_a_project_is_made_found_and_listed(admin: Api) -> None:
    made = good(admin.post("/projects", {"slug": "red", "name": "Red"}), 201)
    assert (made["slug"], made["name"]) == ("red", "Red")
    assert good(admin.get("/projects/red")) == made
    assert good(admin.get(f"/projects/{made['number']}")) == made
    assert [one["slug"] for one in admin.listed("/projects", limit=1)] == ["red", "default"]
    refused(admin.post("/projects", {"slug": "red"}), 409, "already_exists")
    refused(admin.post("/projects", {"slug": "default"}), 409, "already_exists")


@pytest.mark.parametrize("slug", ["", "-a", "a b", "17", "é", "a" * 129, "a\u0000", "../x"])
def test_a_slug_that_cannot_be_one_is_refused(admin: Api, slug: str) -> None:
    refused(admin.post("/projects", {"slug": slug}), 400, "invalid")


def test_an_ordinary_key_sees_its_own_project_alone(stand: Stand, api: Api) -> None:
    other = stand.project("other")
    assert [one["slug"] for one in api.listed("/projects")] == ["default"]
    refused(api.get("/projects/other"), 404, "not_found")
    refused(api.get(f"/projects/{other}"), 404, "not_found")
    for project in (other, "other", "none"):
        refused(api.within(project).get("/runs"), 404, "not_found")
    assert good(api.within("default").get("/runs"))["data"] == []


def test_an_admin_key_acts_where_it_says(stand: Stand, admin: Api) -> None:
    number = stand.project("other")
    run = admin.within("other").run()
    assert run["project"] == "other"
    assert ids(admin.within(number).listed("/runs")) == [run["id"]]
    assert admin.listed("/runs") == []
    refused(admin.get(f"/runs/{run['id']}"), 404, "not_found")
    for wrong in ("none", "999999", "", "a" * 500, "9" * 40):
        response = admin.send("GET", "/runs", headers={"x-runyard-project": wrong})
        refused(response, 404, "not_found")


def test_a_key_is_shown_once_and_kept_as_a_hash(stand: Stand, admin: Api) -> None:
    made = good(admin.post("/keys", {"name": "worker", "scopes": ["runs:claim"]}), 201)
    assert made["key"].startswith("ry_")
    assert made["key"].startswith(made["prefix"])
    shown = good(admin.get(f"/keys/{made['id']}"))
    assert "key" not in shown
    listed = admin.listed("/keys", limit=1)
    assert shown in listed
    assert all("key" not in one for one in listed)
    stand.until(lambda: not stand.server.keyring._touching)
    everything = stand.store.look(lambda tx: tx.rows("SELECT * FROM api_keys"))
    assert all(made["key"] not in str(row) and ADMIN not in str(row) for row in everything)
    events = str(admin.listed("/events"))
    assert "key.created" in events
    assert made["key"] not in events


def test_a_key_is_never_in_a_stored_answer(stand: Stand, admin: Api) -> None:
    for _ in range(2):
        admin_key = {"name": "worker", "scopes": ["runs:claim"]}
        response = admin.http.post(
            "/runyard/v1/keys", json=admin_key, headers={"authorization": f"Bearer {ADMIN}", "idempotency-key": "k"}
        )
        assert response.status_code == 201
    assert stand.store.look(lambda tx: tx.rows("SELECT * FROM replies")) == []


@pytest.mark.parametrize(
    ("dialect", "prefix"), [("native", "ry_"), ("strait", "strait_"), ("bamboosnow", "bs_live_"), ("agh", "ry_")]
)
def test_a_key_is_minted_in_the_form_of_its_system(admin: Api, dialect: str, prefix: str) -> None:
    made = good(admin.post("/keys", {"name": "n", "scopes": ["runs:read"], "dialect": dialect}), 201)
    assert made["key"].startswith(prefix)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"name": "n", "scopes": []}, 400),
        ({"name": "n", "scopes": ["everything"]}, 400),
        ({"name": "", "scopes": ["admin"]}, 400),
        ({"scopes": ["admin"]}, 400),
        ({"name": "n", "scopes": ["admin"], "dialect": "klingon"}, 400),
        ({"name": "n", "scopes": ["admin"], "expires_at": "2000-01-01T00:00:00Z"}, 400),
        ({"name": "n", "scopes": ["admin"], "project": "none"}, 404),
        ({"name": "n", "scopes": ["admin"], "project": 99999999999999999999999}, 404),
        ({"name": "n", "scopes": ["admin"], "project": True}, 400),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(admin: Api, asked: Json, status: int) -> None:
    refused(admin.post("/keys", asked), status)


def test_a_revoked_key_opens_nothing_from_that_moment(stand: Stand, admin: Api) -> None:
    made = good(admin.post("/keys", {"name": "n", "scopes": ["runs:read"]}), 201)
    holder = admin.as_key(made["key"])
    good(holder.get("/runs"))
    assert good(admin.delete(f"/keys/{made['id']}"))["revoked_at"] is not None
    stand.until(lambda: holder.get("/runs").status_code == 401)
    assert "revoked" in refused(holder.get("/runs"), 401, "unauthorized")["detail"]
    assert good(admin.delete(f"/keys/{made['id']}"))["revoked_at"] is not None


def test_an_expired_key_opens_nothing(stand: Stand, admin: Api) -> None:
    asked = {"name": "n", "scopes": ["runs:read"], "expires_at": soon(stand, seconds=60)}
    holder = admin.as_key(good(admin.post("/keys", asked), 201)["key"])
    good(holder.get("/runs"))
    stand.clock.forward(seconds=60)
    assert "expired" in refused(holder.get("/runs"), 401, "unauthorized")["detail"]


def test_a_key_tells_what_it_may_do(stand: Stand) -> None:
    holder = stand.key("runs:claim", name="worker")
    told = good(holder.get("/keys/self"))
    assert (told["name"], told["scopes"], told["project"]) == ("worker", ["runs:claim"], "default")
    refused(holder.get("/keys"), 403, "forbidden")
    refused(holder.get(f"/keys/{told['id']}"), 403, "forbidden")


def test_an_admin_key_cannot_shut_itself_out(admin: Api) -> None:
    own = good(admin.get("/keys/self"))
    refused(admin.delete(f"/keys/{own['id']}"), 403, "forbidden")
    good(admin.get("/runs"))


def test_a_key_belongs_to_the_project_it_was_made_for(stand: Stand, admin: Api) -> None:
    stand.project("other")
    for made in (
        admin.post("/keys", {"name": "n", "scopes": ["runs:write"], "project": "other"}),
        admin.within("other").post("/keys", {"name": "n", "scopes": ["runs:write"]}),
    ):
        key = good(made, 201)
        assert key["project"] == "other"
        assert admin.as_key(key["key"]).run()["project"] == "other"


def test_a_job_is_made_changed_and_versioned(api: Api) -> None:
    made = good(api.post("/jobs", {"name": "mail", "queue": "q", "retry": {"max_attempts": 2}}), 201)
    assert (made["version"], made["enabled"], made["spec"]["queue"]) == (1, True, "q")
    changed = good(api.patch("/jobs/mail", {"queue": "r", "retry": {"jitter": 0.5}}))
    assert (changed["version"], changed["spec"]["queue"]) == (2, "r")
    assert (changed["spec"]["retry"]["max_attempts"], changed["spec"]["retry"]["jitter"]) == (2, 0.5)
    off = good(api.patch(f"/jobs/{made['id']}", {"enabled": False}))
    assert (off["version"], off["enabled"]) == (2, False)
    assert [one["version"] for one in api.listed("/jobs/mail/versions", limit=1)] == [2, 1]
    assert good(api.get("/jobs/mail")) == good(api.get(f"/jobs/{made['id']}")) == off
    refused(api.post("/runs", {"job": "mail"}), 409, "conflict")
    refused(api.post("/jobs", {"name": "mail"}), 409, "already_exists")


def test_a_definition_can_be_sent_back_as_it_came(api: Api) -> None:
    spec = {
        "description": "d",
        "queue": "q",
        "executor": "e",
        "capabilities": ["gpu"],
        "priority": 3,
        "retry": {"max_attempts": 4, "backoff": "custom", "delays_seconds": [1, 2], "non_retryable": ["fatal"]},
        "timeout_seconds": 10,
        "heartbeat_seconds": 5,
        "lease_seconds": 30,
        "ttl_seconds": 60,
        "concurrency": {"max": 3, "max_per_key": 1},
        "rate_limit": {"max": 5, "window_seconds": 60, "mode": "hold"},
        "tags": {"a": "b"},
        "metadata": {"m": [1]},
        "payload_schema": {"type": "object"},
        "output_schema": False,
        "idempotency_ttl_seconds": None,
    }
    made = good(api.post("/jobs", {"name": "full", **spec}), 201)
    assert spec.items() <= {**made["spec"], "retry": spec["retry"]}.items()
    again = good(api.post("/jobs", {"name": "again", **made["spec"]}), 201)
    assert again["spec"] == made["spec"]
    same = good(api.patch("/jobs/full", made["spec"]))
    assert same["spec"] == made["spec"]


def test_a_job_with_live_runs_is_not_deleted(api: Api) -> None:
    good(api.post("/jobs", {"name": "mail"}), 201)
    run = api.run(job="mail")
    refused(api.delete("/jobs/mail"), 409, "conflict")
    good(api.post(f"/runs/{run['id']}/cancel"))
    assert good(api.delete("/jobs/mail"), 204) is None
    refused(api.get("/jobs/mail"), 404, "not_found")
    assert api.see(run)["job"] == "mail"


@pytest.mark.parametrize(
    "job",
    [
        {"name": ""},
        {"name": "n" * 129},
        {"name": "a\u0000"},
        {},
        {"name": "n", "payload_schema": {"type": "nonsense"}},
        {"name": "n", "payload_schema": {"$ref": "file:///etc/passwd"}},
        {"name": "n", "rate_limit": {"max": 0, "window_seconds": 1}},
        {"name": "n", "rate_limit": {"max": 1, "window_seconds": 0}},
        {"name": "n", "concurrency": {"max": 0}},
        {"name": "n", "timeout_seconds": 1e300},
    ],
)
def test_a_job_that_makes_no_sense_is_refused(api: Api, job: Json) -> None:
    refused(api.post("/jobs", job), 400, "invalid")
