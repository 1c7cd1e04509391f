"""Shapes of execution profiles. Fields with a default are left out where they have it (contract §1, §18)."""

from __future__ import annotations

import msgspec

Names = list[str] | None


class Coordinator(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who leads."""

    mode: str | None = None
    agent_name: str | None = None
    provider: str | None = None
    model: str | None = None
    guidance: str | None = None


class Worker(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who works."""

    mode: str | None = None
    agent_name: str | None = None
    provider: str | None = None
    model: str | None = None
    allowed_agent_names: Names = None
    preferred_agent_names: Names = None
    required_capabilities: Names = None
    preferred_capabilities: Names = None


class Participants(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who may take part at all."""

    allowed_agent_names: Names = None
    preferred_agent_names: Names = None
    allowed_channel_ids: Names = None
    preferred_channel_ids: Names = None
    allowed_peer_ids: Names = None
    preferred_peer_ids: Names = None
    required_capabilities: Names = None
    preferred_capabilities: Names = None


class Review(Participants, kw_only=True, omit_defaults=True):
    """Who judges."""

    agent_name: str | None = None
    provider: str | None = None
    model: str | None = None


class Sandbox(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The surroundings of a run."""

    mode: str | None = None
    sandbox_ref: str | None = None


class Runtime(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a run has to show."""

    mode: str | None = None


class ProfileRequest(msgspec.Struct, kw_only=True):
    """A profile to keep in place of any other; the times in it mean nothing."""

    task_id: str | None = None
    coordinator: Coordinator | None = None
    worker: Worker | None = None
    review: Review | None = None
    participants: Participants | None = None
    sandbox: Sandbox | None = None
    runtime: Runtime | None = None
    created_at: str | None = None
    updated_at: str | None = None


class Profile(msgspec.Struct, kw_only=True):
    """How a task's runs are to be done."""

    task_id: str
    coordinator: Coordinator
    worker: Worker
    review: Review
    participants: Participants
    sandbox: Sandbox
    runtime: Runtime
    created_at: str
    updated_at: str


class ProfileAnswer(msgspec.Struct, kw_only=True):
    """How a task's runs are to be done."""

    profile: Profile
