"""Sessions: an agent's presence, under which it takes work and talks. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from runyard.domain.records import Json


class SessionState(StrEnum):
    """Where a session stands."""

    STARTING = "starting"
    ACTIVE = "active"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """What a session may use, by name; `*` stands for all of a kind."""

    tools: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    mcp_servers: tuple[str, ...] = ()
    workspace_paths: tuple[str, ...] = ()
    network_channels: tuple[str, ...] = ()
    sandbox_profiles: tuple[str, ...] = ()

    def beyond(self, parent: Permissions) -> list[str]:
        """What these allow and the parent's do not, each as `kind:name`."""
        found = []
        for kind in self.__struct_fields__:
            theirs: tuple[str, ...] = getattr(parent, kind)
            if "*" not in theirs:
                found += [f"{kind}:{name}" for name in getattr(self, kind) if name not in theirs]
        return found


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What else was said of a session as it was made."""

    provider: str = ""
    model: str = ""
    reasoning_effort: str = ""
    overlay: str = ""
    """What its agent is told besides its usual prompt."""
    permissions: Permissions | None = None
    """None where nothing was said of them: they are no matter of ours then."""
    root_id: str = ""
    """The session that everything began with, where it was made by another."""
    depth: int = 0
    """How many sessions stand above it."""
    ttl: int = 0
    """How long it was to last at most."""


class Session(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An agent at work, in a workspace or in none. Read from rows by position."""

    id: str
    project_id: int
    agent: str
    """The name of the agent it is a session of."""
    workspace_id: str | None
    name: str
    state: SessionState
    channel: str | None
    """The channel it belongs to: it is given runs of this one alone."""
    capabilities: Json
    """What it can do, as a JSON array of texts."""
    settings: Json
    """What else was said as it was made: provider, model, permissions."""
    parent_id: str | None
    role: str | None
    stops_with_parent: int
    created_at: int
    updated_at: int
    active_at: int
    """When it was last heard of."""
    expires_at: int | None
    """When it is stopped if nobody stops it before."""
    stopped_at: int | None
    stop_reason: str | None
    failure: str | None
    """Why it ended badly, if it did."""
    stopping: Json | None
    """Once it was asked to stop: what is told should it have to be forced."""
    events: int
    """How many events it has had."""

    @property
    def is_live(self) -> bool:
        """Whether it has not stopped."""
        return self.state is not SessionState.STOPPED


class PromptState(StrEnum):
    """Where a prompt stands."""

    QUEUED = "queued"
    TAKEN = "taken"
    CANCELED = "canceled"


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """Something said to a session, which it takes up when it can."""

    id: str
    session_id: str
    state: PromptState
    body: Json
    """`{"text": …}`, and how it is to be taken."""
    created_at: int
    taken_at: int | None


class SessionEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a session or was said to it, numbered from 1 on in each."""

    session_id: str
    number: int
    type: str
    at: int
    data: Json
