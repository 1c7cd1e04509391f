"""What one program may use, by the size of its preset."""

from __future__ import annotations

import msgspec

from runyard.domain.presets import DEFAULT, Preset

MIB = 1 << 20
PROCESSES = 256
FILES = 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel holds each process to, and what the watch holds all of them to together."""

    memory: int = DEFAULT.memory_mb * MIB
    """Bytes that all processes may hold together; the same number bounds the private memory of each."""
    cpus: int = DEFAULT.cpus
    processes: int = PROCESSES
    files: int = FILES

    @property
    def room(self) -> int:
        """Bytes in each of the folders that are kept in memory."""
        return self.memory // 2


def limits_of(preset: Preset) -> Limits:
    """The limits of a preset."""
    return Limits(memory=preset.memory_mb * MIB, cpus=preset.cpus, processes=PROCESSES * preset.cpus)
