"""Files of runs as the dialect shows and takes them (contract §6)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runyard.dialects.posthog.wire.runs import Kind
from runyard.web.entries import ArtifactEntry

Name = Annotated[str, Meta(min_length=1, max_length=255)]
Path = Annotated[str, Meta(min_length=1, max_length=500)]
Source = Annotated[str, Meta(max_length=64)]
ContentType = Annotated[str, Meta(max_length=255)]


class ArtifactMetadata(msgspec.Struct, kw_only=True):
    """What a bundle of a skill says of itself."""

    skill_name: Name
    skill_source: Literal["user", "repo", "marketplace", "codex"]
    content_sha256: Annotated[str, Meta(pattern="^[a-f0-9]{64}$")]
    bundle_format: Literal["zip"]
    schema_version: Annotated[int, Meta(ge=1)]


class ArtifactUploadItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file with its bytes, as text or as text in base64."""

    name: Name
    type: Kind
    content: Annotated[str, Meta(min_length=1)]
    content_type: ContentType = ""
    content_encoding: Literal["utf-8", "base64"] = "utf-8"
    source: Source = ""
    metadata: ArtifactMetadata | None = None


class ArtifactsUploadRequest(msgspec.Struct, kw_only=True):
    """Files to add to the run's manifest."""

    artifacts: Annotated[list[ArtifactUploadItem], Meta(min_length=1)]


class ArtifactManifestResponse(msgspec.Struct, kw_only=True):
    """Entries of the run's manifest, oldest first."""

    artifacts: list[ArtifactEntry]


class ArtifactPathRequest(msgspec.Struct, kw_only=True):
    """Which entry is meant."""

    storage_path: Path


class ArtifactPresignResponse(msgspec.Struct, kw_only=True):
    """A link that opens the file without a key, and for how many seconds."""

    url: str
    expires_in: int
