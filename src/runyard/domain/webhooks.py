"""Who outside is told of what: events, subscriptions, secrets, and when a message is tried again. Pure.

Messages go out by the Standard Webhooks specification (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from runyard.domain.errors import Invalid

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


class Event(StrEnum):
    """What webhooks can be told of."""

    AGENT_STARTED = "agent.started"
    AGENT_COMPLETED = "agent.completed"
    AGENT_FAILED = "agent.failed"
    AGENT_ISSUES_FOUND = "agent.issues_found"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_APPROVED = "approval.approved"
    APPROVAL_REJECTED = "approval.rejected"
    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCELED = "run.canceled"
    RUN_TIMED_OUT = "run.timed_out"
    RUN_DEAD_LETTERED = "run.dead_lettered"


EVERY = "*"
"""Stands for all events, those of later releases too."""
TEST = "webhook.test"
"""What is sent when somebody tries a webhook out, whatever it is subscribed to."""

SHORTEST_KEY, LONGEST_KEY = 24, 64
"""Bytes of a secret."""
_PREFIX = "whsec_"

DELAYS = (5 * SECOND, 300 * SECOND, HOUR // 2, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""How long after a failed try the next one comes: ten tries in some 76 hours."""
JITTER = 0.1
LONGEST_DELAY = 24 * HOUR
"""For longer than this no receiver puts a message off."""
DEAD = 5 * DAY
"""A webhook that nothing arrived at for so long is disabled once a message is given up."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody outside who is told of events of a project."""

    id: str
    project_id: int
    url: str
    events: tuple[str, ...]
    """Names of `Event`, or `EVERY`."""
    secret: str
    """Signs messages; sealed by the vault."""
    enabled: bool
    description: str
    old_secret: str | None
    """The one before, which signs as well until `old_until`."""
    old_until: int | None
    failing_since: int | None
    """When the first message failed that nothing has arrived after."""
    disabled_reason: str | None
    """Why the server disabled it; None when a person did, and while it is enabled."""
    created_at: int
    updated_at: int

    def secrets(self, now: int) -> tuple[str, ...]:
        """What messages are signed with now, each for itself; sealed."""
        if self.old_secret is None or self.old_until is None or self.old_until <= now:
            return (self.secret,)
        return self.secret, self.old_secret


def accepted(events: Sequence[str]) -> tuple[str, ...]:
    """The events to subscribe to, each once, in the order of `Event`. Raises `Invalid`."""
    known = [event.value for event in Event]
    for event in events:
        if event != EVERY and event not in known:
            raise Invalid(f"there is no event {event[:64]!r}; there are {', '.join(known)}, and {EVERY} for all")
    if not events:
        raise Invalid(f"a webhook is told of at least one event: {', '.join(known)}, or {EVERY} for all")
    return (EVERY,) if EVERY in events else tuple(one for one in known if one in events)


def key_of(secret: str) -> bytes:
    """The bytes that sign. Raises `Invalid` for a secret of another form."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise Invalid(
            f"a webhook's secret is `{_PREFIX}` and {SHORTEST_KEY} to {LONGEST_KEY} bytes in Base64; "
            "leave it out and one is made"
        )
    return key


def written(key: bytes) -> str:
    """The secret of these bytes as it is shown."""
    return _PREFIX + base64.b64encode(key).decode()


def next_try(tries: int, dice: float, retry_after: int | None = None) -> int | None:
    """How long to wait after so many tries have failed; None when that was the last one.

    `dice` is uniform in [0, 1). A receiver may ask for a longer wait (`retry_after`), up to a day.
    """
    if tries > len(DELAYS):
        return None
    delay = round(DELAYS[tries - 1] * (1 + JITTER * (2 * dice - 1)))
    return max(delay, min(retry_after or 0, LONGEST_DELAY))
