"""Beginnings of sessions: asked for from outside, or by a session that has others work below it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.channels import named
from runyard.domain.errors import Conflict, Forbidden, Invalid
from runyard.domain.personas import agent_named, capable
from runyard.domain.policy import SECOND
from runyard.domain.sessions import Permissions, Session, SessionSettings
from runyard.domain.workspaces import Workspace
from runyard.engine import channels, personas, sessions, sizes, workspaces
from runyard.engine.sessions import NewSession
from runyard.storage.port import Tx
from runyard.storage.statements import idempotency as keys_sql
from runyard.storage.statements import sessions as sql
from runyard.storage.statements import workspaces as workspaces_sql
from runyard.storage.statements.session_retention import scope

MOST_CHILDREN = 16
"""How many sessions below one may be there at a time."""
DEEPEST = 4
"""How many sessions may stand above one."""
LONGEST_TTL = 86_400 * SECOND
MOST_NAMES = 256
"""How many names of each kind permissions may list."""


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is asked for."""

    agent: str = ""
    """The workspace's default agent where none is named."""
    workspace: str | None = None
    """By id, name or root directory; None is no workspace."""
    path: str | None = None
    """The workspace at that place instead, made where there is none."""
    name: str = ""
    channel: str | None = None
    capabilities: Sequence[str] = ()
    settings: SessionSettings = SessionSettings()
    ttl: int | None = None
    """How long it may last at most, in microseconds."""


class Spawn(msgspec.Struct, frozen=True, kw_only=True):
    """A session below another that is asked for."""

    agent: str
    role: str
    ttl: int
    permissions: Permissions = Permissions()
    stops_with_parent: bool = False
    name: str = ""
    provider: str = ""
    model: str = ""
    overlay: str = ""
    capabilities: Sequence[str] = ()
    key: str | None = None
    """Under which the parent may ask again without another session's being begun."""


def begin(tx: Tx, project_id: int, asked: Beginning) -> Session:
    """Begin a session. Raises `Invalid`, and `NotFound` for an unknown workspace."""
    sizes.plain("the name of the session", asked.name, longest=128)
    _check_settings(asked.settings)
    if asked.ttl is not None:
        _check_ttl(asked.ttl)
    if asked.channel is not None:
        named(asked.channel)
    said = capable(tuple(asked.capabilities))
    if asked.agent:
        agent_named(asked.agent)
    workspace = _workspace(tx, project_id, asked)
    agent = asked.agent or (workspaces.settings_of(workspace).default_agent if workspace is not None else "")
    if not agent:
        raise Invalid("the session needs the name of its agent: its workspace has no agent by default")
    if asked.channel is not None:
        # A workspace that is yet to be made has no channel.
        own = workspace.id if workspace is not None else (None if asked.path is None else "")
        channels.allowed(tx, project_id, asked.channel, own)
    if workspace is None and asked.path is not None:
        workspace = workspaces.resolve_or_create(tx, project_id, asked.path)
    workspace_id = workspace.id if workspace is not None else None
    if asked.channel is not None:
        channels.check(tx, project_id, asked.channel, workspace_id)
    defined = personas.known(tx, project_id, agent, workspace_id)
    settings = msgspec.structs.replace(
        asked.settings,
        provider=asked.settings.provider or defined.provider,
        model=asked.settings.model or defined.model,
        reasoning_effort=asked.settings.reasoning_effort or defined.reasoning_effort,
        ttl=asked.ttl or 0,
    )
    new = NewSession(
        agent=agent,
        workspace_id=workspace_id,
        name=asked.name,
        channel=asked.channel,
        capabilities=[*said, *defined.capabilities],
        settings=_text(settings),
        ttl=asked.ttl,
    )
    return sessions.create(tx, project_id, new)


def _workspace(tx: Tx, project_id: int, asked: Beginning) -> Workspace | None:
    """The workspace that is meant, where it is there; it cannot be deleted while the session begins."""
    if asked.workspace is not None:
        found = workspaces.find(tx, project_id, asked.workspace)
    elif asked.path is not None:
        at = workspaces.at(tx, project_id, asked.path)
        if at is None:
            return None
        found = at
    else:
        return None
    return workspaces_sql.lock(tx, found.id) or found


def spawn(tx: Tx, parent: Session, asked: Spawn) -> Session:
    """Begin a session below another, in its workspace and channel.

    Raises `Invalid`, `Forbidden` when it may do what its parent may not, or `Conflict` when there are too many below
    the parent, or too many above.
    """
    agent_named(asked.agent)
    sizes.plain("the role", asked.role, shortest=1, longest=128)
    sizes.plain("the name of the session", asked.name, longest=128)
    sizes.plain("the idempotency key", asked.key, shortest=1, longest=256)
    _check_ttl(asked.ttl)
    said = capable(tuple(asked.capabilities))
    above = sessions.settings_of(parent)
    settings = SessionSettings(
        provider=asked.provider or above.provider,
        model=asked.model,
        overlay=asked.overlay,
        permissions=asked.permissions,
        root_id=above.root_id or parent.id,
        depth=above.depth + 1,
        ttl=asked.ttl,
    )
    _check_settings(settings)
    if above.permissions is not None:
        beyond = asked.permissions.beyond(above.permissions)
        if beyond:
            raise Forbidden(f"a session may give others no more than it has: not {', '.join(beyond[:5])}"[:500])
    if settings.depth > DEEPEST:
        raise Conflict(f"sessions may not be nested deeper than {DEEPEST} below the first")
    # Two children that would be the last one at the same time take their turns.
    locked = sql.lock(tx, [parent.id])[parent.id]
    if not locked.is_live:
        raise Conflict("the session has stopped at this very moment")
    if asked.key is not None:
        known = keys_sql.holders(tx, parent.project_id, [(scope(parent.id), asked.key)])
        before = sql.get(tx, sorted(known.values()))
        if before:
            return next(iter(before.values()))
    if sql.count_children(tx, parent.id) >= MOST_CHILDREN:
        raise Conflict(f"{MOST_CHILDREN} sessions are below this one already, which is as many as may be there")
    defined = personas.known(tx, parent.project_id, asked.agent, parent.workspace_id)
    new = NewSession(
        agent=asked.agent,
        workspace_id=parent.workspace_id,
        name=asked.name,
        channel=parent.channel,
        capabilities=[*said, *defined.capabilities],
        settings=_text(settings),
        parent_id=parent.id,
        role=asked.role,
        stops_with_parent=asked.stops_with_parent,
        ttl=asked.ttl,
    )
    child = sessions.create(tx, parent.project_id, new)
    if asked.key is not None:
        # The parent is locked, so that nobody else takes the key.
        keys_sql.take(tx, [(parent.project_id, scope(parent.id), asked.key, child.id)])
    sessions.write(tx, [locked], "session_spawned", {"session_id": child.id, "agent": child.agent, "role": asked.role})
    return child


def _check_ttl(ttl: int) -> None:
    if not SECOND <= ttl <= LONGEST_TTL:
        raise Invalid("a session lasts from 1 to 86400 seconds")


def _check_settings(settings: SessionSettings) -> None:
    for what, text in (
        ("the provider", settings.provider),
        ("the model", settings.model),
        ("the reasoning effort", settings.reasoning_effort),
    ):
        sizes.plain(what, text, longest=128)
    sizes.plain("the prompt overlay", settings.overlay, longest=16 << 10)
    if settings.permissions is not None:
        for kind in Permissions.__struct_fields__:
            names: tuple[str, ...] = getattr(settings.permissions, kind)
            if len(names) > MOST_NAMES:
                raise Invalid(f"permissions list at most {MOST_NAMES} {kind}")
            for name in names:
                sizes.plain(f"a name among {kind}", name, shortest=1, longest=1024)


def _text(settings: SessionSettings) -> str:
    return msgspec.json.encode(settings).decode()
