"""Bridges to services outside, who wants to be told of a task's end over one, and what is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from runyard.domain.policy import SECOND
from runyard.domain.records import Json
from runyard.domain.tasks import CLOSED, Stage, TaskStatus

Sender = Literal["webhook", "apprise"]
URL, SIGNING_SECRET = "url", "signing_secret"
SECRETS = (URL, SIGNING_SECRET)
"""What is kept of a bridge and never shown: where it leads, and what signs messages to a webhook."""
LONGEST_ERROR = 2048
"""Bytes."""
LONGEST_REST = 3600 * SECOND
FIRST_REST = 5 * SECOND
JITTER = 0.1


class BridgeState(StrEnum):
    """Where a bridge stands."""

    DISABLED = "disabled"
    INCOMPLETE = "incomplete"
    """It is not known where it leads."""
    READY = "ready"
    FAILING = "failing"
    """The last message did not get over it; the next ones are tried all the same."""


class DeliveryMode(StrEnum):
    """Whether a message stands for itself or answers where it goes."""

    DIRECT = "direct-send"
    REPLY = "reply"


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """By what the bridge tells conversations apart."""

    include_peer: bool = False
    include_thread: bool = False
    include_group: bool = False


class BridgeSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What else was said of a bridge."""

    sender: Sender
    routing: Routing = Routing()
    policy: str = ""
    """Who may write to it."""
    config: Json | None = None
    defaults: Json | None = None
    """Whom it leads to where nobody says."""


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """A way to people and programs outside."""

    id: str
    project_id: int
    workspace_id: str | None
    display_name: str
    extension: str
    platform: str
    enabled: bool
    suppressed: bool
    """Whether nothing is told over it, though it counts as told."""
    settings: Json
    sealed: Json | None
    """Its secrets by name, each as the vault sealed it."""
    state: BridgeState
    last_error: str | None
    created_at: int
    updated_at: int


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who wants to be told of a task's end over a bridge, and how far they were told."""

    id: str
    project_id: int
    name: str
    """What its maker calls it; unique in the project."""
    task_id: str
    bridge_id: str
    workspace_id: str | None
    delivery_mode: DeliveryMode
    peer_id: str | None
    group_id: str | None
    thread_id: str | None
    creator_kind: str
    creator_ref: str
    created_at: int
    updated_at: int
    last_sequence: int
    """The last line of the task's timeline that was looked at."""
    last_delivery_id: str | None
    last_delivered_at: int | None
    last_error: str | None
    cursor_at: int | None
    """When the five above changed last."""
    look_at: int | None
    """When to look what there is to tell; None until something ends."""
    held: int
    """0, or 1 while a server tells (until `look_at`), and 2 when meanwhile there is more to tell."""
    failures: int
    """How many tries in a row have failed."""


class Line(msgspec.Struct, frozen=True):
    """A line of a task's timeline, without what it says."""

    seq: int
    type: str
    run_id: str | None


ENDS: Mapping[str, TaskStatus] = {
    "task.run_completed": TaskStatus.COMPLETED,
    "task.run_review_approved": TaskStatus.COMPLETED,
    "task.run_failed": TaskStatus.FAILED,
    "task.run_canceled": TaskStatus.CANCELED,
    "task.canceled": TaskStatus.CANCELED,
}
"""Lines that may tell of a task's end, and of which."""


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to tell, and what was passed on the way there."""

    passed: int
    """The last line that needs no more attention."""
    told: Line | None = None
    """The line to tell of."""
    error: str | None = None
    """Why lines were passed over that might have been told."""
    waits: bool = False
    """Whether the next line waits for the task to end."""


def weigh(lines: Sequence[Line], status: TaskStatus, stages: Mapping[str, Stage], after: int) -> Weighed:
    """The first of these lines that tells of how the task and the run have ended."""
    passed, error = after, None
    for line in lines:
        end = ENDS.get(line.type)
        if end is not None:
            if status not in CLOSED:
                return Weighed(passed=passed, error=error, waits=True)
            wrong = _disagreement(line, end, status, stages)
            if wrong is None:
                return Weighed(passed=passed, told=line, error=error)
            error = wrong
        passed = line.seq
    return Weighed(passed=passed, error=error)


def _disagreement(line: Line, end: TaskStatus, status: TaskStatus, stages: Mapping[str, Stage]) -> str | None:
    if status is not end:
        return f"{line.type} ({line.seq}) was passed over: it says {end}, and the task is {status} now"
    stage = stages.get(line.run_id) if line.run_id is not None else None
    if line.run_id is not None and (stage is None or stage.value != end.value):
        now = "gone" if stage is None else f"{stage} now"
        return f"{line.type} ({line.seq}) was passed over: it says {end}, and its run is {now}"
    return None


def delivery_id(subscription: Subscription, seq: int) -> str:
    """What receivers know a message by; the same whenever it is sent."""
    return f"notif:{subscription.name}:{seq}"


def rest(failures: int, dice: float) -> int:
    """How long to wait after so many tries in a row have failed; `dice` is uniform in [0, 1)."""
    delay = min(LONGEST_REST, FIRST_REST * 2 ** min(failures - 1, 20))
    return int(delay * (1 + JITTER * (2 * dice - 1)))


def is_ready(bridge: Bridge) -> bool:
    """Whether messages may be sent over it."""
    return bridge.enabled and bridge.state in (BridgeState.READY, BridgeState.FAILING)


def state_of(*, enabled: bool, leads: bool) -> BridgeState:
    """Where a bridge stands over which nothing was sent yet."""
    if not enabled:
        return BridgeState.DISABLED
    return BridgeState.READY if leads else BridgeState.INCOMPLETE
