"""Tries to deliver messages: who may be tried now, and what tries at webhooks came to.

A message for a webhook that did not arrive is tried again by the schedule of `domain.webhooks`. A webhook whose
receiver says that it is gone, or at which nothing arrives for days, is disabled. Messages for one webhook take turns,
so that a receiver that is slow or dead does not hold up what is for others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runyard.domain import webhooks as policy
from runyard.domain.webhooks import Webhook
from runyard.engine import deliveries, listeners
from runyard.storage.port import JournalLine, Tx, many
from runyard.storage.statements import deliveries as deliveries_sql
from runyard.storage.statements import webhooks as sql
from runyard.storage.statements.deliveries import Delivery
from runyard.storage.statements.webhooks import Try

GONE = "its receiver answered 410 Gone"
DEAD = f"nothing arrived for {policy.DEAD // policy.DAY} days"
MOST = 20
"""So many messages for one webhook are under way from one server at once."""
MOST_FAILING = 3
"""The same while they do not arrive."""
GAP = policy.SECOND // 80
"""What is beyond that comes one by one, so far apart."""
LONGEST_TURN = 60 * policy.SECOND
_Outcome = tuple[str, str | None, int | None, str]


class Pace(msgspec.Struct, frozen=True):
    """What a server has under way for each webhook, and when the next turn is of those that had to wait."""

    under_way: Mapping[str, int] = {}
    turns: Mapping[str, int] = {}


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Messages to be sent now."""

    deliveries: list[Delivery]
    webhooks: dict[str, Webhook]
    """Those of the messages' webhooks that take any."""
    turns: dict[str, int]
    """The last turns given to messages that have to wait."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A try, and what its answer says about more of them."""

    webhook_id: str
    result: Try
    again: bool = True
    """Whether another try may help."""
    gone: bool = False
    """Whether the receiver wants no messages any more."""
    retry_after: int | None = None
    """For so long the receiver wants to be left alone."""

    @property
    def arrived(self) -> bool:
        """Whether the message got where it was to go."""
        return self.result.error is None


def take(tx: Tx, limit: int, pace: Pace) -> Taken:
    """Messages to be sent now, by whoever takes them; others are given their turns."""
    found = deliveries.take(tx, limit)
    ids = sorted({one.webhook_id for one in found if one.webhook_id is not None})
    webhooks = {one.id: one for one in sql.get(tx, ids).values() if one.enabled}
    room = {one: _most(webhooks.get(one), limit) - pace.under_way.get(one, 0) for one in ids}
    taken, late = [], []
    turns: dict[str, int] = {}
    for one in found:
        webhook_id = one.webhook_id
        if webhook_id is None or room[webhook_id] > 0:
            taken.append(one)
            if webhook_id is not None:
                room[webhook_id] -= 1
            continue
        last = max(turns.get(webhook_id, pace.turns.get(webhook_id, 0)), tx.now)
        turns[webhook_id] = min(last + GAP, tx.now + LONGEST_TURN)
        late.append((turns[webhook_id], one.attempts, one.id))
    if late:
        sql.put_off(tx, late)
    return Taken(deliveries=taken, webhooks=webhooks, turns=turns)


def _most(webhook: Webhook | None, limit: int) -> int:
    if webhook is None:
        return limit  # nothing is sent
    return MOST if webhook.failing_since is None else MOST_FAILING


@many
def settle(tx: Tx, tried: Sequence[Tried]) -> list[None]:
    """Keep tries and decide what follows: arrived, to be tried again, or given up."""
    sql.add_tries(tx, [one.result for one in tried])
    standing = sql.lock_deliveries(tx, [one.result.delivery_id for one in tried])
    settled: dict[str, _Outcome] = {}
    given_up = set()
    for one in tried:
        message_id = one.result.delivery_id
        number, state = standing.get(message_id, (0, ""))
        # A message that was taken anew meanwhile is its new taker's, unless this try was the one that arrived.
        if state == "delivered" or (number != one.result.number and not one.arrived):
            continue
        outcome = settled[message_id] = _outcome(one, tx)
        standing[message_id] = (number, outcome[0])
        if outcome[0] == "failed":
            given_up.add(one.webhook_id)
    if settled:
        deliveries_sql.settle(tx, list(settled.values()))
    _judge(tx, tried, given_up)
    return [None] * len(tried)


def _outcome(one: Tried, tx: Tx) -> _Outcome:
    message_id, error = one.result.delivery_id, one.result.error
    if error is None:
        return "delivered", None, None, message_id
    wait = policy.next_try(one.result.number, tx.dice(), one.retry_after) if one.again and not one.gone else None
    if wait is None:
        return "failed", error, None, message_id
    return "waiting", error, tx.now + wait, message_id


def _judge(tx: Tx, tried: Sequence[Tried], given_up: set[str]) -> None:
    """Note how the webhooks fare, and disable those that nothing is sent to any more."""
    webhooks = sql.get(tx, sorted({one.webhook_id for one in tried}))
    well = {one.webhook_id for one in tried if one.arrived}
    gone = {one.webhook_id for one in tried if one.gone}
    recovered = [one.id for one in webhooks.values() if one.id in well and one.failing_since is not None]
    failing = [one.id for one in webhooks.values() if one.id not in well and one.failing_since is None and one.enabled]
    if recovered:
        sql.well(tx, recovered)
    if failing:
        sql.failing(tx, failing)
    disable = dict.fromkeys(gone, GONE)
    for webhook_id in given_up - well - gone:
        one = webhooks.get(webhook_id)
        if one is not None and one.failing_since is not None and one.failing_since <= tx.now - policy.DEAD:
            disable[webhook_id] = DEAD
    if disable:
        _disable(tx, disable)


def _disable(tx: Tx, reasons: Mapping[str, str]) -> None:
    """Disable webhooks, each for its reason."""
    live = [one for one in sql.lock(tx, sorted(reasons)).values() if one.enabled]
    if not live:
        return
    sql.save(
        tx,
        [
            msgspec.structs.replace(one, enabled=False, disabled_reason=reasons[one.id], updated_at=tx.now)
            for one in live
        ],
    )
    listeners.changed(tx)
    for one in live:
        _journal(tx, one, reasons[one.id])


def _journal(tx: Tx, webhook: Webhook, reason: str) -> None:
    data = {"webhook_id": webhook.id, "url": webhook.url, "reason": reason}
    tx.emit(JournalLine(webhook.project_id, None, "webhook.disabled", None, msgspec.json.encode(data).decode()))
