"""Sessions of agents: their life, what is said to them and what they say (contract §28)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from runyard.dialects.agh.house import House


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return []
