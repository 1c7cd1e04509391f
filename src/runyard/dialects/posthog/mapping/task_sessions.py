"""What an agent remembers of a task, both ways (contract §11)."""

from __future__ import annotations

import re

from runyard.dialects.posthog.errors import FieldError
from runyard.dialects.posthog.wire.task_sessions import SyncedTaskSession, TaskSession
from runyard.domain.uploads import Kept

NONE = "none"
_VERSION = re.compile(r'"(none|[a-f0-9]{64})"').fullmatch


def before(if_match: str) -> str | None:
    """The hash of what is to be replaced, None for nothing. Raises `FieldError`."""
    match = _VERSION(if_match.strip())
    if match is None:
        raise FieldError("invalid", 'This must be the SHA-256 of what is replaced in quotes, or "none".', "If-Match")
    return None if match[1] == NONE else match[1]


def session_out(task_id: str, kept: Kept | None, url: str | None) -> TaskSession:
    """What is kept of the task; it has one session, which goes by its id."""
    return TaskSession(id=task_id, download_url=url, content_sha256=kept.sha256 if kept is not None else None)


def synced_out(kept: Kept) -> SyncedTaskSession:
    """What is kept now."""
    return SyncedTaskSession(id=kept.task_id, content_sha256=kept.sha256)
