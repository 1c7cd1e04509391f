"""Runs as the seed has them (contract §4)."""

from __future__ import annotations

from typing import Any

HANDLERS: list[Any] = []
