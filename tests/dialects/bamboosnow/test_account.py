"""Whose key it is, keys, and what keys may do (contract §2, §5)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from runyard.dialects.bamboosnow.auth import spoken
from runyard.engine.keys import BAMBOOSNOW
from tests.dialects.bamboosnow.client import Snow, good, ids, refused
from tests.support.api import good as native_good
from tests.support.stand import ADMIN, Stand
from tests.support.verbs import Json

KEYS = "/api/v1/api-keys"
REPOSITORY = {"provider": "github", "fullName": "acme/app"}


def make(snow: Snow, *, loose: bool = False, **said: Any) -> Json:
    """Make a key."""
    made: Json = good(snow.post(KEYS, {"name": "ci", **said}, loose=loose), 201)
    return made


def may(snow: Snow) -> set[str]:
    """Which of the scopes that something asks for alone the key has."""
    asked = {
        "read": snow.get("/api/v1/repositories"),
        "repositories:manage": snow.delete(f"/api/v1/repositories/repo_{'0' * 32}"),
        "admin": snow.get(KEYS),
    }
    return {scope for scope, response in asked.items() if response.status_code != 403}


def test_the_owner_of_a_key_is_its_project(snow: Snow, stranger: Snow) -> None:
    me = good(snow.get("/api/v1/users/me"))
    assert me == {**me, "email": "default@runyard.invalid", "plan": "self-hosted", "name": "test"}
    assert me["id"] == good(snow.with_scopes("read").get("/api/v1/users/me"))["id"]
    other = good(stranger.get("/api/v1/users/me"))
    assert (other["email"], other["id"] == me["id"]) == ("other@runyard.invalid", False)
    refused(snow.with_scopes("agents:run").get("/api/v1/users/me"), 403, "read")


def test_a_key_is_made_shown_once_listed_and_revoked(snow: Snow) -> None:
    made = make(snow, expiresAt="2999-01-01T00:00:00Z")
    assert re.fullmatch(r"bs_live_[A-Za-z0-9]{64}", made["key"])
    assert made["key"].startswith(made["prefix"])
    assert (made["id"][:4], made["expiresAt"], made["lastUsedAt"]) == ("key_", "2999-01-01T00:00:00Z", None)
    shown = good(snow.get(f"{KEYS}/{made['id']}"))
    assert shown == {name: value for name, value in made.items() if name != "key"}
    page = good(snow.get(KEYS))
    assert (page["total"], page["items"][0]) == (2, shown)
    fresh = snow.as_key(made["key"])
    good(fresh.get("/api/v1/repositories"))
    snow.stand.until(lambda: good(snow.get(f"{KEYS}/{made['id']}"))["lastUsedAt"] is not None)
    assert good(snow.delete(f"{KEYS}/{made['id']}"), 204) is None
    snow.stand.until(lambda: fresh.get("/api/v1/repositories").status_code == 401)
    refused(snow.get(f"{KEYS}/{made['id']}"), 404)
    refused(snow.delete(f"{KEYS}/{made['id']}"), 404)
    assert good(snow.get(KEYS))["total"] == 1


def test_keys_are_paged_newest_first_with_an_exact_total(snow: Snow) -> None:
    made = []
    for _ in range(4):
        snow.stand.clock.forward(seconds=1)
        made.append(make(snow)["id"])
    pages = [good(snow.get(KEYS, page=page, per_page=2)) for page in (1, 2, 3, 4)]
    assert [one["total"] for one in pages] == [5] * 4
    assert pages[0]["totalPages"] == 3
    assert [*ids(pages[0]["items"]), *ids(pages[1]["items"])] == made[::-1]
    assert (len(pages[2]["items"]), pages[3]["items"]) == (1, [])
    refused(snow.get(KEYS, per_page=1000), 400, "per_page")


def test_keys_of_other_projects_and_of_the_servers_admins_are_not_shown(snow: Snow, stranger: Snow) -> None:
    theirs = make(stranger)["id"]
    refused(snow.get(f"{KEYS}/{theirs}"), 404)
    refused(snow.delete(f"{KEYS}/{theirs}"), 404)
    admins = native_good(snow.stand.admin.get("/keys"))["data"]
    (bootstrap,) = [one for one in admins if "admin" in one["scopes"]]
    hidden = f"key_{bootstrap['id'].replace('-', '')}"
    refused(snow.get(f"{KEYS}/{hidden}"), 404)
    refused(snow.delete(f"{KEYS}/{hidden}"), 404)
    assert hidden not in ids(good(snow.get(KEYS))["items"])
    assert theirs not in ids(good(snow.get(KEYS))["items"])


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"expiresAt": "2001-01-01T00:00:00Z"}, "passed"),
        ({"expiresAt": "soon"}, "expiresAt"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": None}, "name"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"scopes": ["keys:manage"]}, "scopes"),
        ({"scopes": "read"}, "scopes"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(snow: Snow, said: Json, word: str) -> None:
    refused(snow.post(KEYS, {"name": "ci", **said}), 400, word)


def test_an_expiry_without_offset_is_utc_and_ends_the_key(snow: Snow) -> None:
    # The published client sends what `isoformat()` makes of any time.
    made = make(snow, expiresAt="2999-12-31T23:59:59", loose=True)
    assert made["expiresAt"] == "2999-12-31T23:59:59Z"
    snow.stand.clock.forward(hours=24 * 366 * 1000)
    refused(snow.as_key(made["key"]).get("/api/v1/repositories"), 401, "expired")


def test_what_is_not_said_may_read_write_and_run(snow: Snow) -> None:
    unsaid: list[Json] = [{}, {"scopes": None}, {"scopes": []}]
    for said in unsaid:
        key = snow.as_key(make(snow, loose=True, **said)["key"])
        assert may(key) == {"read"}
        run = snow.succeeded()
        assert key.post(f"/api/v1/runs/{run['id']}/retry").status_code != 403
        refused(key.post("/v1/agents", {"name": "a", "template": "code-reviewer"}), 403, "agents:configure")


def test_a_key_gives_no_more_than_it_has(snow: Snow) -> None:
    lesser = snow.with_scopes("keys:manage", "read")
    assert may(snow.as_key(make(lesser, scopes=["read"])["key"])) == {"read"}
    for scopes in (["write"], ["admin"], ["read", "agents:run"], None):
        refused(lesser.post(KEYS, {"name": "more", "scopes": scopes}), 403, "cannot give")
    assert may(snow.as_key(make(snow, scopes=["admin"])["key"])) == {"read", "repositories:manage", "admin"}


def test_a_key_may_end_itself(snow: Snow) -> None:
    made = make(snow, scopes=["admin"])
    own = snow.as_key(made["key"])
    good(own.delete(f"{KEYS}/{made['id']}"), 204)
    snow.stand.until(lambda: own.get(KEYS).status_code == 401)


# What keys may do (contract §2)


@pytest.mark.parametrize(
    ("scopes", "has"),
    [
        (["read"], {"read"}),
        (["write"], {"read"}),
        (["agents:run"], set()),
        (["agents:configure"], set()),
        (["repositories:manage"], {"repositories:manage"}),
        (["admin"], {"read", "repositories:manage", "admin"}),
        (["read", "repositories:manage"], {"read", "repositories:manage"}),
    ],
)
def test_write_implies_read_and_admin_everything(snow: Snow, scopes: list[str], has: set[str]) -> None:
    assert may(snow.with_scopes(*scopes)) == has


def test_a_refusal_names_the_scope_that_is_missing(snow: Snow) -> None:
    reader = snow.with_scopes("read")
    assert "repositories:manage" in refused(reader.post("/api/v1/repositories", REPOSITORY), 403)["message"]
    assert "admin" in refused(reader.get(KEYS), 403)["message"]
    refused(snow.with_scopes("agents:run").get("/api/v1/repositories"), 403, "read")


def test_the_prefix_of_a_key_grants_nothing_and_takes_nothing(snow: Snow) -> None:
    for secret in ("bs_live_" + "0" * 64, "bs_test_" + "0" * 64, "bs_live_", "nonsense-nonsense"):
        refused(snow.as_key(secret).get("/api/v1/users/me"), 401)
    native = snow.stand.key("runs:read")
    assert native.key is not None
    assert native.key.startswith("ry_")
    good(snow.as_key(native.key).get("/api/v1/users/me"))


@pytest.mark.parametrize(
    ("dialect", "scopes", "has"),
    [
        ("native", ["runs:read"], {"read"}),
        ("native", ["runs:write"], {"read"}),
        ("native", ["jobs:write"], {"repositories:manage"}),
        ("native", ["task:write", "runs:claim"], set()),
        ("strait", ["runs:read"], {"read"}),
        ("strait", ["jobs:write"], {"repositories:manage"}),
        ("strait", ["api-keys:manage"], set()),
        ("strait", [], {"read", "repositories:manage"}),
        ("strait", ["*"], {"read", "repositories:manage"}),
        ("posthog", ["task:read"], set()),
    ],
)
def test_a_key_of_another_dialect_may_do_here_what_its_scopes_mean(
    snow: Snow, dialect: str, scopes: list[str], has: set[str]
) -> None:
    made = native_good(snow.stand.admin.post("/keys", {"name": "other", "scopes": scopes, "dialect": dialect}), 201)
    assert may(snow.as_key(made["key"])) == has


def test_the_servers_admin_acts_in_the_project_it_names(stand: Stand, snow: Snow, stranger: Snow) -> None:
    admin = snow.as_key(ADMIN)
    assert may(admin) == {"read", "repositories:manage", "admin"}
    made = good(stranger.post("/api/v1/repositories", REPOSITORY), 201)
    path = f"/api/v1/repositories/{made['id']}"
    refused(admin.get(path), 404)
    assert good(admin.saying(x_runyard_project="other").get(path))["fullName"] == "acme/app"
    refused(snow.saying(x_runyard_project="other").get(path), 404)
    inside = make(admin.saying(x_runyard_project="other"))
    good(snow.as_key(inside["key"]).get(path))


def test_no_scopes_of_this_dialect_are_lost_on_the_way() -> None:
    assert spoken(sorted(BAMBOOSNOW), "bamboosnow") >= BAMBOOSNOW


def test_bodies_that_are_empty_count_as_none(snow: Snow) -> None:
    headers = {"content-type": "application/json", "accept": "application/json"}
    made = good(snow.post("/api/v1/repositories", REPOSITORY), 201)
    good(snow.get("/api/v1/users/me"))
    for method, path, status in (
        ("GET", "/api/v1/users/me", 200),
        ("GET", KEYS, 200),
        ("DELETE", f"/api/v1/repositories/{made['id']}", 204),
    ):
        assert snow.send(method, path, headers=headers, content=b"").status_code == status
    refused(snow.send("POST", KEYS, headers=headers, content=b""), 400, "body")
