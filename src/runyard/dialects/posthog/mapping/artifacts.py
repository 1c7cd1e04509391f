"""Files of runs, both ways (contract §6)."""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_args

import msgspec

from runyard.artifacts.port import Blob
from runyard.dialects.posthog import forms
from runyard.dialects.posthog.forms import Field, Path, Read
from runyard.dialects.posthog.wire.artifacts import ArtifactManifestResponse
from runyard.dialects.posthog.wire.runs import Kind
from runyard.domain.coding import Entry, safe_name
from runyard.domain.records import Json
from runyard.domain.uploads import plain_name
from runyard.engine.coding.manifests import NewFile
from runyard.web.entries import entry_out

_json = msgspec.json.Encoder()
KINDS: tuple[str, ...] = get_args(Kind)
BUNDLE = "skill_bundle"
"""The kind whose files say what they are."""
ATTACHMENT, PDF = "user_attachment", "application/pdf"
LARGEST, LARGEST_PDF = 30 << 20, 10 << 20
MOST = 200
"""How many files one request may bring."""
PIECE = 1 << 18
"""How much is decoded at a time, so that nobody waits long meanwhile; divisible by four."""


def _matching(pattern: str) -> Read:
    check = re.compile(pattern).fullmatch

    def read(value: Any, path: Path) -> str:
        if not isinstance(value, str) or check(value) is None:
            forms.wrong("invalid", "This value does not match the required pattern.", path)
        return value

    return read


METADATA: forms.Form = {
    "skill_name": Field(forms.text(longest=255), required=True),
    "skill_source": Field(forms.choice("user", "repo", "marketplace", "codex"), required=True),
    "content_sha256": Field(_matching("[a-f0-9]{64}"), required=True),
    "bundle_format": Field(forms.choice("zip"), required=True),
    "schema_version": Field(forms.whole(least=1, most=2**31), required=True),
}
ITEM: forms.Form = {
    "name": Field(forms.text(longest=255), required=True),
    "type": Field(forms.choice(*KINDS), required=True),
    "source": Field(forms.text(longest=64, blank=True)),
    "content_type": Field(forms.text(longest=255, blank=True)),
    "metadata": Field(forms.nested(METADATA), null=True),
}
"""What every file says of itself."""


def item(more: forms.Form, *, bundled: bool = True) -> Read:
    """A file with more fields; `bundled` is whether one of a kind that must say what it is has to do so here."""
    form = {**ITEM, **more}

    def read(value: Any, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = forms.nested(form)(value, path)
        if bundled and found["type"] == BUNDLE and found.get("metadata") is None:
            forms.wrong("required", "This field is required.", (*path, "metadata"))
        return found

    return read


UPLOAD: forms.Form = {
    "artifacts": Field(
        forms.listed(
            item(
                {
                    "content": Field(forms.text(trim=False), required=True),
                    "content_encoding": Field(forms.choice("utf-8", "base64"), default="utf-8"),
                }
            ),
            least=1,
            most=MOST,
        ),
        required=True,
    )
}
PATH: forms.Form = {"storage_path": Field(forms.text(longest=500), required=True)}


def folder_of(task_folder: str, project_id: int, task_id: str, run_id: str) -> str:
    """What the paths of the run's files begin with."""
    return f"{task_folder}/artifacts/team_{project_id}/task_{task_id}/run_{run_id}"


def name_of(said: str) -> str:
    """The name under which a file is kept."""
    return plain_name(safe_name(said))


def largest(said: dict[str, Any], limit: int) -> int:
    """How many bytes the file may have; `limit` is what the server takes at most."""
    kind = str(said.get("content_type") or "").partition(";")[0].strip().lower()
    is_pdf = kind == PDF or said["name"].lower().endswith(".pdf")
    return min(LARGEST_PDF if is_pdf and said["type"] == ATTACHMENT else LARGEST, limit)


def metadata_of(said: dict[str, Any]) -> Json | None:
    """What the file says of itself, where it does."""
    found = said.get("metadata")
    return None if found is None else _json.encode(found).decode()


def new_file(said: dict[str, Any], blob: Blob) -> NewFile:
    """A file whose bytes are stored, to attach."""
    return NewFile(
        name=name_of(said["name"]),
        kind=said["type"],
        blob=blob,
        source=said.get("source", ""),
        content_type=said.get("content_type", ""),
        metadata=metadata_of(said),
    )


async def content(text: str, encoding: str, path: Path) -> AsyncIterator[bytes]:
    """The bytes of a file, decoded as they are asked for. Raises `FieldError`."""
    for piece in _from_base64(text.strip(), path) if encoding == "base64" else _from_text(text):
        yield piece


def _from_text(text: str) -> Iterator[bytes]:
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE].encode()


def _from_base64(text: str, path: Path) -> Iterator[bytes]:
    for start in range(0, len(text), PIECE):
        piece = text[start : start + PIECE]
        try:
            found = a2b_base64(piece, strict_mode=True)
        except ValueError:
            found = b""
        # Nothing may follow the padding.
        if not found or ("=" in piece and start + PIECE < len(text)):
            forms.wrong("invalid", "This is not valid base64.", path)
        yield found


def manifest_out(entries: list[Entry] | tuple[Entry, ...]) -> ArtifactManifestResponse:
    """Entries of a manifest."""
    return ArtifactManifestResponse(artifacts=[entry_out(entry) for entry in entries])
