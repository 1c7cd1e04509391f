"""Coding tasks, which change a repository, and their runs, which agents work on in sandboxes or outside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from runyard.dialects.native.wire.values import NOTHING

Title = Annotated[str, Meta(max_length=255)]
Description = Annotated[str, Meta(max_length=1 << 20)]
Product = Annotated[str, Meta(min_length=1, max_length=20)]
Repository = Annotated[str, Meta(max_length=255)]
Stage = Annotated[str, Meta(min_length=1, max_length=100)]
Branch = Annotated[str, Meta(min_length=1, max_length=255)]
Integration = Annotated[int, Meta(ge=0, le=2**53)]
Told = Literal["draft", "queued", "running", "completed", "failed", "canceled"]
"""What whoever works on a run outside may say of it."""


class CodingTaskIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A coding task to make; without a title it is taken from the description."""

    title: Title = ""
    description: Description = ""
    product: Product = "native"
    """Where it came from."""
    repository: Repository | None = None
    """`owner/name`."""
    integration: Integration | None = None
    output_schema: Raw = NOTHING
    """What the output of its runs must look like, as JSON Schema."""


class CodingTaskPatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to change; what is not said stays, and null takes away."""

    title: Title | UnsetType = UNSET
    """A blank one is taken from the description again."""
    description: Description | UnsetType = UNSET
    product: Product | UnsetType = UNSET
    repository: Repository | None | UnsetType = UNSET
    integration: Integration | None | UnsetType = UNSET
    output_schema: Raw = NOTHING


class CodingFile(msgspec.Struct, kw_only=True):
    """A file of a coding run, as its manifest has it; `id` is the artifact's."""

    id: str
    name: str
    kind: str
    source: str
    content_type: str
    size: int
    sha256: str
    path: str
    metadata: Raw | None
    created_at: datetime


class CodingRun(msgspec.Struct, kw_only=True):
    """What stands beside a run of a coding task; everything else of it is at `/v1/runs`."""

    run_id: str
    task_id: str
    number: int
    """Its attempt at the task."""
    state: str
    sandboxed: bool
    """Whether the server opens a sandbox for it; else somebody works on it outside."""
    stage: str | None
    branch: str | None
    shared: Raw
    """An object that server and agent share."""
    output: Raw | None
    error: Raw | None
    log_entries: int
    manifest: list[CodingFile]
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class CodingTask(msgspec.Struct, kw_only=True):
    """A task that changes a repository; how it stands as a task is at `/v1/tasks`."""

    id: str
    number: int | None
    """Counts the project's coding tasks, from 0."""
    title: str
    is_titled: bool
    """Whether somebody chose the title; else it is from the description."""
    description: str
    product: str
    repository: str | None
    integration: int | None
    output_schema: Raw | None
    key_id: str | None
    """The key that made it."""
    latest_run: CodingRun | None
    created_at: datetime
    updated_at: datetime


class CodingRunIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run to make of a coding task."""

    queued: bool = True
    """Else it waits as a draft until it is started."""
    sandboxed: bool = True
    stage: Stage | None = None
    branch: Branch | None = None
    shared: Raw = NOTHING
    resume_from: Annotated[str, Meta(max_length=64)] | None = None
    """Another run of the task, from which it goes on."""


class CodingRunPatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to change; what is not said stays. Objects are merged into those that are there."""

    state: Told | UnsetType = UNSET
    """The first end is the last one."""
    stage: Stage | None | UnsetType = UNSET
    branch: Branch | None | UnsetType = UNSET
    error: Annotated[str, Meta(max_length=65536)] | None | UnsetType = UNSET
    output: Raw = NOTHING
    shared: Raw = NOTHING
    removed: list[Annotated[str, Meta(min_length=1, max_length=256)]] = []
    """Names that are taken out of `shared` before."""
    outside: bool = False
    """Whether the run leaves its sandbox, to be worked on outside."""


class CodingRunStart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a run is started with."""

    shared: Raw = NOTHING


class CodingMessageIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What somebody says to the agent in a run's sandbox."""

    text: Annotated[str, Meta(min_length=1, max_length=1 << 20, pattern=r"\S")]
    artifact_ids: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=100)] = []
    """Files of the run that come with it, by their `id` in its `manifest`."""
    steer: bool = False
    """Whether it is for the turn that the agent takes now, where the agent can hear it; else for one of its own."""
    message_id: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    """A name for it, under which the agent gets it once, however often it is sent."""


class CodingAnswer(msgspec.Struct, kw_only=True):
    """What an agent answers."""

    stop_reason: str
    """How its turn ended: `end_turn` in good order, `cancelled`, … `steered` for what the turn under way got."""
    message: str | None
    """All that it said in the turn."""
    error: str | None
    """What went wrong in the turn, or why the message was not taken."""


class CodingTokenIn(msgspec.Struct, kw_only=True):
    """What a token is to be for."""

    purpose: Literal["connection", "ingest"] = msgspec.field(name="for")
    """`connection`: talking to the run's sandbox; `ingest`: telling what happens in it."""


class CodingToken(msgspec.Struct, kw_only=True):
    """A signed token (RS256)."""

    token: str
    expires_at: datetime
    url: str | None
    """Where it is good: the agent server in the sandbox, while there is one, or where events are sent to."""
