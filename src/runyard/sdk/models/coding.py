"""Coding tasks and their runs, the sandboxes that agents work in, and the chat threads that hear of runs."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from msgspec import Raw, field

from runyard.sdk.models.model import NULL, Model, Page, value_of


class CodingFile(Model, frozen=True, kw_only=True):
    """A file of a coding run, as its manifest has it; `id` is the artifact's."""

    id: str
    name: str
    kind: str = ""
    source: str = ""
    content_type: str = ""
    size: int = 0
    sha256: str = ""
    path: str = ""
    metadata: Any = None
    created_at: datetime | None = None


class CodingRun(Model, frozen=True, kw_only=True):
    """What stands beside a run of a coding task; everything else of it is in `runs`."""

    run_id: str
    task_id: str
    state: str
    number: int = 0
    """Its attempt at the task."""
    sandboxed: bool = True
    """Whether the server opens a sandbox for it; else somebody works on it outside."""
    stage: str | None = None
    branch: str | None = None
    raw_shared: Raw = field(name="shared", default=NULL)
    raw_output: Raw = field(name="output", default=NULL)
    raw_error: Raw = field(name="error", default=NULL)
    log_entries: int = 0
    manifest: list[CodingFile] = []
    created_at: datetime | None = None
    updated_at: datetime | None = None
    finished_at: datetime | None = None

    @cached_property
    def shared(self) -> Any:
        """An object that server and agent share."""
        return value_of(self.raw_shared)

    @cached_property
    def output(self) -> Any:
        """What came of it."""
        return value_of(self.raw_output)

    @cached_property
    def error(self) -> Any:
        """What went wrong."""
        return value_of(self.raw_error)


class CodingAnswer(Model, frozen=True, kw_only=True):
    """What an agent answered."""

    stop_reason: str
    """How its turn ended: `end_turn` in good order, `cancelled`, … `steered` for what the turn under way got."""
    message: str | None = None
    """All that it said in the turn."""
    error: str | None = None
    """What went wrong in the turn, or why the message was not taken."""


class CodingToken(Model, frozen=True, kw_only=True):
    """A signed token, and where it is good."""

    token: str
    expires_at: datetime
    url: str | None = None
    """The agent server in the sandbox, while there is one, or where events are sent to."""


class CodingTask(Model, frozen=True, kw_only=True):
    """A task that changes a repository; how it stands as a task is in `tasks`."""

    id: str
    title: str
    number: int | None = None
    """Counts the project's coding tasks, from 0."""
    is_titled: bool = False
    """Whether somebody chose the title; else it is from the description."""
    description: str = ""
    product: str = ""
    repository: str | None = None
    integration: int | None = None
    output_schema: Any = None
    key_id: str | None = None
    """The key that made it."""
    latest_run: CodingRun | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Sandbox(Model, frozen=True, kw_only=True):
    """A run in a sandbox, or in one that is being opened."""

    run_id: str
    task_id: str
    state: str
    worker: str | None = None
    """The server that keeps it."""
    since: datetime | None = None
    sandbox_id: str | None = None
    host: str | None = None
    """Where its agent server is reached from that server; None until it is ready."""
    memory_mb: float | None = None
    """What it held when it was last looked at."""


class Sandboxes(Page[Sandbox], frozen=True, kw_only=True):
    """A page of sandboxes, and how the server shuts them in."""

    isolation: str = ""
    """`bubblewrap`, `none`, or `off` where it opens none."""
    reason: str | None = None
    """Why it opens none."""


class Thread(Model, frozen=True, kw_only=True):
    """A chat thread that hears of a run."""

    run_id: str
    channel: str
    thread: str
    service: str = "slack"
    mention: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Relay(Model, frozen=True, kw_only=True):
    """Something that was to be said in a run's thread."""

    id: str
    kind: str = ""
    """`message` of the agent, or `update` of how the run stands."""
    state: str = ""
    """`queued`, `sent`, `failed`, or `dropped` as nobody would have heard it."""
    text: str | None = None
    attempts: int = 0
    error: str | None = None
    created_at: datetime | None = None
    due_at: datetime | None = None
    done_at: datetime | None = None
