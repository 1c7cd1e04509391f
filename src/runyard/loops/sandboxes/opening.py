"""Opens a sandbox: starts the server that works on the run, and finds out when it is ready."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from runyard.domain.coding import KID, MODES
from runyard.engine.coding.sandboxes import Equipment
from runyard.loops.sandboxes.environment import environment, readable, words
from runyard.loops.sandboxes.events import Knock
from runyard.loops.sandboxes.ground import Ground, Held
from runyard.outbound import relay
from runyard.outbound.messages import NoAnswer, Outgoing
from runyard.sandbox import workshops
from runyard.sandbox.door import Door, Gate
from runyard.sandbox.isolation import WORK, Cell
from runyard.sandbox.launch import DOOR, NotStarted, Running, start
from runyard.sandbox.limits import MIB, Limits

log = structlog.get_logger("runyard.sandboxes")

INSIDE = 3001
"""Where the server listens in a network of its own."""
FILES = 4096
LOOK_SECONDS = 0.05
ANSWER_SECONDS = 2.0
MARGIN = 3600
"""For how many seconds longer than the sandbox its token lives."""
USER, NAME = 0, "runyard"
"""Who the control plane itself is to a sandbox."""


class _Health(msgspec.Struct, frozen=True, kw_only=True):
    status: str = ""
    readiness: str = "ready"
    failure: str | None = msgspec.field(name="failureCode", default=None)


_json = msgspec.json.Encoder()
_health = msgspec.json.Decoder(_Health).decode


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """An open sandbox: its processes, the doors in and out of it, and how it is reached."""

    running: Running
    doors: tuple[Door, ...]
    url: str
    kid: str

    async def close(self) -> None:
        """Close the doors, and let go of what is left of it."""
        for door in self.doors:
            await door.close()
        self.running.forget()


async def opened(ground: Ground, held: Held, equipment: Equipment, place: Path) -> Site:
    """The sandbox with its server, which is not ready yet. Raises `NotStarted`."""
    settings, address = ground.settings, ground.address()
    if address is None:
        raise NotStarted("this server does not answer yet")
    cell = Cell(
        walled=ground.walled,
        network=settings.sandbox_network,
        work=str(place),
        below=workshops.REPOSITORY,
        paths=(*readable(), *settings.sandbox_paths),
        gate=True,
    )
    inside = WORK if ground.walled else str(place)
    port = INSIDE if cell.secluded else _free_port()
    kid = await ground.signed.kid()
    run, task_id = held.run, equipment.seen.row.task_id
    told = environment(
        equipment,
        settings,
        url=f"{_url(*(('127.0.0.1', DOOR) if cell.secluded else address))}/posthog",
        token=ground.tokens.make(run.project_id, task_id, run.id, seconds=int(settings.sandbox_seconds) + MARGIN),
        key=await ground.signed.public_pem(kid),
        sandbox=held.id,
        place=inside,
    )
    limits = Limits(
        memory=settings.sandbox_memory_mb * MIB,
        cpus=os.cpu_count() or 1,
        processes=settings.sandbox_processes,
        files=FILES,
    )
    try:
        command = words(equipment, settings, port=port, place=inside)
    except ValueError as error:
        raise NotStarted(f"RUNYARD_SANDBOX_SERVER_COMMAND is no command line: {error}") from None
    running = await start(command, told, limits, cell)
    doors: list[Door] = []
    if running.door is not None:
        gate = Gate(running, port)
        port = gate.port
        doors = [Door(running.door, *address), gate]
    site = Site(running=running, doors=tuple(doors), url=_url("127.0.0.1", port), kid=kid)
    try:
        for door in doors:
            await door.open()
    except BaseException:
        running.kill()
        await site.close()
        raise
    return site


async def ready(ground: Ground, site: Site, up: Callable[[], None]) -> str | None:
    """Return when the server is ready; why it will never be, if it says so. `up` is called when it answers at all."""
    request = Outgoing(
        url=f"{site.url}/health", method="GET", headers=[("Connection", "close")], reach=ground.relay.reach(site.url)
    )
    while True:
        try:
            answer = await ground.relay.client.send(request, timeout=ANSWER_SECONDS)
            said = _health(answer.body) if answer.status == 200 else _Health(readiness="")
            up()
        except (NoAnswer, msgspec.MsgspecError, UnicodeError):
            said = _Health(readiness="")
        if said.readiness == "failed":
            return said.failure or "it says that it failed"
        if said.readiness == "ready":
            return None
        await asyncio.sleep(LOOK_SECONDS)


def knock(ground: Ground, equipment: Equipment, site: Site) -> Knock:
    """Makes what opens the sandbox to us."""
    mode: Any = equipment.state.get("mode")
    # By the key that it was started with, whatever signs by now.
    state = _json.encode(equipment.state | {KID: site.kid}).decode()
    row = msgspec.structs.replace(equipment.seen.row, state=state)
    seen = msgspec.structs.replace(equipment.seen, row=row)

    async def door() -> relay.Door:
        token = await ground.signed.connection(seen, USER, NAME, mode=mode if mode in MODES else None)
        return relay.Door(url=site.url, token=token)

    return door


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
