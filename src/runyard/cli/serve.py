"""`runyard serve`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Annotated

from cyclopts import Parameter

from runyard.cli.server_options import Anonymous, Data, Database, Host, NoAgents, NoLoops, Port, settings


def serve(
    *,
    host: Host = None,
    port: Port = None,
    database: Database = None,
    data: Data = None,
    no_loops: NoLoops = False,
    no_agents: NoAgents = False,
    allow_anonymous_loopback: Anonymous = None,
    stop_on_eof: Annotated[bool, Parameter(show=False)] = False,
) -> int:
    """Run the server until it is told to stop."""
    from runyard.app import serve as serve_app

    if stop_on_eof:
        stop_when_input_ends()
    return serve_app(
        settings(
            host=host,
            port=port,
            database=database,
            data=data,
            no_loops=no_loops,
            no_agents=no_agents,
            allow_anonymous_loopback=allow_anonymous_loopback,
        )
    )


def stop_when_input_ends() -> None:
    """Ask this process to stop once its standard input ends: whoever started it is gone, however it went."""

    def wait() -> None:
        while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 512):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="stop-on-eof", daemon=True).start()
