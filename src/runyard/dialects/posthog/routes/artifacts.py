"""Files of runs: stored, listed, linked to and read (contract §6)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from litestar import post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.errors import NoEntry, action
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import artifacts as mapping
from runyard.dialects.posthog.people import doer, own
from runyard.dialects.posthog.routes import links
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.wire.artifacts import (
    ArtifactManifestResponse,
    ArtifactPathRequest,
    ArtifactPresignResponse,
    ArtifactsUploadRequest,
)
from runyard.domain.coding import Entry
from runyard.domain.errors import TooLarge
from runyard.engine.coding import manifests, runs
from runyard.engine.coding.manifests import NewFile
from runyard.web.call import Call
from runyard.web.reply import Streamed

NO_ENTRY = "the run's manifest has no file of this path"


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @post(
        RUN + "/artifacts",
        needs="task:write",
        operation_id="tasks_runs_artifacts_create",
        tags=["task-runs"],
        status_code=200,
        body=ArtifactsUploadRequest,
    )
    async def add_artifacts(call: Call, project_id: str, task_id: str, id: str) -> ArtifactManifestResponse:
        """Keep files of the run; its whole manifest, these files last."""
        task, run = own(task_id, "task"), own(id, "run")
        await call.read(runs.find, call.project_id, task, run)
        pieces = [piece async for piece in call.request.stream()]
        # Millions of characters are not read beside other requests.
        said = await asyncio.to_thread(_read, call, pieces)
        files = [await _stored(house, call.project_id, one, place) for place, one in enumerate(said["artifacts"])]
        folder = mapping.folder_of(house.settings.task_folder, call.project_id, task, run)
        with action():
            entries = await call.write(manifests.add, call.project_id, task, run, folder, files, doer(call, "files"))
        return mapping.manifest_out(entries)

    @post(
        RUN + "/artifacts/presign",
        needs="task:read",
        operation_id="tasks_runs_artifacts_presign_create",
        tags=["task-runs"],
        status_code=200,
        body=ArtifactPathRequest,
    )
    async def presign_artifact(call: Call, project_id: str, task_id: str, id: str) -> ArtifactPresignResponse:
        """A link that opens a file of the run for an hour, without a key."""
        entry = await _entry(call, task_id, id, hops=0)
        url = links.to_file(call, house, entry)
        return ArtifactPresignResponse(url=url, expires_in=links.GOOD_SECONDS)

    @post(
        RUN + "/artifacts/download",
        needs="task:read",
        operation_id="tasks_runs_artifacts_download_create",
        tags=["task-runs-extra"],
        status_code=200,
        body=ArtifactPathRequest,
        produces="application/octet-stream",
    )
    async def download_artifact(call: Call, project_id: str, task_id: str, id: str) -> Streamed:
        """The bytes of a file of the run, or of one that it goes on from."""
        entry = await _entry(call, task_id, id, hops=manifests.HOPS)
        return await links.file(house.blobs, call.project_id, entry, asked=None)

    return [add_artifacts, presign_artifact, download_artifact]


def _read(call: Call, pieces: list[bytes]) -> dict[str, Any]:
    """The form, without keeping the body it came in."""
    raw = b"".join(pieces)
    pieces.clear()
    return forms.fill(mapping.UPLOAD, forms.parsed(call, raw))


async def _stored(house: House, project_id: int, said: dict[str, Any], place: int) -> NewFile:
    path = ("artifacts", place, "content")
    most = mapping.largest(said, house.settings.max_artifact_bytes)
    content = mapping.content(said.pop("content"), said["content_encoding"], path)
    try:
        blob = await house.blobs.receive(project_id, content, limit=most)
    except TooLarge:
        forms.wrong("max_length", f"Ensure this file has no more than {most} bytes.", path)
    return mapping.new_file(said, blob)


async def _entry(call: Call, task_id: str, id: str, *, hops: int) -> Entry:
    task, run = own(task_id, "task"), own(id, "run")
    await call.read(runs.find, call.project_id, task, run)
    wanted = (await forms.body(call, mapping.PATH))["storage_path"]
    entry = await call.read(manifests.at_path, call.project_id, task, run, wanted, hops=hops)
    if entry is None:
        raise NoEntry(NO_ENTRY)
    return entry
