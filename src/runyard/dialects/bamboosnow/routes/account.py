"""The owner of the key, and API keys (contract §5)."""

from __future__ import annotations

from typing import Any

HANDLERS: list[Any] = []
