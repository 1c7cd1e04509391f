"""The life of one managed run on this server: room, start, watch, end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from runyard.domain.errors import DomainError, LeaseLost, Unavailable
from runyard.domain.records import Run
from runyard.engine import environments as engine_environments
from runyard.engine import job_secrets, leases, managed
from runyard.engine.leases import Start
from runyard.engine.managed import End, Equipment
from runyard.engine.proofs import Report
from runyard.loops.managed.environment import environment
from runyard.loops.managed.held import Held
from runyard.loops.managed.output import Output
from runyard.loops.watching import heed
from runyard.sandbox import check_image, gauge
from runyard.sandbox.door import Door
from runyard.sandbox.images import Program
from runyard.sandbox.launch import DOOR, NotStarted, Running, launch
from runyard.sandbox.limits import limits_of
from runyard.settings import Settings
from runyard.storage.port import Store
from runyard.storage.vault import Vault
from runyard.streams.hub import Hub

log = structlog.get_logger("runyard.managed")

LAST_WORDS_SECONDS = 10.0
"""How long a program may go on after it has reported the end of its run."""
TRIES = 20
KILLED = 137


Room = Callable[[Held], contextlib.AbstractAsyncContextManager[None]]
"""Lets a run in when the machine has what its preset takes, and holds that until it leaves."""


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What all managed runs of a server stand on."""

    store: Store
    hub: Hub
    vault: Vault
    settings: Settings
    token: Callable[[Run], str]
    """Makes the token by which a program reports on its run."""
    address: Callable[[], tuple[str, int] | None]
    """Where this server answers; None before it does."""
    grace: float = 5.0
    """Seconds between asking a program to end and ending it."""


async def live(ground: Ground, held: Held, room: Room) -> None:
    """See the run through, once there is room for it; whatever happens, nothing of its program is left."""
    watcher = asyncio.create_task(heed(ground.store, ground.hub, held, "now"))
    try:
        equipment = await ground.store.read(managed.equipment, held.run)
        program = check_image(equipment.managed.image, ground.settings)
        held.preset = equipment.preset
        async with room(held):
            if held.stop is None:
                await _run(ground, held, equipment, program)
            else:
                await _ended(ground, held, _end(held))
    except LeaseLost:
        return
    except Unavailable as error:
        await _ended(ground, held, _end(held, released=error.detail))
    except DomainError as refused:
        with contextlib.suppress(DomainError):
            await ground.store.write(managed.refuse, Report(**_proof(held)), refused.detail)
    finally:
        watcher.cancel()


async def _run(ground: Ground, held: Held, equipment: Equipment, program: Program) -> None:
    (outcome,) = await ground.store.write(leases.start, [Start(**_proof(held))])
    if isinstance(outcome, DomainError):
        raise outcome
    # As it is now: its time may have been prolonged, and its token lasts as long.
    held.run = outcome.run
    began = time.monotonic()
    try:
        running = await _launch(ground, held, equipment, program)
    except NotStarted as error:
        await _ended(ground, held, _end(held, unstarted=str(error)[:1000]))
        return
    door = _door(ground, running)
    held.running = running
    output = Output(ground.store, held.run)
    reading = asyncio.create_task(output.read(running.process))
    stopping = asyncio.create_task(_stop(ground, held, running))
    try:
        if door is not None:
            await door.open()
        code = await running.process.wait()
        code = 128 - code if code < 0 else code
        # What a program left in the background is gone with it, and so its pipes end.
        await reading
    finally:
        for task in (stopping, reading):
            task.cancel()
        running.kill()
        if door is not None:
            await door.close()
        running.forget()
    seconds = time.monotonic() - began
    said = bytes(output.tail).decode(errors="replace")
    oom = held.excess == "memory" or (held.excess is None and held.stop is None and _ran_out(code, said))
    await _ended(ground, held, _end(held, code=code, oom=oom, seconds=seconds, said=said))


async def _launch(ground: Ground, held: Held, equipment: Equipment, program: Program) -> Running:
    address = ground.address()
    walled = ground.settings.managed_isolation != "none" and not program.network
    if address is None:
        raise NotStarted("this server does not answer yet")
    host, port = ("127.0.0.1", DOOR) if walled else address
    opened = ground.vault.open
    told = environment(
        held.run,
        equipment,
        url=f"http://{f'[{host}]' if ':' in host else host}:{port}/strait",
        token=ground.token(held.run),
        secrets={name: opened(text, job_secrets.PURPOSE) for name, text in equipment.secrets.items()},
        variables={name: opened(text, engine_environments.PURPOSE) for name, text in equipment.variables.items()},
    )
    return await launch(program, told, limits_of(equipment.preset), ground.settings)


def _door(ground: Ground, running: Running) -> Door | None:
    address = ground.address()
    if running.door is None or address is None:
        return None
    return Door(running.door, *address)


async def _stop(ground: Ground, held: Held, running: Running) -> None:
    """Once it is to stop: ask the program, then make it."""
    await held.stopping.wait()
    if held.stop == "soon":
        await asyncio.sleep(LAST_WORDS_SECONDS)
    running.terminate(await asyncio.to_thread(gauge.look))
    await asyncio.sleep(ground.grace)
    running.kill()


def _ran_out(code: int, said: str) -> bool:
    """Whether memory was lacking: the kernel ended the program, or it said so itself, having failed."""
    signs = ("MemoryError", "bad_alloc", "Cannot allocate memory", "out of memory", "Out of memory", "OutOfMemory")
    return code == KILLED or (code != 0 and any(sign in said for sign in signs))


def _proof(held: Held) -> dict[str, Any]:
    return {"project_id": held.run.project_id, "run_id": held.run.id, "token": held.lease.token}


def _end(held: Held, **said: Any) -> End:
    preset = held.preset.name if held.preset is not None else ""
    released = "the server stops" if held.stop == "server" else None
    return End(**{**_proof(held), "preset": preset, "charge": held.charge, "released": released, **said})


async def _ended(ground: Ground, held: Held, end: End) -> None:
    for _ in range(TRIES):
        try:
            await ground.store.write(managed.ended, end)
        except Unavailable as error:
            await asyncio.sleep(error.retry_after)
        else:
            return
    log.warning("managed.end_not_told", run=held.run.id)
