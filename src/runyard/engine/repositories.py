"""Repositories a project is connected to: what agents work on, and whose host tells of pushes and pull requests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from runyard.domain.errors import AlreadyExists, Conflict, NotFound
from runyard.domain.repositories import HOSTS, Repository, Seen, clone_url
from runyard.engine.folders import Folder
from runyard.engine.origins import Change, NewRepository, check_change
from runyard.settings import Settings
from runyard.storage.port import JournalLine, Tx
from runyard.storage.sql import BEYOND, FOREVER
from runyard.storage.statements import repositories as sql
from runyard.storage.statements.repositories import Matching

MOST = 10_000
"""How many repositories a project is connected to at most."""
PURPOSE = "repository hook"
"""What the vault seals the secrets for that check deliveries."""
_LONGEST_SEARCH = 255
_json = msgspec.json.Encoder()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list, and how many there are on all pages."""

    rows: list[Repository]
    total: int


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """A repository with the secret of its hook, which is in no other answer."""

    repository: Repository
    secret: str


def connect(tx: Tx, project_id: int, new: NewRepository, *, actor: str | None = None) -> Repository:
    """Connect the project to a repository. Raises `AlreadyExists` when it is, `Conflict` with too many."""
    if sql.count(tx, project_id, Matching()) >= MOST:
        raise Conflict(f"a project is connected to at most {MOST} repositories; disconnect some first")
    one = _with_folder(
        Repository(
            id=tx.new_id(),
            project_id=project_id,
            provider=new.provider,
            full_name=new.full_name,
            url=new.url,
            path=None,
            default_branch=new.default_branch,
            description=new.description,
            language=None,
            stack=None,
            private=int(new.private),
            secret=None,
            created_at=tx.now,
            updated_at=tx.now,
            synced_at=None,
        ),
        new.folder,
        tx.now,
    )
    if _is_taken(tx, one, one.full_name) or not sql.add(tx, one):
        raise AlreadyExists(f"this project is connected to {one.full_name} on {one.provider} already")
    _journal(tx, one, "repository.connected", actor)
    return one


def get(tx: Tx, project_id: int, repository_id: str) -> Repository:
    """The repository, while it is connected. Raises `NotFound`."""
    return _own(sql.get(tx, [repository_id]).get(repository_id), project_id, repository_id)


def page(
    tx: Tx,
    project_id: int,
    *,
    provider: str | None = None,
    search: str | None = None,
    before: tuple[int, str] | None = None,
    limit: int = 50,
) -> list[Repository]:
    """The project's repositories whose name holds `search`, newest first, from before a time and id on."""
    wanted = _matching(provider, search)
    if wanted is None:
        return []
    return sql.page(tx, project_id, wanted, before=before or (FOREVER, BEYOND), offset=0, n=limit)


def numbered(
    tx: Tx, project_id: int, *, provider: str | None = None, search: str | None = None, offset: int, limit: int
) -> Found:
    """The same by number, with the total."""
    wanted = _matching(provider, search)
    if wanted is None:
        return Found(rows=[], total=0)
    total = sql.count(tx, project_id, wanted)
    if offset >= total:
        return Found(rows=[], total=total)
    rows = sql.page(tx, project_id, wanted, before=(FOREVER, BEYOND), offset=offset, n=limit)
    return Found(rows=rows, total=total)


def update(
    tx: Tx, project_id: int, repository_id: str, change: Change, *, settings: Settings, actor: str | None = None
) -> Repository:
    """Change a repository. Raises `NotFound`, `Invalid`, or `AlreadyExists` for a name that is connected already."""
    one = _locked(tx, project_id, repository_id)
    check_change(one, change, settings)
    fields = _said(change, ("full_name", "url", "default_branch", "private"))
    if change.description is not UNSET:
        fields["description"] = change.description
    after = one
    if change.full_name is not None and change.full_name != one.full_name:
        after = msgspec.structs.replace(_renamed(one, change.full_name), host_id=None)
    after = msgspec.structs.replace(_with_folder(after, change.folder, tx.now), **fields)
    if after == one:
        return one
    if after.full_name != one.full_name and _is_taken(tx, one, after.full_name):
        raise AlreadyExists(f"this project is connected to {after.full_name} on {one.provider} already")
    return _save(tx, after, "repository.updated", actor)


def disconnect(tx: Tx, project_id: int, repository_id: str, *, actor: str | None = None) -> None:
    """End the connection; runs keep naming the repository, and its host is listened to no longer. Raises `NotFound`."""
    one = _locked(tx, project_id, repository_id)
    gone = msgspec.structs.replace(one, secret=None, deleted_at=tx.now)
    _save(tx, gone, "repository.disconnected", actor)


def rotate_secret(
    tx: Tx, project_id: int, repository_id: str, seal: Callable[[str], str], *, actor: str | None = None
) -> Rotated:
    """A new secret to check deliveries by, kept as `seal` makes it; the one before is good no longer.

    Raises `NotFound`.
    """
    # Two tokens are 384 bits of chance; their hash is 32 bytes of it.
    secret = hashlib.sha256(f"{tx.new_token()}{tx.new_token()}".encode()).hexdigest()
    one = _with_secret(tx, project_id, repository_id, seal(secret))
    return Rotated(repository=_save(tx, one, "repository.secret_rotated", actor), secret=secret)


def close_hook(tx: Tx, project_id: int, repository_id: str, *, actor: str | None = None) -> None:
    """Take no deliveries about the repository any more. Raises `NotFound`."""
    _save(tx, _with_secret(tx, project_id, repository_id, None), "repository.hook_closed", actor)


def _with_secret(tx: Tx, project_id: int, repository_id: str, sealed: str | None) -> Repository:
    # Whoever may send deliveries from now on may tell anew which repository they are about.
    return msgspec.structs.replace(_locked(tx, project_id, repository_id), secret=sealed, host_id=None)


def observed(tx: Tx, one: Repository, seen: Seen) -> Repository:
    """The (locked) repository as its host says it is now, written when that is news."""
    told = _said(seen, ("default_branch", "description", "language", "private"))
    after = msgspec.structs.replace(one, host_id=one.host_id or seen.host_id, **told)
    name = seen.full_name
    # Two connections may have come to mean the same repository; then the other keeps the name.
    if name is not None and _is_renamed(one, name) and not _is_taken(tx, one, name):
        after = _renamed(after, name)
    changed = after != one
    after = msgspec.structs.replace(after, synced_at=tx.now)
    if changed:
        return _save(tx, after, "repository.synced", None)
    sql.save(tx, after)
    return after


def _said(one: Change | Seen, names: Sequence[str]) -> dict[str, Any]:
    """The named fields that are not None, as they are stored."""
    said = {name: value for name in names if (value := getattr(one, name)) is not None}
    return {name: int(value) if isinstance(value, bool) else value for name, value in said.items()}


def _is_renamed(one: Repository, full_name: str) -> bool:
    """Whether its host, where the name is the host's to give, calls it otherwise."""
    return one.provider in HOSTS and full_name != one.full_name


def _renamed(one: Repository, full_name: str) -> Repository:
    """The repository under another name; a clone URL that came from the name comes from the new one."""
    moved = clone_url(one.provider, full_name) if one.url == clone_url(one.provider, one.full_name) else one.url
    return msgspec.structs.replace(one, full_name=full_name, url=moved)


def _with_folder(one: Repository, folder: Folder | None, now: int) -> Repository:
    if folder is None:
        return one
    return msgspec.structs.replace(
        one,
        path=folder.path,
        language=folder.stack.language,
        stack=_json.encode(folder.stack).decode(),
        synced_at=now,
    )


def _is_taken(tx: Tx, one: Repository, full_name: str) -> bool:
    """Whether the project is connected to another of that name; hosts ignore the case of names."""
    return sql.is_taken(tx, one, full_name, lowered=full_name.lower() if one.provider in HOSTS else "")


def _matching(provider: str | None, search: str | None) -> Matching | None:
    """What the filters ask for; None when nothing can match."""
    if search is not None and len(search) > _LONGEST_SEARCH:
        return None
    if provider == "":
        return None
    pattern = ""
    if search:
        # As the databases lower text of the collation "C": nothing beyond ASCII.
        lowered = search.encode().lower().decode()
        for special in ("\\", "%", "_"):
            lowered = lowered.replace(special, "\\" + special)
        pattern = f"%{lowered}%"
    return Matching(provider=provider or "", pattern=pattern)


def _locked(tx: Tx, project_id: int, repository_id: str) -> Repository:
    return _own(sql.lock(tx, repository_id), project_id, repository_id)


def _own(found: Repository | None, project_id: int, repository_id: str) -> Repository:
    if found is None or found.project_id != project_id or found.deleted_at is not None:
        raise NotFound(f"there is no repository {repository_id[:64]!r} in this project")
    return found


def _save(tx: Tx, one: Repository, event: str, actor: str | None) -> Repository:
    one = msgspec.structs.replace(one, updated_at=tx.now)
    sql.save(tx, one)
    _journal(tx, one, event, actor)
    return one


def _journal(tx: Tx, one: Repository, event: str, actor: str | None) -> None:
    data = {"repository_id": one.id, "provider": one.provider, "full_name": one.full_name}
    tx.emit(JournalLine(one.project_id, None, event, actor, _json.encode(data).decode()))
