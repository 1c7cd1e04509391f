"""Workspaces: made, found by id, name or place, changed, and deleted once nothing is left in them."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.errors import AlreadyExists, Conflict, Invalid, NotFound
from runyard.domain.workspaces import Workspace, WorkspaceSettings, id_in
from runyard.engine import sizes
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import workspaces as sql

LONGEST_NAME = 128
LONGEST_PATH = 4096
MOST_DIRS = 64
_json = msgspec.json.Encoder()
_settings = msgspec.json.Decoder(WorkspaceSettings).decode


class NewWorkspace(msgspec.Struct, frozen=True, kw_only=True):
    """A workspace to make."""

    root_dir: str
    name: str = ""
    """The last part of the root directory where none is given."""
    settings: WorkspaceSettings = WorkspaceSettings()


def create(tx: Tx, project_id: int, new: NewWorkspace) -> Workspace:
    """Make a workspace. Raises `Invalid`, and `AlreadyExists` for a name or root directory that is taken."""
    root_dir = _path(new.root_dir)
    name = _name(new.name) or _named_after(tx, project_id, root_dir)
    _check(new.settings)
    if sql.rooted(tx, project_id, root_dir) is not None:
        raise AlreadyExists(f"there is a workspace at {root_dir[:256]!r} already")
    if sql.named(tx, project_id, name) is not None:
        raise AlreadyExists(f"there is a workspace {name!r} already; choose another name")
    workspace = Workspace(
        id=tx.new_id(),
        project_id=project_id,
        name=name,
        root_dir=root_dir,
        settings=_json.encode(new.settings).decode(),
        created_at=tx.now,
        updated_at=tx.now,
    )
    if not sql.add(tx, workspace):
        raise AlreadyExists("somebody made a workspace of this name or root directory at this very moment")
    return workspace


def resolve(tx: Tx, project_id: int, text: str) -> str:
    """The id of the workspace with that id, name or root directory. Raises `NotFound`."""
    return find(tx, project_id, text).id


def find(tx: Tx, project_id: int, text: str) -> Workspace:
    """The workspace with that id, name or root directory. Raises `NotFound`."""
    text = text.strip()
    if text and "\0" not in text and len(text) <= LONGEST_PATH:
        workspace_id = id_in(text)
        found = sql.get(tx, [workspace_id]).get(workspace_id) if workspace_id is not None else None
        if found is not None and found.project_id == project_id:
            return found
        found = sql.named(tx, project_id, text) or sql.rooted(tx, project_id, _tidy(text))
        if found is not None:
            return found
    raise NotFound(f"there is no workspace {text[:128]!r} in this project; name one by its id, name or root directory")


def at(tx: Tx, project_id: int, path: str) -> Workspace | None:
    """The workspace at that place. Raises `Invalid` for what cannot be a place."""
    return sql.rooted(tx, project_id, _path(path))


def resolve_or_create(tx: Tx, project_id: int, path: str) -> Workspace:
    """The workspace at that place, made where there is none. Raises `Invalid`."""
    return at(tx, project_id, path) or create(tx, project_id, NewWorkspace(root_dir=path))


def known(tx: Tx, ids: Sequence[str]) -> dict[str, Workspace]:
    """The workspaces by id; unknown ids are absent."""
    return sql.get(tx, ids)


def page(tx: Tx, project_id: int, *, before: str | None = None, limit: int = 50) -> list[Workspace]:
    """The project's workspaces from below an id on, newest first."""
    return sql.page(tx, project_id, before=before or BEYOND, n=limit)


def update(tx: Tx, project_id: int, workspace_id: str, changes: Mapping[str, Any]) -> Workspace:
    """Change what is named of `name` and of the settings. Raises `NotFound`, `Invalid` or `AlreadyExists`."""
    workspace = sql.lock(tx, find(tx, project_id, workspace_id).id)
    if workspace is None:
        raise NotFound("the workspace was deleted at this very moment")
    said = dict(changes)
    name = _name(said.pop("name", workspace.name))
    if not name:
        raise Invalid("a workspace needs a name that is not blank")
    other = sql.named(tx, project_id, name)
    if other is not None and other.id != workspace.id:
        raise AlreadyExists(f"there is a workspace {name!r} already; choose another name")
    settings = msgspec.structs.replace(settings_of(workspace), **said)
    _check(settings)
    text = _json.encode(settings).decode()
    if (name, text) != (workspace.name, workspace.settings):
        workspace = msgspec.structs.replace(workspace, name=name, settings=text, updated_at=tx.now)
        sql.save(tx, workspace)
    return workspace


def delete(tx: Tx, project_id: int, workspace_id: str) -> None:
    """Delete a workspace. Raises `NotFound`, and `Conflict` while it has tasks, or sessions that have not stopped."""
    workspace = sql.lock(tx, find(tx, project_id, workspace_id).id)
    if workspace is None:
        raise NotFound("the workspace was deleted at this very moment")
    tasks, sessions = sql.used(tx, project_id, workspace.id)
    if tasks:
        raise Conflict("the workspace has tasks; delete them first")
    if sessions:
        raise Conflict("the workspace has sessions that have not stopped; stop them first")
    sql.delete(tx, project_id, workspace.id)


def settings_of(workspace: Workspace) -> WorkspaceSettings:
    """What agents are told of the workspace."""
    return _settings(workspace.settings)


def _name(name: str) -> str:
    name = name.strip()
    sizes.plain("the name of a workspace", name, longest=LONGEST_NAME)
    return name


def _named_after(tx: Tx, project_id: int, root_dir: str) -> str:
    """A name after the place, with a number behind it where that is another's."""
    base = (posixpath.basename(root_dir) or "workspace")[: LONGEST_NAME - 4]
    return next(
        name
        for name in (base, *(f"{base}-{number}" for number in range(2, 100)), tx.new_id())
        if sql.named(tx, project_id, name) is None
    )


def _path(path: str) -> str:
    path = path.strip()
    if not path:
        raise Invalid("a workspace needs a root directory that is not blank")
    sizes.plain("the root directory", path, longest=LONGEST_PATH)
    return _tidy(path)


def _tidy(path: str) -> str:
    """The path without doubled and trailing slashes; what it leads to is no matter of the server's."""
    return posixpath.normpath(path)


def _check(settings: WorkspaceSettings) -> None:
    if len(settings.extra_dirs) > MOST_DIRS:
        raise Invalid(f"a workspace has at most {MOST_DIRS} further directories")
    for path in settings.extra_dirs:
        sizes.plain("a further directory", path, shortest=1, longest=LONGEST_PATH)
    sizes.plain("the default agent", settings.default_agent, longest=LONGEST_NAME)
    sizes.plain("the sandbox", settings.sandbox, longest=LONGEST_NAME)
