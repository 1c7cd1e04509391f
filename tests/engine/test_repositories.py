"""Repositories a project is connected to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from runyard.domain.errors import AlreadyExists, Conflict, Invalid, NotFound
from runyard.domain.repositories import Repository, Seen
from runyard.engine import origins, repositories
from runyard.engine.origins import Change
from runyard.settings import Settings
from runyard.storage.statements import repositories as sql
from tests.support.yard import Yard

SETTINGS = Settings()


def connect(
    yard: Yard, full_name: str = "acme/app", *, provider: str = "github", settings: Settings = SETTINGS, **more: Any
) -> Repository:
    """Connect the yard's project to a repository."""
    new = origins.asked(settings, provider=provider, full_name=full_name, **more)
    return yard.store.transact(repositories.connect, yard.project_id, new)


def names(found: list[Repository]) -> list[str]:
    return [one.full_name for one in found]


def test_a_hosted_repository_is_cloned_from_where_its_host_keeps_it(yard: Yard):
    one = connect(yard, "acme/app", description="An app", default_branch="trunk", private=True)
    assert (one.url, one.path, one.default_branch) == ("https://github.com/acme/app.git", None, "trunk")
    assert (one.owner, one.name, one.private, one.synced_at) == ("acme", "app", 1, None)
    assert yard.store.look(repositories.get, 1, one.id) == one
    assert connect(yard, "acme/app", provider="gitlab").url == "https://gitlab.com/acme/app.git"
    deep = connect(yard, "acme/team/app", provider="gitlab")
    assert (deep.owner, deep.name) == ("acme/team", "app")
    assert connect(yard, "acme/app", provider="bitbucket").url == "https://bitbucket.org/acme/app.git"
    own = connect(yard, "acme/ours", url="https://git.example.com/acme/ours.git")
    assert own.url == "https://git.example.com/acme/ours.git"


@pytest.mark.parametrize(
    ("provider", "full_name", "more", "word"),
    [
        ("svn", "acme/app", {}, "github, gitlab, bitbucket, local, git"),
        ("github", "acme", {}, "owner/name"),
        ("github", "acme/app/more", {}, "owner/name"),
        ("github", "acme/my app", {}, "owner/name"),
        ("github", "acme/", {}, "owner/name"),
        ("github", "../app", {}, "`..`"),
        ("local", "acme/..", {}, "`..`"),
        ("github", "acme/ä", {}, "letters"),
        ("github", "a/" + "b" * 300, {}, "255"),
        ("github", "acme/app", {"path": "/srv"}, "local"),
        ("github", "acme/app", {"default_branch": "a b"}, "branch"),
        ("github", "acme/app", {"default_branch": "-f"}, "branch"),
        ("github", "acme/app", {"description": "x" * 1001}, "1000"),
        ("git", "acme/app", {}, "url"),
        ("git", "acme/app", {"url": "git@github.com:acme/app.git"}, "https://"),
        ("git", "acme/app", {"url": "ssh://github.com/acme/app.git"}, "https://"),
        ("git", "acme/app", {"url": "file:///etc"}, "https://"),
        ("git", "acme/app", {"url": "https://me:secret@github.com/acme/app.git"}, "password"),
        ("git", "acme/app", {"url": "https://github.com/acme/app.git?x=1"}, "query"),
        ("git", "acme/app", {"url": "http://github.com/acme/app.git"}, "https"),
        ("git", "acme/app", {"url": "https://127.0.0.1/acme/app.git"}, "private"),
        ("git", "acme/app", {"url": "https://internal.local/acme/app.git"}, "private"),
        ("local", "acme/app", {}, "RUNYARD_REVIEW_ROOTS"),
        ("local", "acme/app", {"url": "https://github.com/acme/app.git"}, "path"),
    ],
)
def test_what_cannot_be_connected_is_refused_with_what_would_be_right(
    yard: Yard, provider: str, full_name: str, more: dict[str, Any], word: str
):
    with pytest.raises(Invalid, match=word):
        connect(yard, full_name, provider=provider, **more)


def test_plain_http_is_for_this_machine_alone(yard: Yard):
    lenient = Settings(allow_private_endpoints=True, endpoint_ports=("*",))
    local = "http://127.0.0.1:9999/app.git"
    assert connect(yard, provider="git", url=local, settings=lenient).url == local
    with pytest.raises(Invalid, match="over https"):
        connect(yard, "a/b", provider="git", url="http://10.0.0.1/app.git", settings=lenient)


def test_a_local_repository_lies_below_an_allowed_folder(yard: Yard, tmp_path: Path):
    root, other = tmp_path / "root", tmp_path / "other"
    folder = root / "acme" / "app"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/develop\n")
    for name in ("pyproject.toml", "setup.py", "main.ts", "Dockerfile", "notes.txt"):
        (folder / name).write_text("")
    other.mkdir()
    settings = Settings(review_roots=(str(tmp_path / "absent"), str(root)))
    one = connect(yard, "acme/app", provider="local", settings=settings)
    assert (one.path, one.url, one.default_branch) == (str(folder.resolve()), None, "develop")
    assert (one.language, one.synced_at) == ("Python", yard.clock.now())
    assert msgspec.json.decode(one.stack or "") == {
        "languages": ["Python", "TypeScript"],
        "manifests": ["pyproject.toml", "setup.py"],
        "tools": ["docker"],
    }
    named = connect(yard, "any/name", provider="local", settings=settings, path=str(folder))
    assert named.path == one.path
    (root / "acme" / "link").symlink_to(other)
    (root / "acme" / "file").write_text("")
    for more, word in (
        ({"full_name": "acme/absent"}, "no folder"),
        ({"full_name": "acme/file"}, "no folder"),
        ({"full_name": "acme/link"}, "outside"),
        ({"full_name": "a/b", "path": str(other)}, "outside"),
        ({"full_name": "a/b", "path": f"{root}/../other"}, "outside"),
        ({"full_name": "a/b", "path": f"{other}/absent"}, "outside"),
        ({"full_name": "a/b", "path": f"{root}/absent"}, "does not exist"),
        ({"full_name": "a/b", "path": "acme/app"}, "absolute"),
        ({"full_name": "a/b", "path": "/a\0b"}, "absolute"),
        ({"full_name": "a/b", "path": "/" + "x" * 300}, "outside|followed"),
        ({"full_name": "a/b", "path": f"{root}/{'x' * 300}"}, "not exist|followed"),
    ):
        with pytest.raises(Invalid, match=word):
            connect(yard, provider="local", settings=settings, **more)


def test_the_branch_of_a_folder_is_not_read_through_links(yard: Yard, tmp_path: Path):
    folder, secret = tmp_path / "acme" / "app", tmp_path / "elsewhere"
    (folder / ".git").mkdir(parents=True)
    secret.write_text("ref: refs/heads/stolen\n")
    (folder / ".git" / "HEAD").symlink_to(secret)
    settings = Settings(review_roots=(str(tmp_path),))
    assert connect(yard, "acme/app", provider="local", settings=settings).default_branch == "main"


def test_one_repository_is_connected_once_and_anew_after_it_was_disconnected(yard: Yard):
    first = connect(yard)
    for name in ("acme/app", "Acme/APP"):
        with pytest.raises(AlreadyExists, match=r"(?i)acme/app"):
            connect(yard, name)
    cased: dict[str, Any] = {"provider": "git", "url": "https://git.example.com/app.git"}
    assert connect(yard, "acme/app", **cased).id != connect(yard, "Acme/App", **cased).id
    renamed = yard.store.transact(repositories.update, 1, first.id, Change(full_name="Acme/App"), settings=SETTINGS)
    assert renamed.full_name == "Acme/App"
    yard.store.transact(repositories.update, 1, first.id, Change(full_name="acme/app"), settings=SETTINGS)
    yard.store.transact(repositories.rotate_secret, 1, first.id, str.upper)
    yard.store.transact(repositories.disconnect, 1, first.id)
    for op in (repositories.get, repositories.disconnect):
        with pytest.raises(NotFound):
            yard.store.transact(op, 1, first.id)
    kept = yard.store.look(sql.get, [first.id])[first.id]
    assert (kept.full_name, kept.secret, kept.deleted_at) == ("acme/app", None, yard.clock.now())
    assert connect(yard).id != first.id


def test_two_servers_connect_to_a_repository_once(two_servers: Any):
    new = origins.asked(SETTINGS, provider="github", full_name="acme/app")
    made = []
    for server in two_servers:
        try:
            made.append(server.transact(repositories.connect, 1, new))
        except Conflict:
            continue
    assert len(made) == 1


def test_another_projects_repository_is_not_found(yard: Yard):
    one = connect(yard)
    refused: list[tuple[Any, dict[str, Any]]] = [
        (repositories.get, {}),
        (repositories.disconnect, {}),
        (repositories.update, {"change": Change(private=True), "settings": SETTINGS}),
        (repositories.rotate_secret, {"seal": str}),
        (repositories.close_hook, {}),
    ]
    for op, more in refused:
        with pytest.raises(NotFound):
            yard.store.transact(op, 2, one.id, **more)
    assert yard.store.look(repositories.page, 2) == []
    assert yard.store.look(repositories.get, 1, one.id) == one


def test_lists_are_newest_first_and_filtered_by_provider_and_part_of_the_name(yard: Yard):
    for name in ("acme/One", "acme/two", "other/100%", "other/a_b", "other/axb", "ä/Ü"):
        connect(yard, name, provider="git", url="https://git.example.com/x.git")
        yard.clock.forward(seconds=1)
    connect(yard, "acme/hub")

    def search(text: str | None = None, **more: Any) -> list[str]:
        return names(yard.store.look(repositories.page, 1, search=text, **more))

    assert search()[:2] == ["acme/hub", "ä/Ü"]
    assert search(provider="github") == ["acme/hub"]
    assert search(provider="none") == search(provider="") == []
    assert search("ONE") == ["acme/One"]
    assert search("me/") == ["acme/hub", "acme/two", "acme/One"]
    assert search("%") == ["other/100%"]
    assert search("a_b") == ["other/a_b"]
    assert search("Ü") == ["ä/Ü"]
    assert search("\\") == search("x" * 5000) == []
    page = yard.store.look(repositories.page, 1, limit=3)
    rest = yard.store.look(repositories.page, 1, before=(page[-1].created_at, page[-1].id))
    assert names(page + rest) == search()
    found = yard.store.look(repositories.numbered, 1, search="other", offset=1, limit=1)
    assert (names(found.rows), found.total) == (["other/a_b"], 3)
    beyond = yard.store.look(repositories.numbered, 1, offset=10**11, limit=1)
    assert (beyond.rows, beyond.total) == ([], 7)


def test_a_repository_changes_as_far_as_is_said(yard: Yard):
    one = connect(yard, description="old")
    connect(yard, "acme/taken")

    def update(**said: Any) -> Repository:
        return yard.store.transact(repositories.update, 1, one.id, Change(**said), settings=SETTINGS)

    yard.clock.forward(seconds=1)
    assert update() == one
    renamed = update(full_name="acme/new", private=True, default_branch="next")
    assert (renamed.url, renamed.description, renamed.private) == ("https://github.com/acme/new.git", "old", 1)
    assert renamed.updated_at == yard.clock.now()
    assert update(description=None).description is None
    assert update(url="https://git.example.com/a.git").url == "https://git.example.com/a.git"
    assert update(full_name="acme/newer").url == "https://git.example.com/a.git"
    with pytest.raises(AlreadyExists):
        update(full_name="acme/taken")
    for said in ({"full_name": "x"}, {"url": "ftp://x"}, {"default_branch": ".."}, {"description": "x" * 2000}):
        with pytest.raises(Invalid):
            update(**said)
    assert yard.store.look(repositories.get, 1, one.id).full_name == "acme/newer"


def test_what_a_host_says_of_a_repository_is_noted(yard: Yard):
    one = connect(yard)
    connect(yard, "acme/taken")

    def observe(**said: Any) -> Repository:
        yard.clock.forward(seconds=1)

        def op(tx: Any) -> Repository:
            locked = sql.lock(tx, one.id)
            assert locked is not None
            return repositories.observed(tx, locked, Seen(**said))

        return yard.store.transact(op)

    seen = observe(full_name="acme/app", host_id="7", language="Go", private=True, default_branch="trunk")
    assert (seen.language, seen.private, seen.default_branch, seen.host_id) == ("Go", 1, "trunk", "7")
    assert seen.synced_at == seen.updated_at == yard.clock.now()
    again = observe(full_name="acme/app", host_id="7")
    assert (again.synced_at, again.updated_at) == (yard.clock.now(), seen.updated_at)
    assert observe(full_name="acme/new").url == "https://github.com/acme/new.git"
    assert observe(full_name="acme/taken").full_name == "acme/new"


def test_a_project_is_connected_to_a_bounded_number(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(repositories, "MOST", 2)
    connect(yard, "acme/one")
    connect(yard, "acme/two")
    with pytest.raises(Conflict, match="at most 2"):
        connect(yard, "acme/three")


def test_a_hooks_secret_is_told_once_and_kept_sealed(yard: Yard):
    one = connect(yard)
    first = yard.store.transact(repositories.rotate_secret, 1, one.id, lambda secret: f"sealed {secret}")
    assert len(bytes.fromhex(first.secret)) == 32
    assert yard.store.look(repositories.get, 1, one.id).secret == f"sealed {first.secret}"
    again = yard.store.transact(repositories.rotate_secret, 1, one.id, str)
    assert again.secret != first.secret
    yard.store.transact(repositories.close_hook, 1, one.id)
    assert yard.store.look(repositories.get, 1, one.id).secret is None
