"""Messages to the outside: written with what they tell of, sent until they arrive or have been tried often enough.

Who sends one may die after it arrived and before that was written down, so a message may come twice; one at which its
senders die each time is given up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from runyard.domain.jobs import Webhook
from runyard.domain.policy import SECOND
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.domain.waits import EventWait
from runyard.storage.port import Tx, many
from runyard.storage.statements import deliveries as sql
from runyard.storage.statements import webhooks as webhooks_sql
from runyard.storage.statements.deliveries import Delivery

TOPIC = "deliveries"
TRIES = 3
FIRST_DELAY = SECOND
LONGEST_DELAY = 25 * SECOND
HELD = 60 * SECOND
"""For so long nobody else takes a message that is being sent."""
LOST = f"the server ended {TRIES} times while it was being sent"
KEPT = 7 * 86400 * SECOND
KEPT_FOR_WEBHOOKS = 30 * 86400 * SECOND
"""For so long those who manage a webhook can look at what was sent to it, and send it again."""
TOLD = frozenset({RunState.COMPLETED, RunState.DEAD_LETTER, RunState.TIMED_OUT})
"""The ends of runs that webhooks hear of."""
_json = msgspec.json.Encoder()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be told to somebody outside."""

    project_id: int
    url: str
    body: str
    kind: str
    """What sort of news it is."""
    subject: str = ""
    """What it is about, in the words of whoever sends it."""
    run_id: str | None = None
    headers: Mapping[str, str] = {}
    secret: str | None = None
    """Signs the message; sealed for `job_secrets.SIGNING`."""
    webhook_id: str | None = None
    """The webhook it is for, where it is for one; its address and secrets are looked up when it is sent."""


class Addressee(Protocol):
    """A webhook, as far as a message for it needs it."""

    @property
    def id(self) -> str: ...
    @property
    def project_id(self) -> int: ...
    @property
    def url(self) -> str: ...


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What a try to deliver a message came to; without an error it arrived."""

    id: str
    attempts: int
    error: str | None = None
    again: bool = True
    """Whether another try may help."""


class _Hooked(msgspec.Struct):
    webhook: Webhook | None = None


_hooked = msgspec.json.Decoder(_Hooked)


def add(tx: Tx, messages: Sequence[Message]) -> list[str]:
    """Have messages sent once this transaction is durable; their ids."""
    made = [
        Delivery(
            id=tx.new_id(),
            project_id=one.project_id,
            run_id=one.run_id,
            kind=one.kind,
            subject=one.subject,
            url=one.url,
            headers=_json.encode(one.headers).decode(),
            secret=one.secret,
            body=one.body,
            attempts=0,
            due_at=tx.now,
            state="waiting",
            error=None,
            created_at=tx.now,
            webhook_id=one.webhook_id,
        )
        for one in messages
    ]
    if made:
        sql.add(tx, made)
        tx.wake(TOPIC)
    return [one.id for one in made]


def to_webhook(webhook: Addressee, event_id: str, event: str, body: str, run_id: str | None = None) -> Message:
    """News of an event for a webhook. What tells of one event has one id, however often it is sent."""
    return Message(
        project_id=webhook.project_id,
        run_id=run_id,
        kind=event,
        subject=event_id,
        url=webhook.url,
        body=body,
        webhook_id=webhook.id,
    )


def ended(tx: Tx, runs: Sequence[Run]) -> None:
    """Tell the webhooks of the runs' jobs that the runs have ended."""
    telling = [run for run in runs if run.state in TOLD and run.job_id is not None]
    hooks = _webhooks(tx, telling)
    told = [(run, hook) for run in telling if (hook := hooks.get(_definition(run))) is not None]
    if not told:
        return
    slugs = sql.slugs(tx, sorted({run.project_id for run, _ in told}))
    add(
        tx,
        [
            Message(
                project_id=run.project_id,
                run_id=run.id,
                kind="run.ended",
                subject=run.state.value,
                url=hook.url,
                secret=hook.secret,
                headers={"X-Run-ID": run.id},
                body=_news(run, slugs.get(run.project_id, str(run.project_id)), tx.now),
            )
            for run, hook in told
        ],
    )


def waiting(tx: Tx, waits: Sequence[EventWait]) -> None:
    """Tell those who asked to be told that runs wait for events."""
    telling = [(wait, wait.notify_url) for wait in waits if wait.notify_url is not None]
    slugs = sql.slugs(tx, sorted({wait.project_id for wait, _ in telling})) if telling else {}
    add(
        tx,
        [
            Message(
                project_id=wait.project_id,
                run_id=wait.run_id,
                kind=sql.WAITING,
                subject=wait.id,
                url=url,
                headers={"X-Run-ID": wait.run_id},
                body=_call(wait, slugs.get(wait.project_id, str(wait.project_id))),
            )
            for wait, url in telling
        ],
    )


def take(tx: Tx, limit: int) -> list[Delivery]:
    """Messages to be sent now, by whoever takes them; those at which their senders died too often are given up."""
    found = sql.due(tx, limit)
    # Whoever lived to say what became of a try would have settled it, and kept it if it was one for a webhook.
    settled = sql.settled_tries(tx, [one.id for one in found if one.attempts >= TRIES])
    over = {one.id for one in found if one.attempts - settled.get(one.id, 0) >= TRIES}
    if over:
        sql.settle(tx, [("failed", LOST, None, one) for one in over])
        sql.note(tx, sorted(over), "failed")
    taken = [one for one in found if one.id not in over]
    sql.hold(tx, [one.id for one in taken], tx.now + HELD)
    return taken


def next_due(tx: Tx) -> int | None:
    """When the next message has to be sent."""
    return sql.next_due(tx)


@many
def settle(tx: Tx, sent: Sequence[Sent]) -> list[None]:
    """Write down what tries came to: arrived, to be tried again, or given up."""
    settled = [_settled(one, tx.now) for one in sent]
    sql.settle(tx, settled)
    for state, noted in (("delivered", "sent"), ("failed", "failed")):
        sql.note(tx, [message_id for became, *_, message_id in settled if became == state], noted)
    return [None] * len(sent)


def of_run(tx: Tx, run_id: str, limit: int = 100) -> list[Delivery]:
    """What was or will be sent about the run, oldest first."""
    return sql.of_run(tx, run_id, limit)


def forget(tx: Tx, limit: int = 1000) -> int:
    """Delete messages that arrived or were given up long ago, and tries; how many went."""
    long_ago = tx.now - KEPT_FOR_WEBHOOKS
    # A try is younger than its message, so no message that is kept loses one.
    return sql.forget(tx, tx.now - KEPT, long_ago, limit) + webhooks_sql.forget_tries(tx, long_ago, limit)


def _settled(sent: Sent, now: int) -> tuple[str, str | None, int | None, str]:
    if sent.error is None:
        return "delivered", None, None, sent.id
    if sent.again and sent.attempts < TRIES:
        return "waiting", sent.error, now + min(LONGEST_DELAY, FIRST_DELAY * 5 ** (sent.attempts - 1)), sent.id
    return "failed", sent.error, None, sent.id


def _definition(run: Run) -> tuple[str, int]:
    return run.job_id or "", run.job_version or 1


def _webhooks(tx: Tx, runs: Sequence[Run]) -> dict[tuple[str, int], Webhook | None]:
    """The webhooks of the runs' jobs. A version of a job never changes, so each is looked up once."""
    found: dict[tuple[str, int], Webhook | None] = {}
    missing = []
    for definition in {_definition(run) for run in runs}:
        fact = ("webhook", *definition)
        for facts in (tx.known, tx.learned):
            if fact in facts:
                found[definition] = facts[fact]
        if definition not in found:
            missing.append(definition)
    if missing:
        kept = sql.definitions(tx, missing)
        for definition in missing:
            text = kept.get(definition)
            hook = _hooked.decode(text).webhook if text is not None else None
            found[definition] = tx.learned["webhook", *definition] = hook
    return found


def _news(run: Run, project: str, now: int) -> str:
    news: dict[str, Any] = {
        "run_id": run.id,
        "job_id": run.job_id,
        "project_id": project,
        "status": run.state.value,
        "attempt": run.attempt,
    }
    if run.output not in {None, "null"}:
        news["result"] = msgspec.Raw((run.output or "").encode())
    if run.error is not None:
        news["error"] = msgspec.json.decode(run.error).get("message", "")
    news["timestamp"] = _time(now)
    return _json.encode(news).decode()


def _call(wait: EventWait, project: str) -> str:
    call = {
        "type": sql.WAITING,
        "event_key": wait.name,
        "trigger_id": wait.id,
        "run_id": wait.run_id,
        "project_id": project,
        "expires_at": _time(wait.expires_at),
    }
    return _json.encode(call).decode()


def _time(micros: int) -> str:
    return datetime.fromtimestamp(micros / SECOND, UTC).isoformat().replace("+00:00", "Z")
