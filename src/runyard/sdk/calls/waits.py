"""Requests about runs that wait for events."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.sdk import models
from runyard.sdk.call import Call, get, query, send
from runyard.sdk.fields import WaitState


def list_all(*, state: WaitState | None = None, limit: int | None = None) -> Call[models.Page[models.EventWait]]:
    """Runs' waits for events, newest first."""
    return get("/event-waits", models.Page[models.EventWait], query(state=state, limit=limit))


def find(key: str) -> Call[models.EventWait]:
    """The wait that is open under the key, else the last there was."""
    return get("/event-waits/find", models.EventWait, query(key=key))


def send_event(key: str, payload: Any = msgspec.UNSET) -> Call[models.EventWait]:
    """Send what a run waits for; it goes on in the same attempt. Sending the same again changes nothing."""
    given = {} if payload is msgspec.UNSET else {"payload": payload}
    return send("POST", "/event-waits/send", models.EventWait, {"key": key, **given})


def cancel(key: str) -> Call[models.EventWait]:
    """Cancel a wait and its run."""
    return send("POST", "/event-waits/cancel", models.EventWait, {"key": key})
