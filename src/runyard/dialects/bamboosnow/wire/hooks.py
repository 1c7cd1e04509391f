"""Deliveries of code hosts."""

from __future__ import annotations

import msgspec


class HookReply(msgspec.Struct, kw_only=True):
    """What a code host is answered: `runs`, `ignored` with the reason, or `pong`."""

    outcome: str
    reason: str | None
    runs: list[str]
    duplicate: bool
