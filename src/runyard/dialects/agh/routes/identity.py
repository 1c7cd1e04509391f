"""What a session is told of itself, and sessions it begins (contract §2, §28)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh.errors import unprocessable
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import identity as mapping
from runyard.dialects.agh.people import claimed
from runyard.dialects.agh.wire import identity as wire
from runyard.domain.sessions import Session
from runyard.engine import session_starts, sessions
from runyard.engine.session_starts import Spawn
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import situations
from runyard.storage.port import Tx
from runyard.web.call import Call


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return [get_agent_me, get_agent_context, spawn_agent]


@get("/api/agent/me", needs="task:read", tags=["agent"])
async def get_agent_me(call: Call) -> wire.MeAnswer:
    """Who calls, where, and what it has in hand."""
    return mapping.me_out(await call.read(situations.of, call.project_id, claimed(call)))


@get("/api/agent/context", needs="task:read", tags=["agent"])
async def get_agent_context(call: Call) -> wire.ContextAnswer:
    """What the session finds itself in: its task with what went before, what it has not read, and who is there."""
    found = await call.read(situations.of, call.project_id, claimed(call))
    return mapping.context_out(found, call.store.now())


@post("/api/agent/spawn", needs="task:write", status_code=201, tags=["agent"])
async def spawn_agent(call: Call, data: wire.SpawnRequest) -> wire.SpawnAnswer:
    """Begin a session below the caller's, which may do no more than that."""
    with unprocessable():
        session = await call.write(_spawn, call.project_id, claimed(call), mapping.spawn_in(data))
    return mapping.spawned_out(session)


def _spawn(tx: Tx, project_id: int, who: Claimed, asked: Spawn) -> Session:
    return session_starts.spawn(tx, sessions.known(tx, project_id, who), asked)
