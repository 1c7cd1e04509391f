"""Uploads in two steps, both ways (contract §6.8)."""

from __future__ import annotations

from typing import Any

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.forms import Field
from runyard.dialects.posthog.mapping.artifacts import LARGEST, MOST, item, largest, metadata_of, name_of
from runyard.dialects.posthog.wire.uploads import PreparedArtifact, PresignedPost
from runyard.domain.coding import entry_id
from runyard.domain.uploads import Upload
from runyard.engine.coding.uploads import NewUpload, Uploaded

KEY = "key"
"""The field of the form that names the file's path."""
OVERHEAD = 64 << 10
"""What a form may have besides the bytes that were announced."""
PREPARE: forms.Form = {
    "artifacts": Field(
        forms.listed(
            item({"size": Field(forms.whole(least=1, most=LARGEST), required=True)}),
            least=1,
            most=MOST,
        ),
        required=True,
    )
}
FINALIZE: forms.Form = {
    "artifacts": Field(
        forms.listed(
            item(
                {
                    "id": Field(forms.text(), required=True),
                    "storage_path": Field(forms.text(longest=500), required=True),
                },
                bundled=False,
            ),
            least=1,
            most=MOST,
        ),
        required=True,
    )
}


def new_upload(said: dict[str, Any], place: int, limit: int) -> NewUpload:
    """An upload to announce. Raises `FieldError` when the file is too large."""
    most = largest(said, limit)
    if said["size"] > most:
        path = ("artifacts", place, "size")
        forms.wrong("max_value", f"Ensure this value is less than or equal to {most}.", path)
    return NewUpload(
        name=name_of(said["name"]),
        kind=said["type"],
        size=said["size"],
        source=said.get("source", ""),
        content_type=said.get("content_type", ""),
        metadata=metadata_of(said),
    )


def uploaded(said: dict[str, Any], limit: int) -> Uploaded:
    """An upload to attach."""
    return Uploaded(
        id=said["id"],
        path=said["storage_path"],
        name=name_of(said["name"]),
        kind=said["type"],
        limit=largest(said, limit),
        source=said.get("source"),
        content_type=said.get("content_type"),
        metadata=metadata_of(said),
    )


def prepared_out(upload: Upload, url: str, seconds: int) -> PreparedArtifact:
    """An upload with the form that brings its bytes."""
    return PreparedArtifact(
        id=entry_id(upload.id),
        name=upload.name,
        type=upload.kind,
        source=upload.source,
        size=upload.size,
        content_type=upload.content_type,
        storage_path=upload.path,
        expires_in=seconds,
        presigned_post=PresignedPost(url=url, fields={KEY: upload.path}),
    )


def most_of(upload: Upload, limit: int) -> int:
    """How many bytes the file may have: what was announced and what the form may have besides, within its limit."""
    said = {"name": upload.name, "type": upload.kind, "content_type": upload.content_type}
    return min(upload.size + OVERHEAD, largest(said, limit))
