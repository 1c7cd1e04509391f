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


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An agent at work, in a workspace or in none."""

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
    """How many events it has."""

    @property
    def is_live(self) -> bool:
        """Whether it has not stopped."""
        return self.state is not SessionState.STOPPED
