"""Our own agent server with the echo agent, for runs whose sandbox has to be there."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import httpx2
import uvicorn

from runyard.agent_server import door
from runyard.agent_server.clock import WallClock, fresh_id
from runyard.agent_server.launch import Launch
from runyard.agent_server.server import AgentServer

PATIENCE = 20.0


class Sandbox:
    """An agent server with the echo agent, on a port of its own, in a thread of its own."""

    def __init__(self, launch: Launch) -> None:
        self.url = ""
        self._launch = launch
        self._ready = threading.Event()
        self._stop: Callable[[], Any] = lambda: None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="sandbox", daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    async def _serve(self) -> None:
        clock = WallClock()
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            agent = AgentServer(self._launch, http=http, clock=clock, ids=fresh_id)
            app: Any = door.app(agent, self._launch, clock)
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
            line = socket.create_server(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{line.getsockname()[1]}"
            serving = asyncio.create_task(server.serve(sockets=[line]))
            working = asyncio.create_task(agent.run())
            loop = asyncio.get_running_loop()
            self._stop = lambda: loop.call_soon_threadsafe(agent.stop)
            self._ready.set()
            await working
            server.should_exit = True
            await serving

    def close(self) -> None:
        """Stop it."""
        self._stop()
        self._thread.join(PATIENCE)
