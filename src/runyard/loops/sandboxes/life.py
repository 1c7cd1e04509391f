"""The life of one sandbox: its folder, its server, what is relayed meanwhile, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from runyard.domain.errors import DomainError, LeaseLost, Unavailable
from runyard.domain.policy import Failure
from runyard.engine.coding import ingesting, sandboxes
from runyard.engine.coding.sandboxes import End, Equipment, Opened
from runyard.engine.leases import Start, start
from runyard.loops.sandboxes import events, opening
from runyard.loops.sandboxes.ground import Ground, Held
from runyard.loops.sandboxes.opening import Site
from runyard.loops.sandboxes.printed import LINES, read
from runyard.loops.watching import heed
from runyard.outbound.messages import NoAnswer
from runyard.outbound.relay import AgentRefused, Crowded
from runyard.sandbox import gauge, workshops
from runyard.sandbox.launch import NotStarted

log = structlog.get_logger("runyard.sandboxes")

LAST_EVENTS_SECONDS = 2.0
TRIES = 20


async def live(ground: Ground, held: Held) -> None:
    """See the run through; whatever happens, nothing of its sandbox is left."""
    watcher = asyncio.create_task(heed(ground.store, ground.hub, held, "lost"))
    try:
        (outcome,) = await ground.store.write(start, [Start(**held.proof, preparing=True)])
        if isinstance(outcome, DomainError):
            raise outcome
        held.run = outcome.run
        equipment = await ground.store.read(sandboxes.equipment, held.run)
        place = await asyncio.to_thread(workshops.make, ground.folder)
        try:
            await _furnish(ground, held, equipment, place)
            end = await _work(ground, held, equipment, place) if held.stop is None else _end(held)
        finally:
            await asyncio.to_thread(workshops.remove, place)
        await _ended(ground, held, end)
    except LeaseLost:
        return
    except Unavailable as error:
        await _ended(ground, held, _end(held, released=error.detail))
    except DomainError as refused:
        await _ended(ground, held, _failed(held, refused.detail, kind="server"))
    except OSError as error:
        await _ended(
            ground, held, _failed(held, f"there is no folder for the sandbox: {error.strerror}", kind="server")
        )
    finally:
        watcher.cancel()


async def _furnish(ground: Ground, held: Held, equipment: Equipment, place: Path) -> None:
    """Put the task's repository where the agent begins, as far as that may be; the run's log says what may not."""
    name, branch = equipment.repository, equipment.seen.row.branch
    if name is None:
        return
    origin = workshops.source(name, ground.settings.sandbox_repositories)
    if origin is None:
        what = f"{name} is not below a place that RUNYARD_SANDBOX_REPOSITORIES names; the agent begins without it"
        await ground.store.write(sandboxes.say, held.run, "warn", what)
        return
    try:
        problem = await asyncio.to_thread(
            workshops.clone,
            origin,
            place / workshops.REPOSITORY,
            branch=branch,
            stopped=held.stopping.is_set,
        )
    except workshops.NotCloned as error:
        problem = f"{name} could not be cloned, so the agent begins without it: {error}"
    else:
        problem = problem and f"there is no branch {branch} in {name} yet: {problem}"
    if problem:
        await ground.store.write(sandboxes.say, held.run, "warn", problem)


async def _work(ground: Ground, held: Held, equipment: Equipment, place: Path) -> End:
    """Open the sandbox and stay until it is gone; what is to be told of that."""
    began = time.monotonic()
    try:
        site = await opening.opened(ground, held, equipment, place)
    except NotStarted as error:
        return _failed(held, f"the sandbox could not be opened: {str(error)[:1000]}", kind="server")
    held.running = site.running
    said: deque[str] = deque(maxlen=LINES)
    reading = asyncio.create_task(read(site.running.process, said))
    over = asyncio.create_task(site.running.process.wait())
    chores: list[asyncio.Task[None]] = []
    failure: Failure | None = None

    def attend() -> None:
        """Listen to the sandbox, and speak to it."""
        if chores:
            return
        knock = opening.knock(ground, equipment, site)

        def gone() -> bool:
            return over.done() or held.stop is not None

        chores.append(asyncio.create_task(_guarded(held, events.relay(ground, held.run, knock, gone=gone))))
        chores.append(asyncio.create_task(_guarded(held, events.answer(ground, held.run, knock))))

    # Our own server keeps nobody waiting who is early, and its agent may be done before it was seen to be ready.
    up = attend if ground.settings.sandbox_server_command is None else _nothing
    try:
        if up is _nothing:
            await ground.store.write(ingesting.expect, held.run.id)
        failure = await _readied(ground, held, site, over, up)
        if failure is None and held.stop is None and not over.done():
            await ground.store.write(sandboxes.opened, _opened(held, equipment, site))
            log.info("sandbox.ready", run=held.run.id, seconds=round(time.monotonic() - began, 2))
            attend()
            left = ground.settings.sandbox_seconds - (time.monotonic() - began)
            if not await _until(over, held, max(left, 0.0)):
                failure = Failure(
                    message=f"the sandbox lived longer than {ground.settings.sandbox_seconds:g} seconds",
                    kind="timeout",
                    retryable=False,
                )
        await _close(ground, held, equipment, site, over)
        if chores:
            await asyncio.wait(chores[:1], timeout=LAST_EVENTS_SECONDS)
    finally:
        await _leave(site, [reading, over, *chores])
    # Until now the run was ours whatever its agent did; what it did decides.
    if failure is not None:
        return _end(held, failure=failure, timed_out=failure.kind == "timeout", said=tuple(said))
    if held.stop is not None:
        return _end(held, said=tuple(said))
    return _gone(ground, held, site.running.process.returncode or 0, tuple(said))


def _nothing() -> None:
    """Nothing is done yet."""


async def _readied(
    ground: Ground, held: Held, site: Site, over: asyncio.Task[int], up: Callable[[], None]
) -> Failure | None:
    """Return when the server in the sandbox is ready, is gone, or has to go; why it will not be ready, if so."""
    ready = asyncio.create_task(opening.ready(ground, site, up))
    stopping = asyncio.create_task(held.stopping.wait())
    waited = ground.patience.ready
    try:
        await asyncio.wait({ready, over, stopping}, timeout=waited, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            why = ready.result()
            return None if why is None else Failure(message=f"the agent server is not ready: {why}", kind="server")
        if over.done() or stopping.done():
            return None
        return Failure(message=f"the agent server was not ready within {waited:g} seconds", kind="server")
    finally:
        for task in (ready, stopping):
            task.cancel()


async def _until(over: asyncio.Task[int], held: Held, seconds: float) -> bool:
    """Whether the sandbox was gone, or had to go, within so many seconds."""
    stopping = asyncio.create_task(held.stopping.wait())
    try:
        done, _ = await asyncio.wait({over, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        stopping.cancel()


async def _close(ground: Ground, held: Held, equipment: Equipment, site: Site, over: asyncio.Task[int]) -> None:
    """End the sandbox: let it end by itself, ask it to, make it."""
    patience = ground.patience
    if held.stop == "told":
        await asyncio.wait({over}, timeout=patience.last_words)
    if not over.done() and held.stop in ("told", "called off"):
        # Only with an end of the run that is known to all: else it might be taken for the agent's own.
        knock = opening.knock(ground, equipment, site)
        closing = asyncio.create_task(_told_to_close(ground, knock))
        await asyncio.wait({over, closing}, timeout=patience.close, return_when=asyncio.FIRST_COMPLETED)
        closing.cancel()
    if not over.done():
        site.running.terminate(await asyncio.to_thread(gauge.look))
        await asyncio.wait({over}, timeout=patience.grace)
    site.running.kill()
    await over


async def _told_to_close(ground: Ground, knock: events.Knock) -> None:
    with contextlib.suppress(NoAnswer, AgentRefused, Crowded):
        await ground.relay.command(await knock(), "close", seconds=ground.patience.close)


async def _leave(site: Site, tasks: list[asyncio.Task[Any]]) -> None:
    site.running.kill()
    for task in tasks:
        if not task.done():
            await asyncio.wait({task}, timeout=0.5)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await site.close()


async def _guarded(held: Held, chore: Coroutine[Any, Any, None]) -> None:
    """What goes wrong beside the run's work is told, and the work goes on."""
    try:
        await chore
    except Exception:
        log.exception("sandbox.chore_failed", run=held.run.id)


def _opened(held: Held, equipment: Equipment, site: Site) -> Opened:
    return Opened(**held.proof, task_id=equipment.seen.row.task_id, id=held.id, url=site.url, kid=site.kid)


def _gone(ground: Ground, held: Held, code: int, said: tuple[str, ...]) -> End:
    """The sandbox ended by itself, and perhaps nobody has said how the run did."""
    if held.excess == "memory":
        message = f"the sandbox needed more than its {ground.settings.sandbox_memory_mb} MiB"
        return _end(held, failure=Failure(message=message, kind="oom", retryable=False), said=said)
    if held.excess == "processes":
        message = f"the sandbox had more than its {ground.settings.sandbox_processes} processes"
        return _end(held, failure=Failure(message=message, kind="crash", retryable=False), said=said)
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    message = f"the agent server {how} without saying how the run ended"
    if said and code:
        message = f"{message}: {said[-1]}"
    return _end(held, failure=Failure(message=message, kind="crash", retryable=False), said=said)


def _failed(held: Held, message: str, *, kind: str) -> End:
    return _end(held, failure=Failure(message=message, kind=kind, retryable=False))


def _end(held: Held, **said: Any) -> End:
    released = "the server stops" if held.stop == "server" and "failure" not in said else None
    return End(**{**held.proof, "sandbox": held.id, "released": released, **said})


async def _ended(ground: Ground, held: Held, end: End) -> None:
    for _ in range(TRIES):
        try:
            await ground.store.write(sandboxes.ended, end)
        except Unavailable as error:
            await asyncio.sleep(error.retry_after)
        else:
            return
    log.warning("sandbox.end_not_told", run=held.run.id)
