"""Run a server in this process until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

from runyard.app.handover import agents_command, agents_environment, hand_over, say
from runyard.app.joined import Protocol
from runyard.app.server import Server
from runyard.domain.errors import Conflict, DomainError
from runyard.loops import sessions, supervisor
from runyard.settings import Settings
from runyard.web import logs


def serve(settings: Settings) -> int:
    """Run a server until a signal stops it; the exit code. What went wrong at start is said on standard error."""
    logs.setup(style=settings.log_format, level=settings.log_level)
    try:
        # What is made at start stays: looking for garbage in it meanwhile takes an eighth of the time.
        gc.disable()
        server = Server(settings)
    except DomainError as error:
        sys.stderr.write(f"runyard: {error.detail}\n")
        return 6 if isinstance(error, Conflict) else 1
    finally:
        gc.enable()
    try:
        return _serve(server)
    finally:
        server.close()


def _serve(server: Server) -> int:
    settings = server.settings
    admin_key = server.bootstrap()
    # What servers that are there let people take in hand is theirs: a rolling restart leaves it alone.
    if server.store.join():
        sessions.recover(server.store)
    config = uvicorn.Config(
        server.app,
        host=settings.host,
        port=settings.port,
        http=Protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
        timeout_keep_alive=75,
        backlog=2048,
    )
    agents: supervisor.Child | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def stopping() -> None:
        ending = None
        if loop is not None:
            # While the server still answers, so that programs can leave a checkpoint.
            ending = asyncio.run_coroutine_threadsafe(server.end_programs(), loop)
        if agents is not None:
            agents.stop()
        if ending is not None:
            ending.result()
        if loop is not None:
            loop.call_soon_threadsafe(server.drain)

    def ready(port: int) -> None:
        nonlocal agents, loop
        loop = asyncio.get_running_loop()
        server.address = _inside(settings.host), port
        url = f"http://{_spoken(settings.host)}:{port}"
        hand_over(server, url, admin_key)
        _spare_collections()
        say(f"runyard ready on {url}")
        if settings.agents:
            agents = supervisor.Child(agents_command(), agents_environment(server, url))
            agents.start()

    uvicorn_server = _Uvicorn(config, on_ready=ready, on_stop=stopping)
    try:
        uvicorn_server.run()
    except (SystemExit, KeyboardInterrupt):
        # uvicorn ends with the signal raised again, or with SystemExit when it could not listen.
        return 0 if uvicorn_server.started else 1
    finally:
        if agents is not None:
            agents.stop()
    return 0 if uvicorn_server.started else 1


class _Uvicorn(uvicorn.Server):
    """uvicorn that says when it answers, and tells waiting requests at once when it is to stop."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[int], None], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_ready = on_ready
        self.on_stop = on_stop
        self._stopping: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Begin to answer."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started and self.servers:
            self.on_ready(self.servers[0].sockets[0].getsockname()[1])

    async def main_loop(self) -> None:
        """Tick once a second, as often as the date in replies changes, until it is to end, which is heard at once.

        The parent's ten times a second are most of what a server does that has nothing to do.
        """
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 1.0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop: first what reports to us, then what waits for us, then the server. Again: at once."""
        # Not the parent's own way: it would raise the signal again in the end, and stopping well is no failure.
        if self._stopping is not None:
            self.force_exit = True
            self._end()
            return
        self._stopping = threading.Thread(target=self._stop, name="stop", daemon=True)
        self._stopping.start()

    def _stop(self) -> None:
        try:
            self.on_stop()
        finally:
            self._end()

    def _end(self) -> None:
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._ended.set)


def _spare_collections() -> None:
    """Have the garbage collector look at what requests leave, more seldom, and never again at the server itself.

    Reference counts free nearly all that a request makes; with the usual thresholds, walking everything that was made
    at start takes a sixth of the time of a small request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def _inside(host: str) -> str:
    """The host by which this machine reaches itself."""
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 (compared, not listened on)


def _spoken(host: str) -> str:
    inside = _inside(host)
    return f"[{inside}]" if ":" in inside else inside
