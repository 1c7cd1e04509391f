"""Runs as the SDK sees them (contract §5)."""

from __future__ import annotations

from typing import Any

HANDLERS: list[Any] = []
