"""Presets of managed runs."""

from __future__ import annotations

from itertools import pairwise

from runyard.domain import presets
from runyard.domain.presets import PRESETS


def test_presets_are_those_of_the_contract() -> None:
    assert [(p.name, p.cpus, p.memory_mb, p.micro_usd_per_second) for p in PRESETS.values()] == [
        ("micro", 1, 256, 17),
        ("small-1x", 1, 512, 34),
        ("small-2x", 2, 1024, 68),
        ("medium-1x", 2, 4096, 85),
        ("medium-2x", 4, 8192, 170),
        ("large-1x", 8, 16384, 340),
        ("large-2x", 16, 32768, 680),
    ]


def test_each_preset_but_the_largest_has_a_larger_one() -> None:
    assert all(presets.larger(small) is large for small, large in pairwise(PRESETS.values()))
    assert presets.larger(PRESETS["large-2x"]) is None


def test_cost_is_by_the_second_and_rounded_up() -> None:
    micro = PRESETS["micro"]
    assert [presets.cost(micro, seconds) for seconds in (0, 0.001, 1, 1.5, 60, -1)] == [0, 1, 17, 26, 1020, 0]
