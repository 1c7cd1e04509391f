"""HTTP dispatch: an executor inside the server that posts runs to the endpoints of their jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runyard.loops.dispatch.claiming import OTHERS, WORK
from runyard.loops.dispatch.dispatcher import TROUBLE, Dispatcher
from runyard.loops.runner import Loop

__all__ = ["WORK", "Dispatcher", "loops"]

PAUSE = 1.0


Until = Callable[[str], Callable[[float], Awaitable[object]]]


def loops(dispatcher: Dispatcher, until: Until) -> list[Loop]:
    """The dispatcher's loops; `until` makes a rest that ends early when a topic is touched."""
    return [
        Loop(name="dispatch", once=dispatcher.claims.served_once, pause=PAUSE, wait=until(WORK)),
        # Every pass of the first wakes this one, so that its own pause counts for nothing.
        Loop(name="dispatch-others", once=dispatcher.claims.others_once, pause=10 * PAUSE, wait=until(OTHERS)),
        Loop(name="dispatch-beats", once=dispatcher.beat_once, pause=dispatcher.BEAT),
        Loop(name="endpoints-old", once=dispatcher.forget_once, pause=3600.0),
        Loop(name="dispatch-results", once=dispatcher.record_once, pause=dispatcher.RECORD, wait=until(TROUBLE)),
    ]
