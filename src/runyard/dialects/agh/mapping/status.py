"""The server's own state on the wire (contract §28). Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runyard import __version__
from runyard.dialects.agh.mapping.values import instant
from runyard.dialects.agh.wire import status as wire
from runyard.domain.policy import SECOND
from runyard.domain.sessions import SessionState
from runyard.engine.tasks.scheduling import Standing

VERSION = "2026-05-20"
"""Of the shape."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """What the process knows of itself."""

    pid: int
    started_at: int
    host: str
    port: int
    schema: int


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions there are, and how the runs of tasks do."""

    live: Mapping[str, int]
    """Sessions that have not stopped, by state."""
    total: int
    agents: int
    """How many agents those are of."""
    runs: Standing


def status_out(server: Server, counted: Counted, now: int) -> wire.StatusAnswer:
    """How the server and the project stand."""
    active = counted.live.get(SessionState.ACTIVE, 0)
    stopped = max(counted.total - sum(counted.live.values()), 0)
    by_status = {**counted.live, SessionState.STOPPED.value: stopped}
    runs = counted.runs
    return wire.StatusAnswer(
        status=wire.Status(
            schema_version=VERSION,
            generated_at=instant(now),
            daemon=wire.Daemon(
                status="running",
                pid=server.pid,
                started_at=instant(server.started_at),
                socket="",
                http_host=server.host,
                http_port=server.port,
                user_home_dir="",
                active_sessions=active,
                total_sessions=counted.total,
                version=__version__,
                schema_streams=[
                    wire.SchemaStream(
                        stream="runyard", version=server.schema, applied_count=server.schema, sum_digest=""
                    )
                ],
            ),
            sessions=wire.Sessions(
                active=active,
                total=counted.total,
                by_status={name: by_status[name] for name in sorted(by_status) if by_status[name]},
            ),
            health=wire.Health(
                status="ok",
                uptime_seconds=max(now - server.started_at, 0) // SECOND,
                active_sessions=active,
                active_agents=counted.agents,
                version=__version__,
            ),
            tasks=wire.Tasks(
                status="warn" if runs.starved or runs.needs_attention else "ok",
                queue_depth_total=runs.queued,
                active_runs=runs.active,
                needs_attention_runs=runs.needs_attention,
                starved_runs=runs.starved,
                scheduler_paused=runs.scheduler.paused_at is not None,
            ),
            config=wire.Config(status="ok", validated=True, restart_required=False, apply_state="applied"),
        )
    )
