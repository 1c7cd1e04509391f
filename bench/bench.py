"""What a benchmark is given: an engine, places to work in, and what the driver alone can do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import uvloop

from bench import databases, raw

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One engine of one run of the benchmarks."""

    Execute = Callable[..., list[tuple[Any, ...]]]

    engine: str
    server: str | None
    """The DSN of the PostgreSQL server."""
    quick: bool = False

    def database(self) -> AbstractContextManager[databases.Database]:
        """An empty database."""
        return databases.database(self.engine, self.server)

    def raw(self) -> raw.Raw:
        """The limit of the driver, measured now: close to the figure it is for."""
        with self.database() as database:
            return raw.measure(database)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a client on a quick event loop."""
        return uvloop.run(work)
