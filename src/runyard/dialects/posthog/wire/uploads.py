"""Uploads in two steps as the dialect has them (contract §6.8)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from runyard.dialects.posthog.wire.artifacts import ArtifactMetadata, ContentType, Name, Source
from runyard.dialects.posthog.wire.runs import Kind


class ArtifactPrepareItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file that is about to be uploaded."""

    name: Name
    type: Kind
    size: Annotated[int, Meta(ge=1, le=30 << 20)]
    source: Source = ""
    content_type: ContentType = ""
    metadata: ArtifactMetadata | None = None


class ArtifactsPrepareRequest(msgspec.Struct, kw_only=True):
    """Files that are about to be uploaded."""

    artifacts: Annotated[list[ArtifactPrepareItem], Meta(min_length=1)]


class PresignedPost(msgspec.Struct, kw_only=True):
    """A form to send: these fields as they are, then the file in a part called `file`."""

    url: str
    fields: dict[str, str]


class PreparedArtifact(msgspec.Struct, kw_only=True):
    """Where the file goes, and how it gets there."""

    id: str
    name: str
    type: str
    source: str
    size: int
    content_type: str
    storage_path: str
    expires_in: int
    presigned_post: PresignedPost


class ArtifactsPrepareResponse(msgspec.Struct, kw_only=True):
    """A form for each file, in their order."""

    artifacts: list[PreparedArtifact]


class ArtifactFinalizeItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file whose bytes were uploaded."""

    id: str
    name: Annotated[str, Meta(max_length=255)]
    type: Kind
    storage_path: Annotated[str, Meta(max_length=500)]
    source: Source | None = None
    content_type: ContentType | None = None
    metadata: ArtifactMetadata | None = None


class ArtifactsFinalizeRequest(msgspec.Struct, kw_only=True):
    """Files that were uploaded and become entries of the manifest."""

    artifacts: Annotated[list[ArtifactFinalizeItem], Meta(min_length=1)]
