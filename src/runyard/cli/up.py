"""`runyard up`: the server for a person."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from runyard.cli import output
from runyard.cli.display import details
from runyard.cli.invocation import Given, Invocation
from runyard.cli.probe import answers
from runyard.cli.server_options import Anonymous, Data, Database, Host, NoAgents, NoLoops, Port, settings
from runyard.cli.times import clock

if TYPE_CHECKING:
    from rich.console import Console

    from runyard.sdk import Client
    from runyard.sdk.models import Event

START_SECONDS = 60.0


def up(
    *,
    host: Host = None,
    port: Port = None,
    database: Database = None,
    data: Data = None,
    no_loops: NoLoops = False,
    no_agents: NoAgents = False,
    allow_anonymous_loopback: Anonymous = None,
    invocation: Given,
) -> int:
    """Run the server, say what to do next, and show what happens, until Ctrl-C."""
    from runyard.app import serve

    given = settings(
        host=host,
        port=free_port() if port == 0 else port,
        database=database,
        data=data,
        no_loops=no_loops,
        no_agents=no_agents,
        allow_anonymous_loopback=allow_anonymous_loopback,
        review_roots=None if "RUNYARD_REVIEW_ROOTS" in os.environ else (str(Path.cwd()),),
        # What happens is told run by run below; the server itself speaks up when something is wrong.
        log_level=None if "RUNYARD_LOG_LEVEL" in os.environ else "warning",
    )
    if not invocation.quiet:
        key = invocation.key or given.admin_key
        url = address(given.host, given.port)
        threading.Thread(target=accompany, args=(invocation, url, key), name="accompany", daemon=True).start()
    return serve(given)


def accompany(invocation: Invocation, url: str, key: str | None) -> None:
    """Greet when the server answers, then print its runs' events until it goes."""
    from runyard.sdk import Client, RunyardError

    if not _answered(url):
        return
    out = output.console(invocation)
    out.print(GREETING.format(url=url), markup=False)
    with Client(url, key, invocation.project, retries=0) as client:
        try:
            _show_events(client, out)
        except RunyardError as error:
            # The stream breaks off when the server stops, which is no news. A refused key is.
            if error.status in {401, 403}:
                output.note(invocation, f"What happens cannot be shown: {error.detail}")


GREETING = """
Runyard is up at {url}

  In another terminal:
    runyard doctor          see whether all is well
    runyard review .        have the repository you stand in reviewed
    runyard runs list       look at runs
  The API is described at {url}/runyard/docs

What happens is shown below. Ctrl-C stops the server.
"""


def address(host: str, port: int) -> str:
    """Where a client on this machine reaches a server that listens there."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return f"http://[{reachable}]:{port}" if ":" in reachable and "[" not in reachable else f"http://{reachable}:{port}"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def event_line(event: Event) -> list[tuple[str, str]]:
    """One line about an event, as styled parts."""
    return [
        (f"{clock(event.at) if event.at else '':<12}  ", "dim"),
        (f"{event.run_id or '-':<36}  ", ""),
        (f"{event.type:<20}  ", output.style(event.type.removeprefix("run."))),
        (output.safe(" ".join(details(event.data).split())), "dim"),
    ]


def _show_events(client: Client, out: Console) -> None:
    from rich.text import Text

    from runyard.sdk.models import Event

    for item in client.stream():
        if isinstance(item, Event):
            out.print(
                Text.assemble(*event_line(item)),
                overflow="ellipsis" if out.is_terminal else "ignore",
                no_wrap=True,
                soft_wrap=not out.is_terminal,
            )


def _answered(url: str) -> bool:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if answers(url):
            return True
        time.sleep(0.1)
    return False
