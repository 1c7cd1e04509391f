"""What was measured: figures with their bars, as a table and as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("bench", "engine", "what", "figure", "bar", "met", "of raw", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number, the bar it is held against, and the raw limit of the driver that was measured in the same run."""

    bench: str
    engine: str
    what: str
    value: float
    unit: str
    bar: float | None = None
    better: Literal["more", "less"] = "less"
    raw: float | None = None
    load: float = dataclasses.field(default_factory=lambda: os.getloadavg()[0])
    """How busy the machine was in the minute before the figure was taken."""
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the bar is met; None without one."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.better == "more" else self.value <= self.bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it was measured."""

    cores: int
    python: str
    system: str
    load: float
    sync_ms: float
    """What making 4 KiB durable costs in the folder the databases are in; far below 0.1 it is not a real disk."""


def machine() -> Machine:
    """This machine, now."""
    return Machine(
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        load=os.getloadavg()[0],
        sync_ms=_sync_ms(),
    )


def _sync_ms(times: int = 50) -> float:
    taken = []
    with tempfile.TemporaryFile() as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return sorted(taken)[times // 2] * 1e3


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def told(figure: Figure) -> tuple[str, ...]:
    """The figure as the cells of a row."""
    bar = "" if figure.bar is None else f"{'≥' if figure.better == 'more' else '≤'} {_number(figure.bar)}"
    met = {None: "", True: "yes", False: "NO"}[figure.is_met]
    raw = "" if not figure.raw else f"{figure.value / figure.raw:.2f}"
    note = "; ".join(part for part in (figure.note, f"load {figure.load:.1f}") if part)
    return (figure.bench, figure.engine, figure.what, f"{_number(figure.value)} {figure.unit}", bar, met, raw, note)


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(figures: Sequence[Figure]) -> str:
    """All figures, one a line."""
    rows = [COLUMNS, *(told(figure) for figure in figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def write(file: Path, where: Machine, figures: Sequence[Figure]) -> None:
    """Keep the figures as JSON."""
    file.parent.mkdir(exist_ok=True)
    content = {
        "machine": dataclasses.asdict(where),
        "figures": [dataclasses.asdict(figure) | {"met": figure.is_met} for figure in figures],
    }
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
