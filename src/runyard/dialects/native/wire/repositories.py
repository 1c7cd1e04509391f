"""Repositories, their hooks, and what came through those."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from runyard.domain.repositories import LONGEST, LONGEST_TEXT

FullName = Annotated[str, Meta(min_length=3, max_length=LONGEST)]
Branch = Annotated[str, Meta(min_length=1, max_length=255)]
Url = Annotated[str, Meta(min_length=1, max_length=2048)]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Description = Annotated[str, Meta(max_length=LONGEST_TEXT)]


class RepositoryIn(msgspec.Struct, kw_only=True):
    """A repository to connect the project to."""

    provider: Annotated[str, Meta(min_length=1, max_length=32)]
    """`github`, `gitlab`, `bitbucket`; `local` for a folder below those that may be read; `git` for any other URL."""
    full_name: FullName
    """`owner/name`."""
    url: Url | None = None
    """Where it is cloned from; hosts that are known need none."""
    path: Path | None = None
    """Where a local one lies; unsaid it is looked for by its full name below the folders that may be read."""
    default_branch: Branch | None = None
    """Unsaid it is what a local one has checked out, else `main`."""
    description: Description | None = None
    private: bool = False


class RepositoryPatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What to change of a repository."""

    full_name: FullName | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    path: Path | UnsetType = UNSET
    default_branch: Branch | UnsetType = UNSET
    description: Description | None | UnsetType = UNSET
    private: bool | UnsetType = UNSET


class Repository(msgspec.Struct, kw_only=True):
    """A repository the project is connected to."""

    id: str
    provider: str
    full_name: str
    url: str | None
    path: str | None
    default_branch: str
    description: str | None
    language: str | None
    stack: dict[str, list[str]]
    private: bool
    hook: bool
    """Whether deliveries of its host are taken: whether its hook has a secret."""
    created_at: datetime
    updated_at: datetime
    synced_at: datetime | None
    """When its folder was looked at, or its host last said how it is."""


class RepositoryHook(msgspec.Struct, kw_only=True):
    """What to enter at the code host. The secret is in this answer and in no other one."""

    path: str
    """Below the address by which the host reaches this server."""
    secret: str
    content_type: str
    events: list[str]


class DeliveredRun(msgspec.Struct, kw_only=True):
    """A run that a delivery made."""

    run_id: str
    agent_id: str


class RefusedRun(msgspec.Struct, kw_only=True):
    """An agent that was meant and took no run."""

    agent_id: str
    reason: str


class ReceivedDelivery(msgspec.Struct, kw_only=True):
    """A delivery of a code host, and what became of it."""

    delivery: str
    event: str
    action: str | None
    """What exactly happened, such as `opened`."""
    received_at: datetime
    outcome: str
    """`runs`, `ignored`, or `pong` for a call to see whether anybody listens."""
    reason: str | None
    """Why it was ignored."""
    runs: list[DeliveredRun]
    refused: list[RefusedRun]
    left_out: int
    """How many agents matched beyond those one delivery makes runs of."""


class HookReply(msgspec.Struct, kw_only=True):
    """What a code host is answered."""

    outcome: str
    reason: str | None
    runs: list[str]
    duplicate: bool
