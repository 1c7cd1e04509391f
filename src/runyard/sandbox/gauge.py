"""How much a program uses, read from the process table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import psutil


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """What all processes of a program together have used and hold."""

    cpu_seconds: float = 0.0
    memory: int = 0
    processes: int = 0


def measure(members: Sequence[psutil.Process], *, closely_above: int) -> Measure:
    """What the processes use. Above the given memory, what they share is counted once, which takes longer."""
    seconds, memory, alive = 0.0, 0, []
    for member in members:
        try:
            with member.oneshot():
                times = member.cpu_times()
                memory += member.memory_info().rss
        except psutil.Error:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
        alive.append(member)
    if memory > closely_above:
        memory = sum(map(_share, alive))
    return Measure(cpu_seconds=seconds, memory=memory, processes=len(alive))


def _share(member: psutil.Process) -> int:
    try:
        return int(member.memory_full_info().pss)
    except psutil.Error:
        return 0
