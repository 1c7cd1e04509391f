"""What an agent remembers of a task, as the dialect shows it (contract §11)."""

from __future__ import annotations

import msgspec


class TaskSession(msgspec.Struct, kw_only=True):
    """Where it can be downloaded, where there is any."""

    id: str
    download_url: str | None
    content_sha256: str | None


class SyncedTaskSession(msgspec.Struct, kw_only=True):
    """What is kept now."""

    id: str
    content_sha256: str
