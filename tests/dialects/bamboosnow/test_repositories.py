"""Repositories as the SDK connects to them (contract §5, §6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.dialects.bamboosnow.client import Snow, good, ids, refused
from tests.support.stand import Stand
from tests.support.verbs import Json


def connect(snow: Snow, full_name: str = "acme/app", provider: str = "github") -> Json:
    """Connect the key's project to a repository."""
    made: Json = good(snow.post("/api/v1/repositories", {"provider": provider, "fullName": full_name}), 201)
    return made


def test_a_repository_is_connected_shown_listed_and_disconnected(snow: Snow) -> None:
    made = connect(snow)
    assert made["id"].startswith("repo_")
    assert {name: made[name] for name in ("provider", "fullName", "owner", "name", "defaultBranch", "isPrivate")} == {
        "provider": "github",
        "fullName": "acme/app",
        "owner": "acme",
        "name": "app",
        "defaultBranch": "main",
        "isPrivate": False,
    }
    assert (made["lastSyncedAt"], made["detectedStack"], made["language"]) == (None, None, None)
    path = f"/api/v1/repositories/{made['id']}"
    assert good(snow.get(path)) == made
    assert ids(good(snow.get("/api/v1/repositories"))["items"]) == [made["id"]]
    assert good(snow.delete(path), 204) is None
    refused(snow.get(path), 404)
    refused(snow.delete(path), 404)
    assert good(snow.get("/api/v1/repositories")) == {
        "items": [],
        "total": 0,
        "page": 1,
        "perPage": 20,
        "totalPages": 0,
    }


def test_a_repository_is_connected_once(snow: Snow, stranger: Snow) -> None:
    first = connect(snow)
    refused(snow.post("/api/v1/repositories", {"provider": "github", "fullName": "acme/app"}), 409, "acme/app")
    assert connect(stranger)["id"] != first["id"]
    good(snow.delete(f"/api/v1/repositories/{first['id']}"), 204)
    assert connect(snow)["id"] != first["id"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"provider": "svn", "fullName": "a/b"}, "github, gitlab, bitbucket, local, git"),
        ({"provider": "git", "fullName": "a/b"}, "url"),
        ({"provider": "local", "fullName": "a/b"}, "RUNYARD_REVIEW_ROOTS"),
        ({"provider": "github", "fullName": "ab"}, "fullName"),
        ({"provider": "github", "fullName": "a/b/c"}, "fullName"),
        ({"provider": "github", "fullName": "a/../c"}, "fullName"),
        ({"provider": "github", "fullName": "../c"}, ".."),
        ({"provider": "github"}, "fullName"),
        ({"provider": 1, "fullName": "a/b"}, "provider"),
    ],
)
def test_what_cannot_be_connected_is_refused_with_what_would_be_right(snow: Snow, body: Json, word: str) -> None:
    refused(snow.post("/api/v1/repositories", body), 400, word)


def test_a_list_is_filtered_counted_and_paged(snow: Snow) -> None:
    for name in ("acme/One", "acme/two", "other/three"):
        connect(snow, name)
        snow.stand.clock.forward(seconds=1)
    connect(snow, "acme/four", "gitlab")

    def listed(**params: Any) -> tuple[list[str], int, int]:
        page = good(snow.get("/api/v1/repositories", **params))
        return [one["fullName"] for one in page["items"]], page["total"], page["totalPages"]

    assert listed() == (["acme/four", "other/three", "acme/two", "acme/One"], 4, 1)
    assert listed(provider="gitlab") == (["acme/four"], 1, 1)
    assert listed(provider="none") == ([], 0, 0)
    assert listed(search="ACME", per_page=2, page=2) == (["acme/One"], 3, 2)
    assert listed(search="acme", provider="github", per_page=1) == (["acme/two"], 2, 2)
    assert listed(page=9) == ([], 4, 1)
    assert listed(search="_") == ([], 0, 0)
    assert listed(provider="", search="", other="x")[1] == 4
    for params in ({"page": 0}, {"page": "x"}, {"per_page": 101}, {"per_page": 0}):
        refused(snow.get("/api/v1/repositories", **params), 400, *params)


@pytest.fixture
def root(stand: Stand, tmp_path: Path) -> Iterator[Path]:
    """A folder that the server may read."""
    # The server of all tests has none; its settings are frozen for everybody else.
    msgspec.structs.force_setattr(stand.server.settings, "review_roots", (str(tmp_path),))
    yield tmp_path
    msgspec.structs.force_setattr(stand.server.settings, "review_roots", ())


def test_a_local_repository_lies_below_an_allowed_folder_and_shows_what_it_is_made_of(snow: Snow, root: Path) -> None:
    folder = root / "acme" / "app"
    folder.mkdir(parents=True)
    (folder / "setup.py").write_text("")
    made = connect(snow, "acme/app", "local")
    assert made["detectedStack"] == {"languages": ["Python"], "manifests": ["setup.py"], "tools": []}
    assert (made["language"], made["lastSyncedAt"]) == ("Python", made["createdAt"])
    refused(snow.post("/api/v1/repositories", {"provider": "local", "fullName": "acme/absent"}), 400, "no folder")
    (root / "acme" / "out").symlink_to("/")
    refused(snow.post("/api/v1/repositories", {"provider": "local", "fullName": "acme/out"}), 400, "outside")


def test_runs_keep_the_name_of_a_repository_that_was_disconnected(snow: Snow) -> None:
    made = connect(snow)
    run = snow.run(snow.agent(repository_id=made["id"]))
    good(snow.delete(f"/api/v1/repositories/{made['id']}"), 204)
    assert snow.see(run)["repository"]["name"] == "acme/app"


def test_what_is_not_offered_is_not_found(snow: Snow) -> None:
    path = f"/api/v1/repositories/{connect(snow)['id']}"
    refused(snow.post(f"{path}/sync"), 404)
    refused(snow.get(f"{path}/analysis"), 404)
    refused(snow.post("/api/v1/analysis", {"repositoryId": "x", "force": False}), 404)
    refused(snow.get("/api/v1/analysis"), 404)
    refused(snow.get("/api/v1/analysis/x"), 404)
    refused(snow.get("/api/v1/users/someone"), 404)
