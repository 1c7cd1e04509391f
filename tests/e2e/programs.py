"""Handlers for worker processes; they write down what they do for the tests to read.

Started as `runyard worker tests.e2e.programs:worker`, with `E2E` in the environment.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from runyard.agents import lifeline
from runyard.sdk import AsyncContext, Context, Worker

told = json.loads(os.environ["E2E"])
notes = Path(told["notes"])
worker = Worker(**told["settings"])
# However the tests end, this process ends too.
lifeline.watch(0, lambda: os._exit(1))


def note(what: str, ctx: Context | AsyncContext, **more: Any) -> None:
    """Append one line; a single short write of one process does not mix with that of another."""
    line = {"what": what, "pid": os.getpid(), "run": ctx.run_id, "at": time.monotonic(), **more}
    with notes.open("ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


@worker.job("hold", retry={"initial_seconds": 0.02, "jitter": 0.0})
def hold(ctx: Context, payload: Any) -> str:
    """Work until the gate opens."""
    note("begin", ctx)
    gate = notes.parent / payload["gate"]
    while not gate.exists():
        if ctx.cancelled.wait(0.01):
            note("cancelled", ctx)
            return "cancelled"
    note("end", ctx)
    return worker.name


@worker.job("quick", retry={"initial_seconds": 0.02, "jitter": 0.0})
async def quick(ctx: AsyncContext, payload: Any) -> Any:
    """Be done at once."""
    note("end", ctx)
    return payload


@worker.job("narrow", concurrency={"max": 3, "max_per_key": 1})
def narrow(ctx: Context, payload: Any) -> None:
    """Wait for the gate, and take a moment, so that another run of the job could get in the way."""
    note("begin", ctx, key=ctx.run.concurrency_key)
    gate = notes.parent / payload["gate"]
    while not gate.exists():
        threading.Event().wait(0.01)
    threading.Event().wait(0.02)
    note("end", ctx, key=ctx.run.concurrency_key)
