"""Tasks as the dialect shows them (contract §11)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.posthog.wire.runs import TaskRunDetail
from runyard.dialects.posthog.wire.users import UserBasic

TITLE, PRODUCT, REPOSITORY = 255, 20, 255


class Task(msgspec.Struct, kw_only=True):
    """A task with its latest run; every key is always there."""

    id: str
    task_number: int | None
    slug: str
    title: str
    title_manually_set: bool
    description: str
    origin_product: str
    repository: str | None
    github_integration: int | None
    json_schema: Raw | None
    internal: bool
    latest_run: TaskRunDetail | None
    created_at: str
    updated_at: str
    created_by: UserBasic | None


class PaginatedTaskList(msgspec.Struct, kw_only=True):
    """A page of tasks, newest first."""

    count: int
    next: str | None
    previous: str | None
    results: list[Task]


class TaskWrite(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a task says; what is missing is made up when it is made, and stays when it is changed."""

    title: Annotated[str, Meta(max_length=TITLE)] = ""
    title_manually_set: bool = False
    description: str = ""
    origin_product: Annotated[str, Meta(max_length=PRODUCT)] = "user_created"
    repository: Annotated[str, Meta(max_length=REPOSITORY, pattern=r"^([^/\s]+/[^/\s]+)?$")] | None = None
    github_integration: int | None = None
    json_schema: dict[str, Any] | None = None
