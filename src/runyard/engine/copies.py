"""New runs like ended ones: replays (with their payload or another) and retries (with another config)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from runyard.domain.errors import IllegalMove, Invalid
from runyard.domain.records import Run
from runyard.domain.states import ENDED, RunState
from runyard.engine import rates
from runyard.engine.creations import AD_HOC, FRESH, Draft, check_enabled, write
from runyard.engine.leases import rank_of
from runyard.engine.runs import check_edited, find, job_of, time_to_live
from runyard.engine.specs import spec_of
from runyard.engine.transitions import journal
from runyard.storage.port import Tx

_json = msgspec.json.Encoder()
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_EMPTY = msgspec.Raw(b"{}")


def replay(tx: Tx, project_id: int, run_id: str, *, payload: str | None = None, actor: str | None = None) -> Run:
    """A new run linked to an ended one, with its payload or another. The old one stays as it is."""
    old = find(tx, project_id, run_id, lock=True)
    if old.state not in ENDED and old.state is not RunState.NEEDS_ATTENTION:
        raise IllegalMove(
            f"a run that is {old.state} has not ended; only ended runs are replayed", state=old.state.value
        )
    if payload is not None:
        check_edited(tx, old, payload)
    return _again(tx, old, payload if payload is not None else old.payload, actor, replay_of=old.id, trigger="replay")


def retry(
    tx: Tx, project_id: int, run_id: str, *, config: Mapping[str, Any] | None = None, actor: str | None = None
) -> Run:
    """A new run like an ended one, its payload's `config` overlaid shallowly for this run only."""
    old = find(tx, project_id, run_id, lock=True)
    if old.state not in ENDED:
        raise IllegalMove(
            f"a run that is {old.state} has not ended; only ended runs are retried", state=old.state.value
        )
    payload = old.payload
    if config:
        payload = _overlaid(old.payload, config)
        check_edited(tx, old, payload)
    return _again(tx, old, payload, actor, retry_of=old.id, trigger="retry")


def _overlaid(payload: str, config: Mapping[str, Any]) -> str:
    """The payload with its `config` overlaid; everything else in it stays as it was written. Raises `Invalid`."""
    try:
        whole = {} if payload == "null" else _members(payload)
        inner = _members(bytes(whole.get("config", _EMPTY)))
    except msgspec.DecodeError:
        raise Invalid("a config override needs a payload that is an object, with an object as its `config`") from None
    return _json.encode({**whole, "config": {**inner, **config}}).decode()


def _again(tx: Tx, old: Run, payload: str, actor: str | None, **links: Any) -> Run:
    """The old run's definition as a new run: same job version, policy, priority, tags, key; a fresh life.

    The limits of its job are those of today. Raises `Conflict` while the job is disabled, and `RateLimited`.
    """
    job = job_of(tx, old)
    spec = spec_of(job) if job is not None else AD_HOC
    if job is not None:
        check_enabled(job)
        rates.refuse_over(tx, spec, job, 1)
    ttl = time_to_live(old)
    links = {"replay_of": None, "retry_of": None} | links
    fresh = msgspec.structs.replace(
        old,
        **FRESH,
        id=tx.new_id(),
        state=RunState.QUEUED,
        rank=rank_of(tx, old.priority, tx.now),
        created_at=tx.now,
        updated_at=tx.now,
        payload=payload,
        parent_id=None,
        continuation_of=None,
        continued=0,
        batch_id=None,
        depth=0,
        created_by=actor,
        idempotency_key=None,
        queued_at=tx.now,
        available_at=None,
        expires_at=tx.now + ttl if ttl is not None else None,
        **links,
    )
    tags = msgspec.json.decode(old.tags) if old.tags else {}
    made = write(tx, [Draft(run=fresh, tags=tags, spec=spec, job=job)])[fresh.id]
    journal(
        tx,
        old,
        f"run.{links['trigger']}ed" if links["trigger"] == "replay" else "run.retried",
        actor,
        {"new_run_id": made.id},
    )
    return made
