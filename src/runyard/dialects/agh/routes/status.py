"""The server's own state (contract §28)."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from litestar import get
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import status as mapping
from runyard.dialects.agh.mapping.status import Counted
from runyard.dialects.agh.wire import status as wire
from runyard.engine import session_lists
from runyard.engine.tasks import scheduling
from runyard.storage import migrate
from runyard.storage.port import Tx
from runyard.web.call import Call

MOST = 100_000
"""Sessions are counted up to so many."""


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    settings = house.settings
    began = time.monotonic()
    schema = max(one.number for one in migrate.available("sqlite" if settings.database is None else "postgres"))

    @get("/api/status", needs="task:read", tags=["status"])
    async def get_status(call: Call) -> wire.StatusAnswer:
        """Whether the server answers, and how many sessions and runs of tasks there are in the project."""
        counted = await call.read(_counted, call.project_id)
        now = call.store.now()
        server = mapping.Server(
            pid=os.getpid(),
            started_at=now - round((time.monotonic() - began) * 1_000_000),
            host=settings.host,
            port=settings.port,
            schema=schema,
        )
        return mapping.status_out(server, counted, now)

    return [get_status]


def _counted(tx: Tx, project_id: int) -> Counted:
    counts = session_lists.counts(tx, project_id, MOST)
    return Counted(live=counts.live, total=counts.total, agents=counts.agents, runs=scheduling.status(tx, project_id))
