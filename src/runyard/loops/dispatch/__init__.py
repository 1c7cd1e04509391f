"""HTTP dispatch: an executor inside the server that posts runs to the endpoints of their jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runyard.loops.dispatch.dispatcher import Dispatcher
from runyard.loops.runner import Loop

__all__ = ["WORK", "Dispatcher", "loops"]

WORK = "executor:http"
"""The topic that wakes the dispatcher."""
PAUSE = 1.0


def loops(dispatcher: Dispatcher, wait: Callable[[float], Awaitable[object]]) -> list[Loop]:
    """The dispatcher's loops; `wait` ends early when work becomes ready or a place free."""
    return [
        Loop(name="dispatch", once=dispatcher.claim_once, pause=PAUSE, wait=wait),
        Loop(name="dispatch-beats", once=dispatcher.beat_once, pause=dispatcher.BEAT),
        Loop(name="dispatch-results", once=dispatcher.record_once, pause=dispatcher.RECORD),
    ]
