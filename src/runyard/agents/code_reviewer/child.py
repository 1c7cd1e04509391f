"""The process a review runs in: an order as JSON on standard input, JSON lines on standard output."""

import argparse
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from runyard.agents import lifeline
from runyard.agents.code_reviewer.analysers import Analyser
from runyard.agents.code_reviewer.analysers.data import Data
from runyard.agents.code_reviewer.analysers.ruff import Ruff
from runyard.agents.code_reviewer.analysers.secrets import Secrets
from runyard.agents.code_reviewer.analysers.text import Conflicts
from runyard.agents.code_reviewer.messages import Failure, Line, Order, Progress, encode
from runyard.agents.code_reviewer.pipeline import Task, perform
from runyard.agents.code_reviewer.request import Limits
from runyard.agents.errors import AgentError

Make = Callable[[dict[str, Any]], Sequence[Analyser]]
"""Who is to look, by the options of the order."""


def reviewers(_options: dict[str, Any]) -> Sequence[Analyser]:
    """Who looks at a code review."""
    return (Ruff(), Secrets(), Conflicts(), Data())


def main(make: Make = reviewers) -> None:
    """Do the review ordered on standard input, and end."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lifeline", type=int, help="end at once when this file descriptor closes")
    fd: int | None = arguments.parse_args().lifeline
    if fd is not None:
        lifeline.watch(fd, end_group)
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    restrict(order.limits)
    with own_output() as output:
        answer(order, make(order.options), output)


def answer(order: Order, analysers: Sequence[Analyser], output: BinaryIO) -> None:
    """Write lines of progress, then the report or the error."""

    def say(line: Line) -> None:
        output.write(encode(line))
        output.flush()

    task = Task(
        request=order.request,
        roots=tuple(Path(root) for root in order.roots),
        limits=order.limits,
        analysers=analysers,
        model=order.model,
        on_progress=lambda message, done, total: say(Line(progress=Progress(message=message, done=done, total=total))),
        on_usage=lambda usage: say(Line(usage=usage)),
    )
    try:
        report = perform(task)
    except AgentError as error:
        say(Line(error=Failure(kind=_kind(error), message=str(error))))
    except MemoryError:
        message = f"The review needed more than the {order.limits.memory_bytes >> 20} MiB it may use"
        say(Line(error=Failure(kind="MemoryLimit", message=message)))
    else:
        say(Line(report=report))


def own_output() -> BinaryIO:
    """Standard output for this process alone: what it starts, and what prints by chance, gets standard error.

    Otherwise the parent would not see this process end for as long as one that it started lives.
    """
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return output


def restrict(limits: Limits) -> None:
    """Bound what this process, and each that it starts, can take; the parent only watches the clock."""
    cores = os.cpu_count() or 1
    # The kernel's own end for a process that outlives its parent and its limit, even one stuck inside a pattern.
    processor = int(limits.seconds * cores) + 60
    for kind, amount in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, processor),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(kind, (amount, amount))
        except (ValueError, OSError):
            continue  # macOS knows no limit of address space; elsewhere a lower one may be in force already


def end_group() -> None:
    """Kill this process and all that it started, when it leads a group of its own."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def _kind(error: AgentError) -> str:
    """The nearest name that the parent knows."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == AgentError.__module__)


if __name__ == "__main__":
    main()
