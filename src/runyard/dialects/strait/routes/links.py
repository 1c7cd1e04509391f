"""Worker-side calls with which a run makes others, goes on in another, or waits (contract §15, §20)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.strait.auth import INTERNAL, WORKER, scopes_of
from runyard.dialects.strait.house import House
from runyard.dialects.strait.mapping import links as mapping
from runyard.dialects.strait.mapping import values
from runyard.dialects.strait.mapping.runs import run_out
from runyard.dialects.strait.routes.worker import OPEN, TAGS, one, report
from runyard.dialects.strait.slugs import slug_of
from runyard.dialects.strait.wire import JobRun
from runyard.dialects.strait.wire import links as wire
from runyard.domain.errors import Forbidden, Invalid, Unauthorized
from runyard.engine import event_waits, keys, lineage, projects, spawns
from runyard.outbound.guard import check_url
from runyard.web.call import Call

TRIGGER = "jobs:trigger"


async def _target(call: Call, asked: wire.SDKSpawnRequest) -> int:
    """The project in which the child is made.

    Raises `Invalid` without a key for another project, `Unauthorized` for a bad one, `Forbidden` for one of a third.
    """
    if asked.project_id == await slug_of(call):
        return call.project_id
    if not asked.target_api_key:
        raise Invalid("a child in another project needs `target_api_key`, a key of that project")
    key = await call.read(keys.find_by_hash, keys.hash_of(asked.target_api_key))
    ended = key is not None and key.expires_at is not None and key.expires_at <= call.store.now()
    if key is None or key.revoked_at is not None or ended:
        raise Unauthorized("the `target_api_key` is not known, or is good no more")
    scopes = scopes_of(key)
    if TRIGGER not in scopes:
        raise Forbidden(f"the `target_api_key` lacks {TRIGGER}")
    if INTERNAL in scopes:
        return (await call.read(projects.find, asked.project_id)).id
    if (await call.read(projects.find, key.project_id)).slug != asked.project_id:
        raise Forbidden("the `target_api_key` is of another project")
    return key.project_id


@post("/sdk/v1/runs/{run_id:str}/spawn", needs=WORKER, status_code=201, tags=TAGS, refuses=OPEN)
async def spawn(call: Call, run_id: str, data: wire.SDKSpawnRequest) -> wire.SDKSpawnResponse:
    """Make a child run; if asked, wait until all that comes of it has ended."""
    seconds = data.await_timeout_secs or event_waits.DEFAULT // values.SECOND
    payload = values.given_text(data.payload)
    asked = report(
        call,
        spawns.Spawn,
        job=data.job_slug,
        target=await _target(call, data),
        payload="{}" if payload is None else payload,
        priority=data.priority,
        wait=seconds * values.SECOND if data.await_completion else None,
    )
    return mapping.spawned_out(await call.write(spawns.spawn, asked), data.project_id)


@post("/sdk/v1/runs/{run_id:str}/continue", needs=WORKER, status_code=201, tags=TAGS, refuses=OPEN)
async def continue_run(call: Call, run_id: str, data: wire.SDKContinueRequest | None = None) -> JobRun:
    """Make a run that continues this one, with another payload or the same."""
    payload = None if data is None else values.given_text(data.payload)
    run = await call.write(lineage.proceed, report(call, lineage.Continue, payload=payload))
    return run_out(run, await slug_of(call))


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @post("/sdk/v1/runs/{run_id:str}/wait-for-event", needs=WORKER, status_code=200, tags=TAGS, refuses=(*OPEN, 429))
    async def wait_for_event(
        call: Call, run_id: str, data: wire.SDKWaitForEventRequest
    ) -> wire.SDKWaitForEventResponse:
        """Park the run until the event comes."""
        if data.notify_url:
            check_url(data.notify_url, house.settings)
        seconds = data.timeout_secs or event_waits.DEFAULT // values.SECOND
        asked = report(
            call,
            event_waits.NewWait,
            name=data.event_key,
            timeout=seconds * values.SECOND,
            notify_url=data.notify_url or None,
        )
        begun: event_waits.Begun = await one(call, event_waits.begin, asked)
        return mapping.waiting_out(begun.wait)

    return [spawn, continue_run, wait_for_event]
