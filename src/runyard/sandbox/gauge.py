"""How much a program uses: one pass over the process table for all programs, then sums."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Seen(msgspec.Struct, frozen=True):
    """One process at one moment."""

    parent: int
    cpu_seconds: float
    """Its own, and that of its children that have ended."""
    memory: int


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """What all processes of a program together have used and hold."""

    cpu_seconds: float
    memory: int
    processes: int


def look() -> dict[int, Seen]:
    """Every process of this machine."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The name in parentheses may hold anything, even parentheses.
                said = file.read().rpartition(b") ")[2].split()
        except OSError:
            continue
        spent = sum(map(int, said[11:15])) / _TICKS
        found[int(name)] = Seen(int(said[1]), spent, int(said[21]) * _PAGE)
    return found


def members(processes: Mapping[int, Seen], root: int, *, layers: int) -> list[int]:
    """The processes below the root, without so many generations of what they stand in."""
    children: dict[int, list[int]] = {}
    for pid, seen in processes.items():
        children.setdefault(seen.parent, []).append(pid)
    found: list[int] = []
    generation = [root] if root in processes else []
    depth = 0
    while generation:
        if depth >= layers:
            found += generation
        generation = [child for pid in generation for child in children.get(pid, ())]
        depth += 1
    return found


def measure(processes: Mapping[int, Seen], pids: Sequence[int], *, closely_above: int) -> Measure:
    """What these processes use. Above the given memory, what they share is counted once, which takes longer."""
    memory = sum(processes[pid].memory for pid in pids)
    if memory > closely_above:
        memory = sum(map(_share, pids))
    spent = sum(processes[pid].cpu_seconds for pid in pids)
    return Measure(cpu_seconds=spent, memory=memory, processes=len(pids))


def _share(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
