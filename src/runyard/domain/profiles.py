"""How the runs of a task are to be done: who may take them, who judges them, and in which surroundings. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

Names = tuple[str, ...]


class Coordinator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who leads."""

    mode: Literal["inherit", "guided"] = "inherit"
    agent_name: str = ""
    provider: str = ""
    model: str = ""
    guidance: str = ""


class Worker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who works. The lists act in every mode."""

    mode: Literal["inherit", "select"] = "inherit"
    agent_name: str = ""
    provider: str = ""
    model: str = ""
    allowed_agent_names: Names = ()
    preferred_agent_names: Names = ()
    required_capabilities: Names = ()
    preferred_capabilities: Names = ()


class Reviewer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who judges."""

    agent_name: str = ""
    provider: str = ""
    model: str = ""
    allowed_agent_names: Names = ()
    preferred_agent_names: Names = ()
    allowed_channel_ids: Names = ()
    preferred_channel_ids: Names = ()
    allowed_peer_ids: Names = ()
    preferred_peer_ids: Names = ()
    required_capabilities: Names = ()
    preferred_capabilities: Names = ()


class Participants(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may take part at all."""

    allowed_agent_names: Names = ()
    preferred_agent_names: Names = ()
    allowed_channel_ids: Names = ()
    preferred_channel_ids: Names = ()
    allowed_peer_ids: Names = ()
    preferred_peer_ids: Names = ()
    required_capabilities: Names = ()
    preferred_capabilities: Names = ()


class Sandbox(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The surroundings of a run."""

    mode: Literal["inherit", "none", "ref"] = "inherit"
    sandbox_ref: str = ""


class Runtime(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run has to show."""

    mode: Literal["default", "evidence"] = "default"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A task's execution profile; the defaults are those of a task without one."""

    coordinator: Coordinator = Coordinator()
    worker: Worker = Worker()
    review: Reviewer = Reviewer()
    participants: Participants = Participants()
    sandbox: Sandbox = Sandbox()
    runtime: Runtime = Runtime()
    created_at: int = 0
    updated_at: int = 0
