"""What signed links open, without a key: files, what is kept of tasks, and forms for uploads (contract §6.7, §6.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler

from runyard.artifacts.port import Blobs
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import uploads as mapping
from runyard.dialects.posthog.shown import LINKS
from runyard.domain.coding import Entry
from runyard.domain.errors import Invalid, TooLarge
from runyard.domain.uploads import Kept, Upload, sendable
from runyard.engine.artifacts import ANY_TYPE
from runyard.engine.coding import manifests, uploads
from runyard.storage.port import Store
from runyard.web import downloads, multipart
from runyard.web.auth import header
from runyard.web.call import Call
from runyard.web.links import origin
from runyard.web.reply import Download, Streamed

FILE, UPLOAD, KEPT = "coding file", "coding upload", "kept of a task"
"""The kinds of links."""
GOOD_SECONDS = 3600
FILES, UPLOADS, SESSIONS = "/links/artifacts", "/links/uploads", "/links/sessions"
NO_CACHE = (b"cache-control", b"no-cache")


def to_file(call: Call, house: House, entry: Entry) -> str:
    """A link that opens the file."""
    return _link(call, house, FILES, FILE, entry.artifact_id)


def to_upload(call: Call, house: House, upload: Upload) -> str:
    """A link that takes the form of an upload."""
    return _link(call, house, UPLOADS, UPLOAD, upload.id)


def to_kept(call: Call, house: House, kept: Kept) -> str:
    """A link that opens what is kept of a task, as it is now."""
    return _link(call, house, SESSIONS, KEPT, kept.sha256, str(kept.size))


def _link(call: Call, house: House, path: str, kind: str, *names: str) -> str:
    signed = house.links.make(kind, call.project_id, names, seconds=GOOD_SECONDS)
    return f"{origin(call.request.scope)}{LINKS.removesuffix('/links')}{path}/{signed}"


def public_handlers(house: House, store: Store) -> Sequence[HTTPRouteHandler]:
    """The routes for everybody who has a link."""

    @get(FILES + "/{link:str}", public=True, include_in_schema=False)
    async def open_file(request: Request[Any, Any, Any], link: str) -> Streamed:
        """The file's bytes, all of them or the `Range` asked for."""
        opened = house.links.read(link, FILE)
        entry = await store.read(manifests.one, opened.project_id, opened.names[0])
        return await file(house.blobs, opened.project_id, entry, asked=_said(request, b"range"))

    @get(SESSIONS + "/{link:str}", public=True, include_in_schema=False)
    async def open_kept(link: str) -> Streamed:
        """What an agent kept of its task."""
        opened = house.links.read(link, KEPT)
        sha256, size = opened.names[0], int(opened.names[1])
        chunks = await house.blobs.stream(opened.project_id, sha256)
        head = downloads.head("session", ANY_TYPE, start=0, stop=size, size=size, partial=False, manner="attachment")
        return Streamed(Download(chunks, headers=[*head, NO_CACHE]))

    @post(UPLOADS + "/{link:str}", public=True, include_in_schema=False, status_code=204, request_max_body_size=None)
    async def take_upload(request: Request[Any, Any, Any], link: str) -> None:
        """Take the form of an upload; one that is sent again takes the place of the one before."""
        opened = house.links.read(link, UPLOAD)
        upload = await store.read(uploads.find, opened.project_id, opened.names[0])
        most = upload.size + mapping.OVERHEAD
        announced = _said(request, b"content-length")
        if announced is not None and announced.isdigit() and int(announced) > most:
            raise TooLarge(f"the form has more than the {most} bytes that were announced for it")
        form = await multipart.read(request.stream(), _said(request, b"content-type") or "", limit=most)
        if form.fields.get(mapping.KEY) != upload.path:
            raise Invalid(f"send the fields as they were given, before the file; {mapping.KEY!r} is another one")
        limit = mapping.most_of(upload, house.settings.max_artifact_bytes)
        blob = await house.blobs.receive(opened.project_id, form.content, limit=limit)
        await store.write(uploads.received, opened.project_id, upload.id, blob)

    return [open_file, open_kept, take_upload]


def _said(request: Request[Any, Any, Any], name: bytes) -> str | None:
    scope: Any = request.scope
    return header(scope, name)


async def file(blobs: Blobs, project_id: int, entry: Entry, *, asked: str | None) -> Streamed:
    """A file on its way out, or the part of it that was asked for."""
    start, stop, status = downloads.span(asked, entry.size)
    chunks = await blobs.stream(project_id, entry.sha256, start=start, stop=stop)
    head = downloads.head(
        entry.name,
        sendable(entry.content_type, ANY_TYPE),
        start=start,
        stop=stop,
        size=entry.size,
        partial=status == 206,
        manner="attachment",
    )
    return Streamed(Download(chunks, headers=[*head, NO_CACHE], status=status))
