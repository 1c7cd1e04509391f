"""What an agent needs to begin: its folder, the past, an open session, files and settings (contract §10.5)."""

from __future__ import annotations

from typing import Any

from runyard.agent_server import agent as agents
from runyard.agent_server import beginning, git, prompts, resume
from runyard.agent_server.beginning import Beginning
from runyard.agent_server.clock import Clock, Ids
from runyard.agent_server.control import Control, ControlError
from runyard.agent_server.journal import Journal
from runyard.agent_server.launch import Launch
from runyard.agent_server.permissions import Permissions
from runyard.agent_server.resume import Past
from runyard.agent_server.session import Outside, RunSession
from runyard.agent_server.terminals import Terminals
from runyard.agent_server.usage import Usage

READY_LOOK_SECONDS = 0.1
READY_SECONDS = 900.0


class BootFailed(Exception):
    """The run cannot begin; `code` says where it ended."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def repository(launch: Launch, clock: Clock) -> None:
    """Return when the repository is there. Raises `BootFailed`."""
    sign = launch.ready_file
    end = clock.monotonic() + READY_SECONDS
    while sign is not None and not sign.exists():
        if clock.monotonic() > end:
            raise BootFailed("repository_not_ready", f"{sign} did not appear within {READY_SECONDS:.0f} seconds")
        await clock.sleep(READY_LOOK_SECONDS)


async def past(launch: Launch, control: Control, journal: Journal, run: dict[str, Any]) -> Past | None:
    """The run before this one, if this one resumes another."""
    before = launch.resume_run_id or beginning.state(run).get("resume_from_run_id")
    if not isinstance(before, str) or not before:
        return None
    try:
        await control.run(before)
        return resume.past(await control.logs(before))
    except ControlError as error:
        journal.console("", "warn", f"The run {before} cannot be read, so this one begins anew: {error}")
        return None


async def session(
    launch: Launch,
    *,
    control: Control,
    journal: Journal,
    usage: Usage,
    ids: Ids,
    outside: Outside,
    run: dict[str, Any],
    past: Past | None,
) -> RunSession:
    """A new agent with an open session. Raises `AgentLost`."""

    def note(method: str, params: dict[str, Any]) -> None:
        # Who listens hears of it in its own way.
        journal.note(method, params, live=False)

    opened: list[RunSession] = []

    def hear(method: str, params: dict[str, Any]) -> None:
        # An old conversation that is told again is in the log already.
        if opened and not opened[0].agent.is_replaying:
            opened[0].hear(method, params)

    permissions = Permissions(launch.permissions, emit=journal.emit, note=note, ids=ids)
    terminals = Terminals(launch.folder, launch.environment, ids)
    branch = run.get("branch") or await git.branch(launch.folder)
    agent = await agents.start(launch, hear=hear, permissions=permissions, terminals=terminals)
    opened.append(
        RunSession(
            agent,
            launch=launch,
            control=control,
            journal=journal,
            permissions=permissions,
            usage=usage,
            outside=outside,
            branch=branch,
        )
    )
    try:
        resumed = past.session_id if past is not None else None
        await agent.open(resume=resumed, mcp_servers=list(launch.mcp_servers), meta=launch.claude_config)
    except BaseException:
        await agent.close()
        raise
    return opened[0]


async def settle(launch: Launch, journal: Journal, session: RunSession, run: dict[str, Any]) -> None:
    """Have the agent work as was asked for, where it offers that."""
    wanted = (
        ("model", launch.model),
        ("thought_level", launch.effort),
        ("mode", beginning.state(run).get("initial_permission_mode")),
    )
    for category, value in wanted:
        if isinstance(value, str) and value and (why := await beginning.choose(session.agent, category, value)):
            journal.console(session.agent.session_id, "warn", why)


async def files(launch: Launch, control: Control, run: dict[str, Any], begin: Beginning) -> list[dict[str, Any]]:
    """Links to the files that wait with the first message. Raises `CommandFailed`."""
    known = run.get("artifacts")
    found = [one for one in known if isinstance(one, dict)] if isinstance(known, list) else []
    return await prompts.attached(launch, control, [one for one in found if one.get("id") in begin.artifact_ids])
