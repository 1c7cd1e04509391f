"""`python -m bench [names…] [--engine sqlite|postgres|both] [--quick]`: measure, print a table, keep it as JSON."""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import (
    append_log,
    bulk,
    create,
    databases,
    depth,
    dispatch,
    drain,
    figures,
    followers,
    idle,
    inbox,
    lists,
    review,
    sandboxes,
    stats,
    task_claims,
    tasks,
)
from bench.bench import Bench
from bench.figures import Figure

BENCHES: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "drain": drain.measure,
    "dispatch": dispatch.measure,
    "create": create.measure,
    "depth": depth.measure,
    "followers": followers.measure,
    "idle": idle.measure,
    "lists": lists.measure,
    "bulk": bulk.measure,
    "stats": stats.measure,
    "review": review.measure,
    "task-claims": task_claims.measure,
    "tasks": tasks.measure,
    "inbox": inbox.measure,
    "append-log": append_log.measure,
    "sandboxes": sandboxes.measure,
}


def main() -> int:
    """Measure what was asked for. A missed bar is a figure like any other, not a failure."""
    arguments = _arguments()
    _allow_many_files()
    where = figures.machine()
    print(f"{where.cores} cores, Python {where.python}, {where.system}, load {where.load:.2f}, ", end="")
    print(f"4 KiB durable in {where.sync_ms:.2f} ms", flush=True)
    found: list[Figure] = []
    with ExitStack() as stack:
        engines = ["sqlite", "postgres"] if arguments.engine == "both" else [arguments.engine]
        server = arguments.postgres
        if server is None and "postgres" in engines:
            server = stack.enter_context(databases.postgres())
        for engine in engines:
            bench = Bench(engine=engine, server=server, quick=arguments.quick)
            for name in arguments.names or BENCHES:
                for figure in BENCHES[name](bench):
                    found.append(figure)
                    print("  ".join(figures.told(figure)), flush=True)
                    figures.write(arguments.to, where, found)
    print(f"\n{figures.table(found)}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Runyard on this machine.")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], help="which benchmarks (all)")
    parser.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--quick", action="store_true", help="fewer runs and rows; the figures are rougher")
    parser.add_argument("--to", type=Path, default=figures.RESULTS / "latest.json", help="where to keep the figures")
    parser.add_argument("--postgres", metavar="DSN", help="a PostgreSQL server to use instead of one of our own")
    return parser.parse_args()


def _allow_many_files() -> None:
    """A thousand followers are a thousand sockets, here and in the server."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    raise SystemExit(main())
