"""How much longer a review takes through an agent of a running server than by the analysers alone."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench import http
from bench.bench import Bench
from bench.figures import Figure
from bench.servers import Server, serve
from runyard.agents.code_reviewer.messages import Order, decode
from runyard.agents.code_reviewer.request import Limits, ReviewRequest

BAR = 2.0
PATIENCE = 600
MOUNT = "/bamboosnow"
BODY = '''"""Module {number}: orders and what they come to."""

import os
import subprocess
from dataclasses import dataclass


@dataclass
class Order{number}:
    """An order."""

    lines: list
    customer: str = "nobody"

    def total(self):
        """What it comes to."""
        return sum(line["price"] * line["count"] for line in self.lines)

'''
FUNCTION = '''
def step_{step}(order, limit={step}):
    """Look at the lines of an order, again."""
    found = []
    for line in order.lines:
        if line["count"] > limit and line not in found:
            found.append(line)
        elif line["price"] == {step}:
            print("free", line)
    return found

'''
CARELESS = '''
def ship_{number}(command):
    """Run what the carrier wants to be run."""
    return subprocess.call(command, shell=True)
'''


def measure(bench: Bench) -> Iterator[Figure]:
    """The ratio of the medians, taken in turns."""
    files, times = (50, 1) if bench.quick else (500, 7)
    with tempfile.TemporaryDirectory(prefix="runyard-bench-") as folder:
        repository = generated(Path(folder).resolve() / "repository", files)
        with (
            bench.database() as database,
            serve(database, agents=True, settings={"RUNYARD_REVIEW_ROOTS": str(repository.parent)}) as server,
        ):
            alone, through, found = bench.run(_in_turns(server, repository, times))
    middle, whole = statistics.median(alone), statistics.median(through)
    note = f"{found} findings, alone {middle:.2f} s"
    what = f"review of {files} files"
    yield _figure(bench, what=f"{what} through an agent", value=whole, unit="s", note=note)
    yield _figure(bench, what=f"{what}, through an agent to alone", value=whole / middle, unit="times", bar=BAR)


def _figure(bench: Bench, **more: Any) -> Figure:
    return Figure(bench="review", engine=bench.engine, **more)


def generated(folder: Path, files: int) -> Path:
    """A git repository of so many Python files, some of which are careless."""
    for number in range(files):
        path = folder / f"package_{number % 20}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = BODY.format(number=number) + "".join(FUNCTION.format(step=step) for step in range(12))
        path.write_text(text + (CARELESS.format(number=number) if number % 5 == 0 else ""))
    who = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], [*who, "commit", "--quiet", "--message", "all of it"]):
        subprocess.run(["git", *command], cwd=folder, env=_nobody(), check=True, capture_output=True)
    return folder


def _nobody() -> dict[str, str]:
    return {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


async def _in_turns(server: Server, repository: Path, times: int) -> tuple[list[float], list[float], int]:
    connection = await http.connect(server)
    body = {"name": "Reviewer", "template": "code-reviewer"}
    agent = (await connection.json(http.request("POST", "/v1/agents", body, mount=MOUNT), expect=201))["id"]
    alone, through, found = [], [], 0
    for turn in range(times + 1):
        seconds, findings = _alone(repository)
        taken, found = await _through(connection, agent, repository)
        assert found == findings, f"{found} findings through the agent, {findings} alone"
        if turn:  # the first reads the files and the modules from the disk
            alone.append(seconds)
            through.append(taken)
    connection.close()
    return alone, through, found


def _alone(repository: Path) -> tuple[float, int]:
    """Seconds and findings of the analysers in a process of their own, from its start to its report."""
    order = Order(
        request=ReviewRequest(path=str(repository)), roots=(str(repository.parent),), limits=Limits(), model=None
    )
    began = time.perf_counter()
    command = [sys.executable, "-m", "runyard.agents.code_reviewer.child"]
    done = subprocess.run(command, input=msgspec.json.encode(order), check=True, capture_output=True)
    taken = time.perf_counter() - began
    report = decode(done.stdout.splitlines()[-1]).report
    assert report is not None, done.stdout[-500:]
    return taken, len(report.findings)


async def _through(connection: http.Connection, agent: str, repository: Path) -> tuple[float, int]:
    began = time.perf_counter()
    message = http.request("POST", f"/v1/agents/{agent}/run", {"path": str(repository)}, mount=MOUNT)
    run = (await connection.json(message))["run_id"]
    look = http.request("GET", f"/api/v1/runs/{run}", mount=MOUNT)
    while time.perf_counter() - began < PATIENCE:
        seen = await connection.json(look)
        if seen["status"] in {"completed", "failed", "cancelled"}:
            taken = time.perf_counter() - began
            assert seen["status"] == "completed", f"the review {seen['status']}: {seen.get('errorMessage')}"
            detail = await connection.json(http.request("GET", f"/v1/runs/{run}", mount=MOUNT))
            return taken, len(detail["results"]["issues"])
        await asyncio.sleep(0.02)
    raise RuntimeError("the review takes too long")
