"""Uploads in two steps: announced, sent as a form, and attached (contract §6.8)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.errors import action
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import artifacts as files
from runyard.dialects.posthog.mapping import uploads as mapping
from runyard.dialects.posthog.people import doer, own
from runyard.dialects.posthog.routes import links
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.wire.artifacts import ArtifactManifestResponse
from runyard.dialects.posthog.wire.uploads import (
    ArtifactsFinalizeRequest,
    ArtifactsPrepareRequest,
    ArtifactsPrepareResponse,
)
from runyard.engine.coding import runs, uploads
from runyard.web.call import Call


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""
    limit = house.settings.max_artifact_bytes

    @post(
        RUN + "/artifacts/prepare_upload",
        needs="task:write",
        operation_id="tasks_runs_artifacts_prepare_upload_create",
        tags=["task-runs-extra"],
        status_code=200,
        body=ArtifactsPrepareRequest,
    )
    async def prepare_upload(call: Call, project_id: str, task_id: str, id: str) -> ArtifactsPrepareResponse:
        """A form for each file, to be sent within an hour."""
        task, run = own(task_id, "task"), own(id, "run")
        await call.read(runs.find, call.project_id, task, run)
        said = (await forms.body(call, mapping.PREPARE))["artifacts"]
        wanted = [mapping.new_upload(one, place, limit) for place, one in enumerate(said)]
        folder = files.folder_of(house.settings.task_folder, call.project_id, task, run)
        with action():
            made = await call.write(uploads.prepare, call.project_id, task, run, folder, wanted)
        return ArtifactsPrepareResponse(
            artifacts=[mapping.prepared_out(one, links.to_upload(call, house, one), links.GOOD_SECONDS) for one in made]
        )

    @post(
        RUN + "/artifacts/finalize_upload",
        needs="task:write",
        operation_id="tasks_runs_artifacts_finalize_upload_create",
        tags=["task-runs-extra"],
        status_code=200,
        body=ArtifactsFinalizeRequest,
    )
    async def finalize_upload(call: Call, project_id: str, task_id: str, id: str) -> ArtifactManifestResponse:
        """The entries of files that were uploaded; those that the manifest has already stay as they are."""
        task, run = own(task_id, "task"), own(id, "run")
        await call.read(runs.find, call.project_id, task, run)
        said = (await forms.body(call, mapping.FINALIZE))["artifacts"]
        wanted = [mapping.uploaded(one, limit) for one in said]
        folder = files.folder_of(house.settings.task_folder, call.project_id, task, run)
        with action():
            entries = await call.write(uploads.attach, call.project_id, task, run, folder, wanted, doer(call, "files"))
        return files.manifest_out(entries)

    return [prepare_upload, finalize_upload]
