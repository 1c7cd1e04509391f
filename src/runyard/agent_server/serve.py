"""Runs the server of a sandbox in this process, until its run is over or a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import httpx2
import uvicorn

from runyard.agent_server import door
from runyard.agent_server.clock import WallClock, fresh_id
from runyard.agent_server.launch import Launch
from runyard.agent_server.server import AgentServer

REQUEST_SECONDS = 60.0
DRAIN_SECONDS = 5


def serve(launch: Launch) -> int:
    """The exit code: 0 when the run went well or somebody stopped us, 1 when it failed or nothing could be served."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line for every request
    family = socket.AF_INET6 if ":" in launch.host else socket.AF_INET
    try:
        listening = socket.create_server((launch.host, launch.port), family=family)
    except OSError as error:
        sys.stderr.write(f"runyard agent-server: {launch.host}:{launch.port} cannot be listened on: {error.strerror}\n")
        return 1
    return asyncio.run(_serve(launch, listening))


async def _serve(launch: Launch, listening: socket.socket) -> int:
    clock = WallClock()
    # To read the certificates of all the world takes a tenth of a second, and within a sandbox nobody speaks TLS.
    secure = any((url or "").startswith("https://") for url in (launch.api_url, launch.ingest_url))
    async with httpx2.AsyncClient(timeout=REQUEST_SECONDS, follow_redirects=False, verify=secure) as http:
        server = AgentServer(launch, http=http, clock=clock, ids=fresh_id)
        config = uvicorn.Config(
            door.app(server, launch, clock),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            timeout_keep_alive=75,
        )
        listener = _Uvicorn(config)
        serving = asyncio.create_task(listener.serve(sockets=[listening]), name="http")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        host = f"[{launch.host}]" if ":" in launch.host else launch.host
        sys.stdout.write(f"runyard agent-server ready on http://{host}:{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        code = await server.run()
        listener.should_exit = True
        await serving
    return code


class _Uvicorn(uvicorn.Server):
    """uvicorn that leaves signals to us: its own way is to raise them again in the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
