"""What runs are launched, started and called off with (contract §11)."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from runyard.dialects.posthog.wire.runs import Mode

ARTIFACT = 128


class TaskRunLaunch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a new run begins; everything may be missing."""

    mode: Mode = "background"
    branch: Annotated[str, Meta(max_length=255)] | None = None
    resume_from_run_id: UUID | None = None
    pending_user_message: Annotated[str, Meta(min_length=1)] | None = None
    pending_user_artifact_ids: list[Annotated[str, Meta(max_length=ARTIFACT)]] = []
    sandbox_environment_id: UUID | None = None
    runtime_adapter: Literal["claude", "codex"] | None = None
    model: str | None = None
    reasoning_effort: str | None = None
    initial_permission_mode: str | None = None


class TaskRunStart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a run that is there is started with."""

    pending_user_message: str | None = None
    pending_user_artifact_ids: list[str] = []


class TaskRunCancel(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a run is called off."""

    reason: str | None = None
