"""Have the built-in code reviewer review a folder, on a server that runs or on one started for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runyard.cli import output
from runyard.cli.display import Display
from runyard.cli.exits import Exit
from runyard.cli.failures import Failure, usage
from runyard.cli.follow import follow
from runyard.cli.invocation import Invocation
from runyard.cli.private_server import private_server
from runyard.cli.probe import answers, is_local
from runyard.cli.runs.read import message_of

if TYPE_CHECKING:
    from runyard.sdk import Client
    from runyard.sdk.models import Run

AGENT = "code-reviewer"


@contextmanager
def server_for(invocation: Invocation, folder: Path, *, may_start: bool) -> Iterator[Client]:
    """A client for the server named or running, or for one that lives as long as this block. Raises `Failure`."""
    from runyard.sdk import Client

    with invocation.client() as client:
        named = invocation.url or os.environ.get("RUNYARD_URL")
        if named or not may_start or answers(client.server.url):
            if is_local(client.server.url):
                check_folder(folder)
            yield client
            return
        url = client.server.url
    check_folder(folder)
    output.note(invocation, f"No server answers at {url}: starting a private one for this review.")
    with private_server(review_root=folder) as server, Client(server.url, server.key) as client:
        yield client
        output.note(invocation, "Stopping the private server; its runs go with it.")


def check_folder(folder: Path) -> None:
    """Raises a usage `Failure` when there is no such folder."""
    if not folder.is_dir():
        raise usage(f"{folder} is not a folder.", "Give the path of a git repository.")


def ask(client: Client, folder: Path, base: str | None) -> Run:
    """A new run of the agent that reviews. Raises `Failure` when the project has none."""
    from runyard.sdk import NotFound

    payload = {"path": str(folder)} | ({"base": base} if base is not None else {})
    try:
        return client.agents.run(AGENT, payload)
    except NotFound:
        raise Failure(
            f"The project has no agent {AGENT} on the server at {client.server.url}.",
            code="not_found",
            hint=f"Make one: runyard agents create {AGENT} --template {AGENT}; the server must run its agents.",
            exit=Exit.NOT_FOUND,
        ) from None


def completed(invocation: Invocation, client: Client, run: Run) -> Run:
    """The run after it has completed, followed with progress. Raises `Failure` when it ends otherwise."""
    with Display(invocation, stderr=True, events=False, logs=False) as display:
        ended = follow(invocation, client, run.id, display)
    if ended.state == "completed":
        return ended
    if ended.state == "canceled":
        raise Failure(f"The review was canceled (run {run.id}).", code="run_canceled", exit=Exit.RUN_CANCELED)
    why = message_of(ended.error) or ended.state
    raise Failure(f"The review failed: {why} (run {run.id})", code="run_failed", exit=Exit.RUN_FAILED)
