"""Whether queued runs are handed out, and which there are (contract §21)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import scheduler as mapping
from runyard.dialects.agh.mapping.values import flag, trimmed, wanted, whole
from runyard.dialects.agh.wire import scheduler as wire
from runyard.dialects.agh.wire.queries import Flag, Number
from runyard.domain.errors import Invalid
from runyard.engine.tasks import scheduling
from runyard.web.call import Call
from runyard.web.draining import drain

USUAL, MOST = 50, 500
SECONDS = 60
LONGEST = 24 * 3600


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""

    @get("/api/scheduler", needs="task:read", tags=["scheduler"])
    async def get_scheduler(call: Call) -> wire.StatusAnswer:
        """Whether queued runs are handed out, and how many there are."""
        await people.doer(call, "scheduler_status")
        return mapping.answer_out(await call.read(scheduling.status, call.project_id))

    @post("/api/scheduler/pause", needs="task:write", status_code=200, tags=["scheduler"])
    async def pause_scheduler(call: Call, data: wire.ReasonRequest | None = None) -> wire.StatusAnswer:
        """Hand out nothing until it is resumed; what is under way goes on."""
        by = await people.doer(call, "scheduler_pause")
        reason = trimmed(data.reason) if data is not None else None
        return mapping.answer_out(await call.write(scheduling.pause, call.project_id, by, reason))

    @post("/api/scheduler/resume", needs="task:write", status_code=200, tags=["scheduler"])
    async def resume_scheduler(call: Call, data: wire.ReasonRequest | None = None) -> wire.StatusAnswer:
        """Hand out what is queued."""
        by = await people.doer(call, "scheduler_resume")
        return mapping.answer_out(await call.write(scheduling.resume, call.project_id, by))

    @post("/api/scheduler/drain", needs="task:write", status_code=200, tags=["scheduler"])
    async def drain_scheduler(call: Call, data: wire.DrainRequest | None = None) -> wire.DrainAnswer:
        """Pause, and wait until nobody has a run any more: 60 seconds, unless told how long; 0 looks once."""
        by = await people.doer(call, "scheduler_drain")
        seconds = SECONDS if data is None or data.timeout_seconds is None else data.timeout_seconds
        if not 0 <= seconds <= LONGEST:
            raise Invalid(f"timeout_seconds must be from 0 to {LONGEST}, not {seconds}")
        reason = trimmed(data.reason) if data is not None else None
        drained = await drain(call.store, house.hub, call.project_id, by, reason=reason, seconds=seconds)
        return mapping.drain_out(drained)

    @get("/api/scheduler/backlog", needs="task:read", tags=["scheduler"])
    async def get_scheduler_backlog(
        call: Call, limit: Number = None, workspace: str | None = None, include_paused: Flag = None
    ) -> wire.BacklogAnswer:
        """Queued runs in the order in which they are handed out: 50 unless told how many, 500 at most."""
        await people.doer(call, "scheduler_backlog")
        backlog = await call.read(
            scheduling.backlog,
            call.project_id,
            _workspace(workspace),
            paused=flag("include_paused", include_paused),
            limit=min(whole("limit", limit) or USUAL, MOST),
        )
        return mapping.backlog_out(backlog)

    return [get_scheduler, pause_scheduler, resume_scheduler, drain_scheduler, get_scheduler_backlog]


def _workspace(text: str | None) -> str | None:
    """The workspace by its id alone; one that cannot be an id has no runs."""
    found = wanted("ws", text)
    return "nowhere" if found == "" else found
