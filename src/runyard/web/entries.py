"""Files of coding runs as agents are told of them."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec import Raw

from runyard.domain.coding import Entry, entry_id


class ArtifactEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file of a run's manifest."""

    name: str
    type: str
    size: int
    content_type: str
    storage_path: str
    uploaded_at: str
    id: str = ""
    source: str | None = None
    metadata: Raw | None = None


def entry_out(entry: Entry) -> ArtifactEntry:
    """An entry of the manifest."""
    return ArtifactEntry(
        id=entry_id(entry.artifact_id),
        name=entry.name,
        type=entry.kind,
        source=entry.source,
        size=entry.size,
        content_type=entry.content_type,
        storage_path=entry.path,
        uploaded_at=instant(entry.at),
        metadata=Raw(entry.metadata.encode()) if entry.metadata is not None else None,
    )


def instant(at: int) -> str:
    """A time as agents are told it: ISO 8601, UTC, microseconds."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1_000_000:06d}Z"
