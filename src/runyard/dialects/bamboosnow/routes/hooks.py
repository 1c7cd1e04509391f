"""Deliveries of code hosts."""

from __future__ import annotations

from typing import Any

from runyard.dialects.bamboosnow.house import House


def handlers(house: House) -> list[Any]:
    """All routes of this module."""
    return []
