"""Tokens that agents in sandboxes use, as the ledger has them.

A sandbox may tell twice: turn by turn in events, and in sums that it keeps in the run's state. Of each kind of token
the larger sum counts, and a line of the ledger is written for what it is ahead of those before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.canonical import decoded
from runyard.domain.records import Json, Run
from runyard.domain.traces import CostSource, Usage
from runyard.engine import prices
from runyard.engine.ledger import journal
from runyard.engine.usage import MOST
from runyard.storage.port import Tx
from runyard.storage.statements import coding_runs as runs_sql
from runyard.storage.statements import sandbox_usage as sql
from runyard.storage.statements import usage as usage_sql

SUMS = "token_usage"
"""The part of a run's state with the sums."""
UNNAMED = "unknown"
_json = msgspec.json.Encoder()


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of each kind."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    thought: int = 0
    total: int = 0


_NAMES = {
    "input": ("inputTokens", "input_tokens"),
    "output": ("outputTokens", "output_tokens"),
    "cache_read": ("cachedReadTokens", "cache_read_tokens"),
    "cache_write": ("cachedWriteTokens", "cache_write_tokens"),
    "thought": ("thoughtTokens", "thought_tokens"),
    "total": ("totalTokens", "total_tokens"),
}
_counts = msgspec.json.Decoder(Counts).decode


def heard(tx: Tx, run: Run, told: Sequence[Mapping[str, Any]]) -> None:
    """Count what the run's sandbox says was used, turn by turn. The run is locked."""
    if not told:
        return
    row = runs_sql.get(tx, [run.id]).get(run.id)
    state: dict[str, Any] = decoded(row.state) if row is not None else {}
    before, counted = _kept(tx, run.id)
    for used in told:
        before = _each(before, _read(used), lambda one, more: min(one + more, MOST))
    _count(tx, run, state, before, counted)


def summed(tx: Tx, run: Run, state: Mapping[str, Any]) -> None:
    """Count what the run's state says was used altogether. The run is locked."""
    if isinstance(state.get(SUMS), dict):
        _count(tx, run, state, *_kept(tx, run.id))


def _read(said: Mapping[str, Any]) -> Counts:
    """The counts in an object, under either of their names; what is no count is none."""
    return Counts(**{name: max(_whole(said.get(one)) for one in names) for name, names in _NAMES.items()})


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MOST:
        return 0
    return int(value)


def _kept(tx: Tx, run_id: str) -> tuple[Counts, Counts]:
    kept: tuple[Json, Json] | None = sql.get(tx, run_id)
    return (Counts(), Counts()) if kept is None else (_counts(kept[0]), _counts(kept[1]))


def _each(one: Counts, other: Counts, of: Any) -> Counts:
    return Counts(**{name: of(getattr(one, name), getattr(other, name)) for name in _NAMES})


def _count(tx: Tx, run: Run, state: Mapping[str, Any], told: Counts, counted: Counts) -> None:
    sums = state.get(SUMS)
    now = _each(told, _read(sums), max) if isinstance(sums, dict) else told
    now = _each(now, counted, max)
    ahead = _each(now, counted, lambda one, before: one - before)
    if ahead != Counts():
        _write(tx, run, state, ahead)
    sql.save(tx, run.id, _json.encode(told).decode(), _json.encode(now).decode())


def _write(tx: Tx, run: Run, state: Mapping[str, Any], used: Counts) -> None:
    tokens = tokens_of(used)
    model, provider = _name(state.get("model")), _name(state.get("provider"))
    priced = prices.reckon(provider, model, tokens, tx.now) if model is not None else None
    source: CostSource = "unknown" if priced is None else "priced"
    line = Usage(
        id=tx.new_id(),
        project_id=run.project_id,
        run_id=run.id,
        attempt=run.attempt,
        at=tx.now,
        provider=provider,
        model=model or UNNAMED,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        reasoning_tokens=tokens.reasoning,
        cost_micro_usd=0 if priced is None else min(priced.cost_micro_usd, MOST),
        source=source,
        price=None if priced is None else priced.price,
        total_tokens=used.total or None,
    )
    usage_sql.add(tx, line, most=MOST)
    said = {
        "id": line.id,
        "model": line.model,
        "input_tokens": line.input_tokens,
        "output_tokens": line.output_tokens,
        "cost_micro_usd": line.cost_micro_usd,
    }
    journal(tx, run, "run.usage_recorded", None, said)


def tokens_of(used: Counts) -> prices.Tokens:
    """The counts as the ledger has them: cached tokens within the input, reasoning within the output.

    Agents differ in whether they count so; the total tells.
    """
    cached = used.cache_read + used.cache_write
    rest = used.total - used.input - used.output
    apart = cached > used.input or (0 < cached <= rest)
    thought_apart = used.thought > used.output or 0 < used.thought <= rest - (cached if apart else 0)
    return prices.Tokens(
        input=used.input + (cached if apart else 0),
        output=used.output + (used.thought if thought_apart else 0),
        cache_read=used.cache_read,
        cache_write=used.cache_write,
        reasoning=used.thought,
    )


def _name(value: Any) -> str | None:
    return value.strip()[:128] or None if isinstance(value, str) and "\0" not in value else None
