"""Whether queued runs are handed out, and which there are (contract §21)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from runyard.dialects.agh.house import House


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return []
