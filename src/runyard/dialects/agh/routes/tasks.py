"""Tasks themselves: making, reading, changing and deleting them (contract §6, §16, §23)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from runyard.dialects.agh.house import House


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return []
