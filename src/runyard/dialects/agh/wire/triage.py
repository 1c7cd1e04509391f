"""Shapes of inboxes. Fields with a default are left out where they have it (contract §1)."""

from __future__ import annotations

import msgspec

from runyard.dialects.agh.wire.runs import Identity, RunSummary
from runyard.dialects.agh.wire.tasks import Reference


class TriageState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What somebody has seen of a task."""

    task_id: str
    actor: Identity
    read: bool
    archived: bool
    dismissed: bool
    updated_at: str
    last_seen_activity_at: str = ""


class TriageAnswer(msgspec.Struct, kw_only=True):
    """What somebody has seen of a task."""

    triage: TriageState


class InboxItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A task in an inbox."""

    task: Reference
    lane: str
    latest_activity_at: str
    triage: TriageState
    approval_policy: str = ""
    approval_state: str = ""
    blocking_reason: str = ""
    run: RunSummary | None = None


class InboxGroup(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A lane of an inbox: how much is in it, and the first of that."""

    lane: str
    count: int
    unread_count: int
    items: list[InboxItem] = []


class Inbox(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What waits for somebody."""

    total: int
    unread_total: int
    archived_total: int
    groups: list[InboxGroup] = []


class InboxAnswer(msgspec.Struct, kw_only=True):
    """What waits for somebody."""

    inbox: Inbox
