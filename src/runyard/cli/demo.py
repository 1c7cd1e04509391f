"""`runyard demo`: a review of the repository one stands in, from an empty server to its journal."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from runyard.cli import findings, output, reviewing
from runyard.cli.display import details
from runyard.cli.exits import Exit
from runyard.cli.failures import usage
from runyard.cli.invocation import Given, Invocation
from runyard.cli.private_server import private_server
from runyard.cli.times import length

if TYPE_CHECKING:
    from runyard.cli.findings import Report
    from runyard.sdk import Client
    from runyard.sdk.models import Event, Run

TOP = 10


def demo(*, invocation: Given) -> int:
    """Start a server on SQLite, have this repository reviewed, and show what came of it."""
    from runyard.sdk import Client

    folder = repository(Path.cwd())
    step = Steps(invocation)
    step.begin("Start a server of its own, on SQLite in a temporary folder")
    with private_server(review_root=folder) as server, Client(server.url, server.key) as client:
        step.end(f"ready on {server.url}")
        step.begin(f"Ask the agent {reviewing.AGENT} for a review of {folder}")
        run = reviewing.ask(client, folder, None)
        step.end(f"run {run.id}")
        step.begin("Follow it while the agent works")
        ended = reviewing.completed(invocation, client, run)
        step.end(ended.state)
        report = findings.report_of(ended.output)
        _show(invocation, client, ended, report)
        step.begin("Stop the server")
    step.end("stopped, nothing left behind")
    return Exit.OK


def repository(folder: Path) -> Path:
    """The top of the git repository that holds the folder. Raises a usage `Failure` when none does."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--show-toplevel"], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        raise usage(f"{folder} is not in a git repository.", "Run this in a clone of a repository.") from None
    return Path(found.stdout.strip())


class Steps:
    """Tells on standard error what is being done, and how long it took."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._console = output.console(invocation, stderr=True)
        self._began = 0.0

    def begin(self, what: str) -> None:
        """A step begins."""
        from rich.text import Text

        self._began = time.monotonic()
        if self._invocation.remarks:
            self._console.print(Text.assemble(("● ", "cyan"), (output.safe(what), "bold")))

    def end(self, what: str) -> None:
        """The step is done."""
        from rich.text import Text

        took = length(time.monotonic() - self._began)
        if self._invocation.remarks:
            self._console.print(Text.assemble("  ", output.safe(what), (f"  {took}", "dim")))


def _show(invocation: Invocation, client: Client, run: Run, report: Report) -> None:
    events = list(client.runs.events(run.id))
    top = findings.worst(report.findings, TOP)
    if invocation.json:
        output.document({"run_id": run.id, "summary": report.summary, "findings": top, "events": events})
        return
    output.say()
    findings.show(invocation, top)
    if len(report.findings) > len(top):
        output.say(f"… and {len(report.findings) - len(top)} more")
    output.say(findings.summary(report))
    output.say(f"run {run.id}")
    output.say()
    output.say("Its journal:")
    began = events[0].at if events else None
    for event in events:
        since = length(event.at - began) if event.at and began else ""
        output.say(f"  {event.seq:>4}  +{since:<7} {_line(event)}".rstrip())
    output.say()


def _line(event: Event) -> str:
    text = " ".join(details(event.data).split())
    return f"{event.type:<20} {text if len(text) <= 80 else text[:79] + '…'}"
