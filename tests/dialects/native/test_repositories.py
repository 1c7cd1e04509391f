"""Repositories in the native API, and what came through their hooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from runyard.web.github import signature
from tests.support.api import Api, good, refused
from tests.support.stand import Stand
from tests.support.verbs import Json
from tests.web.test_github import PULL


def connect(api: Api, **said: object) -> Json:
    """Connect the key's project to a repository."""
    made: Json = good(api.post("/repositories", {"provider": "github", "full_name": "acme/app", **said}), 201)
    return made


@pytest.fixture
def root(stand: Stand, tmp_path: Path) -> Iterator[Path]:
    """A folder that the server may read."""
    # The server of all tests has none; its settings are frozen for everybody else.
    msgspec.structs.force_setattr(stand.server.settings, "review_roots", (str(tmp_path),))
    yield tmp_path
    msgspec.structs.force_setattr(stand.server.settings, "review_roots", ())


def test_a_repository_is_connected_changed_and_disconnected(api: Api) -> None:
    made = connect(api, description="An app", default_branch="trunk")
    path = f"/repositories/{made['id']}"
    assert made["url"] == "https://github.com/acme/app.git"
    assert (made["hook"], made["synced_at"], made["stack"]) == (False, None, {})
    assert good(api.get(path)) == made
    changed = good(api.patch(path, {"full_name": "acme/new", "description": None, "private": True}))
    assert (changed["url"], changed["description"], changed["private"], changed["default_branch"]) == (
        "https://github.com/acme/new.git",
        None,
        True,
        "trunk",
    )
    connect(api)
    refused(api.patch(path, {"full_name": "acme/app"}), 409, "already_exists")
    refused(api.post("/repositories", {"provider": "github", "full_name": "acme/app"}), 409, "already_exists")
    refused(api.patch(path, {"path": "/tmp"}), 400)
    refused(api.patch(path, {"url": "https://me:x@example.com/a.git"}), 400)
    good(api.delete(path), 204)
    refused(api.get(path), 404)
    refused(api.patch(path, {}), 404)


def test_a_local_repository_is_looked_at_again_when_its_path_is_said(api: Api, root: Path) -> None:
    for name, file in (("one", "go.mod"), ("two", "Cargo.toml")):
        (root / name).mkdir()
        (root / name / file).write_text("")
    made = connect(api, provider="local", path=str(root / "one"))
    assert (made["path"], made["language"], made["url"]) == (str(root / "one"), "Go", None)
    path = f"/repositories/{made['id']}"
    assert good(api.patch(path, {"path": str(root / "two")}))["language"] == "Rust"
    assert "outside" in refused(api.patch(path, {"path": "/"}), 400)["detail"]
    assert "outside" in refused(api.post("/repositories", {**made, "path": "/etc", "full_name": "a/b"}), 400)["detail"]
    refused(api.patch(path, {"url": "https://example.com/a.git"}), 400)


def test_a_list_goes_on_where_it_ended(api: Api) -> None:
    for number in range(5):
        connect(api, full_name=f"acme/app-{number}")
    pages = api.pages("/repositories", limit=2, search="APP-")
    assert [[one["full_name"][-1] for one in page] for page in pages] == [["4", "3"], ["2", "1"], ["0"]]
    assert api.listed("/repositories", provider="gitlab") == []


def test_the_hook_of_a_repository_is_opened_used_and_closed(stand: Stand, api: Api) -> None:
    made = connect(api)
    path = f"/repositories/{made['id']}"
    hook = good(api.post(f"{path}/hook"), 201)
    assert hook == {
        "path": f"/runyard/v1/hooks/github/{made['id']}",
        "secret": hook["secret"],
        "content_type": "application/json",
        "events": ["push", "pull_request"],
    }
    assert good(api.get(path))["hook"] is True
    assert hook["secret"] not in api.get(path).text
    body = {"name": "reviewer", "repository_id": made["id"], "template": "code-reviewer"}
    agent = good(api.post("/agents", body), 201)["id"]
    content = json.dumps(PULL).encode()
    headers = {
        "x-github-event": "pull_request",
        "x-github-delivery": "0b989ba4",
        "x-hub-signature-256": signature(hook["secret"], content),
    }
    reply = good(stand.http.post(hook["path"], content=content, headers=headers))
    assert reply == {"outcome": "runs", "reason": None, "runs": reply["runs"], "duplicate": False}
    assert api.see(reply["runs"][0])["trigger"] == "pull_request"
    (delivery,) = api.listed(f"{path}/deliveries")
    assert delivery["runs"] == [{"run_id": reply["runs"][0], "agent_id": agent}]
    assert (delivery["delivery"], delivery["event"], delivery["action"]) == ("0b989ba4", "pull_request", "opened")
    assert (delivery["outcome"], delivery["refused"], delivery["left_out"]) == ("runs", [], 0)
    good(api.delete(f"{path}/hook"), 204)
    assert good(api.get(path))["hook"] is False
    assert stand.http.post(hook["path"], content=content, headers=headers).status_code == 401


def test_deliveries_are_listed_newest_first_page_by_page(stand: Stand, api: Api) -> None:
    made = connect(api)
    hook = good(api.post(f"/repositories/{made['id']}/hook"), 201)
    for number in range(5):
        headers = {
            "x-github-event": "ping",
            "x-github-delivery": f"d{number}",
            "x-hub-signature-256": signature(hook["secret"], b"{}"),
        }
        good(stand.http.post(hook["path"], content=b"{}", headers=headers))
    pages = api.pages(f"/repositories/{made['id']}/deliveries", limit=2)
    assert [[one["delivery"] for one in page] for page in pages] == [["d4", "d3"], ["d2", "d1"], ["d0"]]


def test_what_is_done_to_a_repository_is_journaled_without_its_secret(api: Api, admin: Api) -> None:
    made = connect(api)
    secret = good(api.post(f"/repositories/{made['id']}/hook"), 201)["secret"]
    good(api.delete(f"/repositories/{made['id']}"), 204)
    events = admin.listed("/events")
    told = [one["type"] for one in events if one["data"].get("repository_id") == made["id"]]
    assert sorted(told) == ["repository.connected", "repository.disconnected", "repository.secret_rotated"]
    assert secret not in json.dumps(events)
