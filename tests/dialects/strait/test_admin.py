"""API keys, projects and readiness over HTTP (contract §24)."""

from __future__ import annotations

import re

import pytest

from runyard.engine import projects, purges
from tests.dialects.strait.client import Strait, good, refused
from tests.support.stand import Stand

UNKNOWN = "0190a5a0-0000-7000-8000-000000000000"
ALL = ["*", "jobs:read", "jobs:write", "jobs:trigger", "runs:read", "runs:write", "workflows:read", "workflows:write"]
ALL += ["workflows:trigger", "secrets:read", "secrets:write", "webhooks:read", "webhooks:write", "api-keys:manage"]
ALL += ["rbac:manage", "stats:read", "projects:read", "projects:write", "projects:manage"]


def make(strait: Strait, **fields):
    return good(strait.post("/v1/api-keys", {"project_id": "default", "name": "robot"} | fields), 201)


def as_made(strait: Strait, made) -> Strait:
    return strait.as_key(made["key"])


def test_a_key_is_shown_once_and_works(strait: Strait):
    made = make(strait, scopes=["jobs:read"])
    assert re.fullmatch(r"strait_[0-9a-f]{64}", made["key"])
    assert made["key_prefix"] == made["key"][:12]
    key = as_made(strait, made)
    good(key.get("/v1/jobs"))
    refused(key.get("/v1/runs"), 403)
    listed = good(strait.get("/v1/api-keys"))
    assert made["key"] not in str(listed)
    (found,) = [one for one in listed["data"] if one["id"] == made["id"]]
    assert (found["scopes"], found["project_id"], found["key_prefix"]) == (["jobs:read"], "default", made["key_prefix"])


@pytest.mark.parametrize("scopes", [[], None], ids=["empty", "absent"])
def test_no_scopes_are_full_access(strait: Strait, scopes):
    made = make(strait, **({} if scopes is None else {"scopes": scopes}))
    assert made["scopes"] == []
    key = as_made(strait, made)
    good(key.get("/v1/jobs"))
    good(key.get("/v1/runs"))
    good(key.get("/v1/api-keys"))


def test_every_scope_of_the_contract_is_taken_as_given(strait: Strait):
    assert sorted(make(strait, scopes=ALL)["scopes"]) == sorted(ALL)


@pytest.mark.parametrize("scopes", [[], ["*"], ["api-keys:manage", "runs:write"]])
def test_a_key_makes_no_key_that_may_do_more_than_itself(strait: Strait, scopes):
    manager = as_made(strait, make(strait, scopes=["api-keys:manage", "jobs:read"]))
    body = {"project_id": "default", "name": "robot", "scopes": scopes}
    assert "a key cannot give what it has not" in refused(manager.post("/v1/api-keys", body), 403)["message"]
    good(manager.post("/v1/api-keys", body | {"scopes": ["jobs:read"]}), 201)


def test_a_key_rotates_no_key_that_may_do_more_than_itself(strait: Strait):
    stronger = make(strait, scopes=["runs:write"])
    manager = as_made(strait, make(strait, scopes=["api-keys:manage"]))
    refused(manager.post(f"/v1/api-keys/{stronger['id']}/rotate"), 403)
    good(strait.post(f"/v1/api-keys/{stronger['id']}/rotate"), 201)


@pytest.mark.parametrize("scope", ["runs:claim", "runs:write", "task:write"])
def test_a_key_rotates_no_native_key_that_may_do_more_than_itself(strait: Strait, stand: Stand, scope: str):
    stand.key(scope, name="native")
    (stronger,) = [one for one in good(strait.get("/v1/api-keys"))["data"] if one["name"] == "native"]
    manager = as_made(strait, make(strait, scopes=["api-keys:manage"]))
    refused(manager.post(f"/v1/api-keys/{stronger['id']}/rotate"), 403)
    good(strait.post(f"/v1/api-keys/{stronger['id']}/rotate"), 201)


def test_every_scope_by_name_gives_no_key_that_may_do_everything(strait: Strait):
    named = as_made(strait, make(strait, scopes=[one for one in ALL if one != "*"]))
    body = {"project_id": "default", "name": "robot", "scopes": ["*"]}
    assert "runs:claim" in refused(named.post("/v1/api-keys", body), 403)["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": ["admin"]},
        {"scopes": ["runs:claim"]},
        {"scopes": ["everything"]},
        {"expires_in_days": 0},
        {"expires_in_days": 10**9},
        {"name": ""},
        {"name": 5},
    ],
    ids=str,
)
def test_a_key_that_makes_no_sense_is_refused(strait: Strait, wrong):
    refused(strait.post("/v1/api-keys", {"project_id": "default", "name": "robot"} | wrong), 400)


def test_a_key_ends_after_its_days(strait: Strait, stand: Stand):
    key = as_made(strait, make(strait, expires_in_days=2))
    good(key.get("/v1/jobs"))
    stand.clock.forward(hours=49)
    refused(key.get("/v1/jobs"), 401)


def test_a_revoked_key_is_refused(strait: Strait):
    made = make(strait)
    assert good(strait.delete(f"/v1/api-keys/{made['id']}")) == {"status": "revoked"}
    refused(as_made(strait, made).get("/v1/jobs"), 401)
    assert good(strait.delete(f"/v1/api-keys/{made['id']}")) == {"status": "revoked"}


def test_a_rotated_key_works_until_its_grace_is_over(strait: Strait, stand: Stand):
    made = make(strait, scopes=["jobs:read"])
    done = good(strait.post(f"/v1/api-keys/{made['id']}/rotate", {"grace_period_minutes": 10}), 201)
    assert (done["old_key_id"], done["name"], done["scopes"]) == (made["id"], "robot", ["jobs:read"])
    assert done["expires_at"] is None
    old, new = as_made(strait, made), as_made(strait, done)
    stand.clock.forward(minutes=9)
    good(old.get("/v1/jobs"))
    stand.clock.forward(minutes=2)
    refused(old.get("/v1/jobs"), 401)
    good(new.get("/v1/jobs"))
    listed = {one["id"]: one for one in good(strait.get("/v1/api-keys"))["data"]}
    assert listed[made["id"]]["replaced_by_key_id"] == done["new_key_id"]
    assert listed[made["id"]]["grace_expires_at"] == done["grace_expires_at"]
    refused(strait.post(f"/v1/api-keys/{made['id']}/rotate"), 409)


def test_the_grace_of_a_rotation_is_an_hour_unless_it_is_named(strait: Strait, stand: Stand):
    made = make(strait)
    done = good(strait.post(f"/v1/api-keys/{made['id']}/rotate"), 201)
    stand.clock.forward(minutes=59)
    good(as_made(strait, made).get("/v1/jobs"))
    stand.clock.forward(minutes=2)
    refused(as_made(strait, made).get("/v1/jobs"), 401)
    assert done["grace_expires_at"] > done["created_at"]


@pytest.mark.parametrize("minutes", [-1, 10_081, "x"])
def test_a_grace_longer_than_a_week_is_refused(strait: Strait, minutes):
    made = make(strait)
    refused(strait.post(f"/v1/api-keys/{made['id']}/rotate", {"grace_period_minutes": minutes}), 400)


def test_a_rotated_key_never_outlives_its_own_end(strait: Strait, stand: Stand):
    made = make(strait, expires_in_days=1)
    stand.clock.forward(hours=23.5)
    done = good(strait.post(f"/v1/api-keys/{made['id']}/rotate", {"grace_period_minutes": 600}), 201)
    assert done["grace_expires_at"] == made["expires_at"]
    assert done["expires_at"] > made["expires_at"]


def test_a_revoked_key_is_not_rotated(strait: Strait):
    made = make(strait)
    good(strait.delete(f"/v1/api-keys/{made['id']}"))
    refused(strait.post(f"/v1/api-keys/{made['id']}/rotate"), 409)


def test_another_projects_key_is_not_found(strait: Strait, stranger: Strait):
    made = make(strait)
    refused(stranger.delete(f"/v1/api-keys/{made['id']}"), 404)
    refused(stranger.post(f"/v1/api-keys/{made['id']}/rotate"), 404)
    assert made["id"] not in [one["id"] for one in good(stranger.get("/v1/api-keys"))["data"]]
    refused(strait.delete(f"/v1/api-keys/{UNKNOWN}"), 404)
    refused(strait.delete("/v1/api-keys/a%00b"), 404)


def test_a_key_makes_keys_of_its_own_project_only(strait: Strait, stranger: Strait, internal: Strait):
    refused(strait.post("/v1/api-keys", {"project_id": "other", "name": "x"}), 403)
    made = good(internal.post("/v1/api-keys", {"project_id": "other", "name": "x"}), 201)
    assert good(as_made(strait, made).get("/v1/projects/other"))["id"] == "other"


def test_keys_are_listed_newest_first_page_by_page(strait: Strait):
    ids = [make(strait)["id"] for _ in range(4)]
    first = good(strait.get("/v1/api-keys", limit=3))
    rest = good(strait.get("/v1/api-keys", limit=3, cursor=first["next_cursor"]))
    found = [one["id"] for one in first["data"] + rest["data"]]
    assert found[:4] == ids[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_an_admins_key_is_neither_shown_nor_replaced_nor_ended_by_other_keys(strait: Strait, internal: Strait):
    listed = good(internal.get("/v1/api-keys"))["data"]
    (admin,) = [one for one in listed if one["name"] == "bootstrap"]
    assert admin["scopes"] == ["*"]
    assert admin["id"] not in [one["id"] for one in good(strait.get("/v1/api-keys"))["data"]]
    refused(strait.post(f"/v1/api-keys/{admin['id']}/rotate"), 404)
    refused(strait.delete(f"/v1/api-keys/{admin['id']}"), 404)


def test_a_key_of_another_dialect_is_shown_in_words_of_this_one(strait: Strait, stand: Stand):
    stand.key("runs:read", name="native")
    (found,) = [one for one in good(strait.get("/v1/api-keys"))["data"] if one["name"] == "native"]
    assert found["scopes"] == ["jobs:read", "projects:read", "runs:read", "stats:read"]


def test_keys_need_api_keys_manage(strait: Strait):
    key = strait.with_scopes("jobs:write", "runs:write", "projects:manage")
    refused(key.get("/v1/api-keys"), 403)
    refused(key.post("/v1/api-keys", {"project_id": "default", "name": "x"}), 403)
    refused(key.delete(f"/v1/api-keys/{UNKNOWN}"), 403)
    refused(key.post(f"/v1/api-keys/{UNKNOWN}/rotate"), 403)


def test_a_key_with_all_scopes_does_everything_natively_but_administer(strait: Strait, stand: Stand):
    native = stand.admin.as_key(make(strait, scopes=["*"])["key"])
    assert native.get("/runs").status_code == 200
    assert native.post("/jobs", {"name": "x"}).status_code == 201
    assert native.get("/keys").status_code == 403
    narrow = stand.admin.as_key(make(strait, scopes=["jobs:read"])["key"])
    assert narrow.get("/runs").status_code == 403


# Projects


def test_only_the_internal_secret_makes_and_lists_projects(strait: Strait, internal: Strait):
    asked = {"id": "acme", "org_id": "org-1", "name": "Acme"}
    refused(strait.post("/v1/projects", asked), 403)
    refused(strait.get("/v1/projects", org_id="org-1"), 403)
    made = good(internal.post("/v1/projects", asked), 201)
    assert (made["id"], made["org_id"], made["name"]) == ("acme", "org-1", "Acme")
    good(internal.post("/v1/projects", {"id": "beta", "org_id": "org-2", "name": "Beta"}), 201)
    assert good(internal.get("/v1/projects", org_id="org-1")) == [made]
    refused(internal.get("/v1/projects"), 400)
    assert good(internal.get("/v1/projects/acme")) == made


def test_a_project_id_is_taken_once(internal: Strait):
    asked = {"id": "acme", "org_id": "org-1", "name": "Acme"}
    good(internal.post("/v1/projects", asked), 201)
    refused(internal.post("/v1/projects", asked), 400, "already")


@pytest.mark.parametrize(
    "wrong", [{"id": ""}, {"id": "a b"}, {"id": "12"}, {"name": "x"}, {"org_id": ""}, {"id": "a" * 129}], ids=str
)
def test_a_project_that_makes_no_sense_is_refused(internal: Strait, wrong):
    refused(internal.post("/v1/projects", {"id": "acme", "org_id": "org-1", "name": "Acme"} | wrong), 400)


def test_a_key_sees_its_own_project_only(strait: Strait, stranger: Strait):
    assert good(strait.get("/v1/projects/default"))["id"] == "default"
    refused(strait.get("/v1/projects/other"), 404)
    refused(strait.delete("/v1/projects/other"), 404)
    refused(strait.get("/v1/projects/nowhere"), 404)
    refused(strait.with_scopes("jobs:read").get("/v1/projects/default"), 403)
    refused(strait.with_scopes("projects:read").delete("/v1/projects/default"), 403)


def number_of_other(stand: Stand) -> int:
    return stand.store.look(projects.find, "other").id


def test_a_deleted_project_is_gone_with_all_that_belongs_to_it(internal: Strait, stranger: Strait, stand: Stand):
    job = stranger.job(project_id="other", cron="* * * * *")
    number = number_of_other(stand)
    assert stranger.delete("/v1/projects/other").status_code == 204
    # What is known of a key is forgotten a moment after the commit that ended it.
    stand.until(lambda: stranger.get(f"/v1/jobs/{job['id']}").status_code != 200)
    refused(stranger.get(f"/v1/jobs/{job['id']}"), 401)
    refused(internal.get("/v1/projects/other"), 404)
    while stand.store.transact(purges.step) is not None:
        pass
    for table in ("jobs", "schedules", "api_keys", "events", "purges"):
        query = f"SELECT 1 FROM {table} WHERE project_id = :n"
        rows = stand.store.look(lambda tx, query=query: tx.rows(query, n=number))  # type: ignore[misc]
        assert rows == [], table
    # The id is free again, and the new project is another one.
    good(internal.post("/v1/projects", {"id": "other", "org_id": "o", "name": "Other"}), 201)
    assert number_of_other(stand) != number


def test_a_project_with_live_runs_and_the_default_one_are_not_deleted(internal: Strait, stand: Stand):
    number = stand.project("busy")
    run = stand.admin.within("busy").run()
    headers = internal.headers
    assert stand.http.delete("/strait/v1/projects/busy", headers=headers).status_code == 409
    assert stand.http.delete("/strait/v1/projects/default", headers=headers).status_code == 409
    assert stand.admin.within(number).see(run)["state"] == "queued"


# Readiness


def test_the_server_is_alive_and_ready_without_a_key(strait: Strait):
    nobody = strait.as_key(None)
    assert good(nobody.get("/health")) == {"status": "ok"}
    assert good(nobody.get("/health/ready")) == {"status": "ready"}


def test_it_is_not_ready_while_the_store_does_not_answer(strait: Strait, stand: Stand, monkeypatch):
    async def broken(*args, **kwargs):
        raise OSError("no disk")

    monkeypatch.setattr(stand.store, "read", broken)
    refused(strait.as_key(None).get("/health/ready"), 503)
    assert good(strait.as_key(None).get("/health")) == {"status": "ok"}
