"""Machine sizes that managed runs ask for by name."""

from __future__ import annotations

import msgspec


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """How much one run may use, and what a second of it costs."""

    name: str
    cpus: int
    memory_mb: int
    micro_usd_per_second: int


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(name="micro", cpus=1, memory_mb=256, micro_usd_per_second=17),
        Preset(name="small-1x", cpus=1, memory_mb=512, micro_usd_per_second=34),
        Preset(name="small-2x", cpus=2, memory_mb=1024, micro_usd_per_second=68),
        Preset(name="medium-1x", cpus=2, memory_mb=4096, micro_usd_per_second=85),
        Preset(name="medium-2x", cpus=4, memory_mb=8192, micro_usd_per_second=170),
        Preset(name="large-1x", cpus=8, memory_mb=16384, micro_usd_per_second=340),
        Preset(name="large-2x", cpus=16, memory_mb=32768, micro_usd_per_second=680),
    )
}
"""By name, smallest first."""
DEFAULT = PRESETS["micro"]
OVERRIDE = "_preset_override"
"""The member of a run's metadata that names another preset than its job does; the server alone writes it."""


def larger(preset: Preset) -> Preset | None:
    """The next larger one; None after the largest."""
    names = list(PRESETS)
    after = names[names.index(preset.name) + 1 :]
    return PRESETS[after[0]] if after else None


def cost(preset: Preset, seconds: float) -> int:
    """What so many seconds cost, in micro-USD, rounded up."""
    return -int(-max(seconds, 0) * preset.micro_usd_per_second // 1)
