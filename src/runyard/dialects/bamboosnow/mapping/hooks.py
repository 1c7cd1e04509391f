"""Deliveries of code hosts."""

from __future__ import annotations

from runyard.dialects.bamboosnow.mapping.values import shown
from runyard.dialects.bamboosnow.wire import hooks as wire
from runyard.engine.hooks import Taken


def reply_out(taken: Taken) -> wire.HookReply:
    """What the code host is answered."""
    return wire.HookReply(
        outcome=taken.word,
        reason=taken.outcome.ignored,
        runs=[shown("run", one.run) for one in taken.outcome.made],
        duplicate=taken.duplicate,
    )
