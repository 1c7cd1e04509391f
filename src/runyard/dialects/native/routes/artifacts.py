"""Files of runs, streamed in and out."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from runyard.artifacts.port import Blobs
from runyard.dialects.native import mapping, wire
from runyard.dialects.native.routes.records import EXECUTORS, writer
from runyard.domain.traces import Artifact
from runyard.engine import artifacts
from runyard.streams.asgi import Header
from runyard.web import downloads
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, place
from runyard.web.reply import Download, Sent, Streamed

INLINE = {"text/plain", "application/json", "image/png", "image/jpeg", "image/gif", "image/webp"}
"""Types a browser may show; anything else is only downloaded."""


def handlers(blobs: Blobs, *, limit: int) -> Sequence[HTTPRouteHandler]:
    """All routes of this module; an upload may have `limit` bytes."""

    @post(
        "/v1/runs/{run_id:str}/artifacts",
        needs=EXECUTORS,
        status_code=201,
        consumes="application/octet-stream",
        request_max_body_size=None,
    )
    async def add_artifact(call: Call, run_id: str, name: str, token: str | None = None) -> wire.Artifact:
        """Keep the body as a file of the run, under `name` and the request's content type."""
        who = writer(call, run_id, token)
        kind = call.header("content-type") or artifacts.ANY_TYPE
        project_id = await call.read(artifacts.check, who, name, kind)
        blob = await blobs.receive(project_id, call.request.stream(), limit=limit)
        made = await call.write(artifacts.add, who, artifacts.NewArtifact(name=name, blob=blob, content_type=kind))
        return mapping.artifact_out(made)

    @get(
        "/v1/runs/{run_id:str}/artifacts/{artifact_id:str}/content", needs="runs:read", produces="*/*", also=(206, 304)
    )
    async def get_artifact_content(call: Call, run_id: str, artifact_id: str) -> Streamed:
        """The file's bytes, all of them or the `Range` asked for; `If-None-Match` saves a repetition."""
        found = await call.read(artifacts.get, call.project_id, mapping.run_id(run_id), artifact_id)
        etag = f'"{found.sha256}"'
        if etag in (call.header("if-none-match") or ""):
            return Streamed(Sent(304, b"", headers=[(b"etag", etag.encode())]))
        start, stop, status = downloads.span(call.header("range"), found.size)
        chunks = await blobs.stream(call.project_id, found.sha256, start=start, stop=stop)
        headers = _headers(found, etag, start, stop, partial=status == 206)
        return Streamed(Download(chunks, headers=headers, status=status))

    return [add_artifact, list_artifacts, get_artifact, get_artifact_content]


def _headers(found: Artifact, etag: str, start: int, stop: int, *, partial: bool) -> list[Header]:
    base = found.content_type.partition(";")[0].strip().lower()
    manner = "inline" if base in INLINE else "attachment"
    return [
        *downloads.head(
            found.name,
            found.content_type,
            start=start,
            stop=stop,
            size=found.size,
            partial=partial,
            manner=manner,
        ),
        (b"etag", etag.encode()),
        (b"cache-control", b"private, max-age=31536000, immutable"),
    ]


@get("/v1/runs/{run_id:str}/artifacts", needs="runs:read")
async def list_artifacts(call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Artifact]:
    """The run's files, oldest first."""
    (after,) = place(cursor, tuple[str]) or ("",)
    found = await call.read(artifacts.of_run, call.project_id, mapping.run_id(run_id), after=after, limit=limit)
    return mapping.page(found, mapping.artifact_out)


@get("/v1/runs/{run_id:str}/artifacts/{artifact_id:str}", needs="runs:read")
async def get_artifact(call: Call, run_id: str, artifact_id: str) -> wire.Artifact:
    """One file's description."""
    return mapping.artifact_out(await call.read(artifacts.get, call.project_id, mapping.run_id(run_id), artifact_id))
