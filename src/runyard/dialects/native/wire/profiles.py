"""Execution profiles of tasks. Lists are kept sorted, each name once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Named = Annotated[str, Meta(max_length=128)]
Names = Annotated[list[Named], Meta(max_length=256)]


class CoordinatorProfile(msgspec.Struct, kw_only=True):
    """Who leads."""

    mode: Literal["inherit", "guided"] = "inherit"
    agent_name: Named = ""
    provider: Named = ""
    model: Named = ""
    guidance: Annotated[str, Meta(max_length=8192)] = ""


class WorkerProfile(msgspec.Struct, kw_only=True):
    """Which sessions are given the task's runs: those that meet all that is said."""

    mode: Literal["inherit", "select"] = "inherit"
    agent_name: Named = ""
    provider: Named = ""
    model: Named = ""
    allowed_agent_names: Names = []
    preferred_agent_names: Names = []
    required_capabilities: Names = []
    preferred_capabilities: Names = []


class ParticipantsProfile(msgspec.Struct, kw_only=True):
    """Who may take part at all, as worker or as reviewer."""

    allowed_agent_names: Names = []
    preferred_agent_names: Names = []
    allowed_channel_ids: Names = []
    preferred_channel_ids: Names = []
    allowed_peer_ids: Names = []
    preferred_peer_ids: Names = []
    required_capabilities: Names = []
    preferred_capabilities: Names = []


class ReviewerProfile(ParticipantsProfile, kw_only=True):
    """Which sessions are given reviews of the task's runs, and which of them best."""

    agent_name: Named = ""
    provider: Named = ""
    model: Named = ""


class SandboxProfile(msgspec.Struct, kw_only=True):
    """The surroundings of a run."""

    mode: Literal["inherit", "none", "ref"] = "inherit"
    sandbox_ref: Named = ""
    """Which sandbox, where the mode is `ref`."""


class RuntimeProfile(msgspec.Struct, kw_only=True):
    """What a run has to show."""

    mode: Literal["default", "evidence"] = "default"


class TaskProfileIn(msgspec.Struct, kw_only=True):
    """How a task's runs are to be done; what is not said is as in a task without a profile."""

    coordinator: CoordinatorProfile = msgspec.field(default_factory=CoordinatorProfile)
    worker: WorkerProfile = msgspec.field(default_factory=WorkerProfile)
    review: ReviewerProfile = msgspec.field(default_factory=ReviewerProfile)
    participants: ParticipantsProfile = msgspec.field(default_factory=ParticipantsProfile)
    sandbox: SandboxProfile = msgspec.field(default_factory=SandboxProfile)
    runtime: RuntimeProfile = msgspec.field(default_factory=RuntimeProfile)


class TaskProfile(msgspec.Struct, kw_only=True):
    """How a task's runs are to be done."""

    task_id: str
    coordinator: CoordinatorProfile
    worker: WorkerProfile
    review: ReviewerProfile
    participants: ParticipantsProfile
    sandbox: SandboxProfile
    runtime: RuntimeProfile
    created_at: datetime | None
    """None while the task has no profile of its own."""
    updated_at: datetime | None
