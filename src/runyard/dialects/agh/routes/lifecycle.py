"""What is done to tasks: publish, start, approve, pause, cancel, and what they depend on (contract §6, §12–§15)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from runyard.dialects.agh.house import House


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return []
