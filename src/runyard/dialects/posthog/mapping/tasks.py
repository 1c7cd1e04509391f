"""Tasks, both ways, and which of them a list is of (contract §11)."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.forms import Field, Path, Read
from runyard.dialects.posthog.mapping.users import user_out
from runyard.dialects.posthog.mapping.values import STATUS, WANTED
from runyard.dialects.posthog.wire.runs import TaskRunDetail
from runyard.dialects.posthog.wire.tasks import PRODUCT, REPOSITORY, TITLE, Task
from runyard.domain.coding import TaskSeen, prefix_of
from runyard.domain.errors import Invalid
from runyard.domain.states import RunState
from runyard.engine.coding import tasks
from runyard.engine.coding.changing import TaskChange
from runyard.engine.coding.listing import Wanted
from runyard.engine.coding.tasks import NewCodingTask
from runyard.web.entries import instant

LARGEST = 2**63 - 1
_json = msgspec.json.Encoder()
_REPOSITORY = re.compile(r"[^/\s]+/[^/\s]+").fullmatch


def _repository(value: Any, path: Path) -> str | None:
    found: str = forms.text(longest=REPOSITORY, blank=True)(value, path)
    if found and _REPOSITORY(found) is None:
        forms.wrong("invalid", "A repository is named organization/repository.", path)
    return found or None


def _schema(value: Any, path: Path) -> str:
    if not isinstance(value, dict):
        forms.wrong("invalid", "A schema must be a JSON object.", path)
    text = _json.encode(value).decode()
    try:
        tasks.check_schema(text)
    except Invalid as error:
        forms.wrong("invalid", error.detail, path)
    return text


def _unless_blank(read: Read) -> Read:
    return lambda value, path: read(value, path) if value.strip() else None


WRITE: forms.Form = {
    "title": Field(forms.text(longest=TITLE, blank=True)),
    "title_manually_set": Field(forms.flag()),
    "description": Field(forms.text(blank=True, trim=False)),
    "origin_product": Field(forms.text(longest=PRODUCT)),
    "repository": Field(_repository, null=True),
    "github_integration": Field(forms.whole(least=0, most=LARGEST), null=True),
    "json_schema": Field(_schema, null=True),
}
FILTERS: forms.Form = {
    "origin_product": Field(_unless_blank(forms.text()), default=None),
    "stage": Field(_unless_blank(forms.text()), default=None),
    "organization": Field(_unless_blank(forms.text()), default=None),
    "repository": Field(_unless_blank(forms.text()), default=None),
    "created_by": Field(_unless_blank(forms.whole(least=0, most=LARGEST)), default=None),
    "status": Field(_unless_blank(forms.choice(*WANTED)), default=None),
    "search": Field(_unless_blank(forms.text(longest=1000)), default=None),
}


def new_task(said: dict[str, Any], creator: str) -> NewCodingTask:
    """A task to make, as it was asked for."""
    return NewCodingTask(
        title=said.get("title", ""),
        titled=said.get("title_manually_set", bool(said.get("title"))),
        description=said.get("description", ""),
        product=said.get("origin_product", "user_created"),
        repository=said.get("repository"),
        integration=said.get("github_integration"),
        output_schema=said.get("json_schema"),
        creator=creator,
    )


def change(said: dict[str, Any]) -> TaskChange:
    """What to change of a task."""
    return TaskChange(
        title=said.get("title", UNSET),
        titled=said.get("title_manually_set", UNSET),
        description=said.get("description", UNSET),
        product=said.get("origin_product", UNSET),
        repository=said.get("repository", UNSET),
        integration=said.get("github_integration", UNSET),
        output_schema=said.get("json_schema", UNSET),
    )


def wanted(said: dict[str, Any]) -> Wanted:
    """Which tasks are meant."""
    status = said["status"]
    return Wanted(
        product=said["origin_product"],
        stage=said["stage"],
        owner=said["organization"],
        repository=said["repository"],
        creator_number=said["created_by"],
        states=frozenset(state for state in RunState if STATUS[state] == status) if status is not None else None,
        text=said["search"],
    )


def task_out(seen: TaskSeen, latest: TaskRunDetail | None) -> Task:
    """The task as the dialect shows it."""
    row = seen.row
    return Task(
        id=row.task_id,
        task_number=row.number,
        slug=f"{prefix_of(seen.project)}-{row.number}" if row.number is not None else "",
        title=seen.title,
        title_manually_set=bool(row.titled),
        description=seen.description,
        origin_product=row.product,
        repository=row.repository,
        github_integration=row.integration,
        json_schema=msgspec.Raw(row.output_schema.encode()) if row.output_schema is not None else None,
        internal=False,
        latest_run=latest,
        created_at=instant(row.created_at),
        updated_at=instant(seen.updated_at),
        created_by=user_out(row.creator, seen.creator) if row.creator is not None else None,
    )
