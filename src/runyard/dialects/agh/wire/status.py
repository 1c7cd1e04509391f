"""Shapes of the server's own state (contract §28). Fields with a default are left out where they have it."""

from __future__ import annotations

import msgspec


class SchemaStream(msgspec.Struct, kw_only=True):
    """How far the database's schema is."""

    stream: str
    version: int
    applied_count: int
    sum_digest: str


class Daemon(msgspec.Struct, kw_only=True):
    """The server process."""

    status: str
    pid: int
    started_at: str
    socket: str
    http_host: str
    http_port: int
    user_home_dir: str
    active_sessions: int
    total_sessions: int
    version: str
    schema_streams: list[SchemaStream]


class Sessions(msgspec.Struct, kw_only=True):
    """How many sessions there are in the project, up to 100,000."""

    active: int
    total: int
    by_status: dict[str, int]


class Health(msgspec.Struct, kw_only=True):
    """How the server does."""

    status: str
    uptime_seconds: int
    active_sessions: int
    active_agents: int
    version: str


class Tasks(msgspec.Struct, kw_only=True):
    """How the project's runs of tasks do."""

    status: str
    queue_depth_total: int
    active_runs: int
    needs_attention_runs: int
    starved_runs: int
    scheduler_paused: bool


class Config(msgspec.Struct, kw_only=True):
    """How the server is set."""

    status: str
    validated: bool
    restart_required: bool
    apply_state: str


class Status(msgspec.Struct, kw_only=True):
    """How the server and the project stand. What other systems have and this one has not is left out."""

    schema_version: str
    generated_at: str
    daemon: Daemon
    sessions: Sessions
    health: Health
    tasks: Tasks
    config: Config


class StatusAnswer(msgspec.Struct, kw_only=True):
    """How the server and the project stand."""

    status: Status
