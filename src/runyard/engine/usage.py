"""The usage ledger: tokens and cost, line by line, added up in the run."""

from __future__ import annotations

import msgspec

from runyard.domain.errors import Invalid
from runyard.domain.records import Json
from runyard.domain.slices import Slice
from runyard.domain.traces import CostSource, Usage
from runyard.engine import fences, guards, prices, runs, sizes
from runyard.engine.fences import Writer
from runyard.storage.port import Tx
from runyard.storage.statements import usage as sql

MOST = 2**53 - 1


class NewUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens used; without a cost the price list is asked."""

    model: str
    provider: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost_micro_usd: int | None = None
    total_tokens: int | None = None
    """All tokens, where they are not just what went in and what came out."""


def add(tx: Tx, writer: Writer, new: NewUsage) -> Usage:
    """Record usage and add it to the run's totals. Raises `LeaseLost`, `Conflict`, `Invalid`, `LimitReached`."""
    sizes.plain("the model", new.model, longest=128, shortest=1)
    sizes.plain("the provider", new.provider, longest=128)
    tokens = prices.Tokens(
        input=_count(new.input_tokens),
        output=_count(new.output_tokens),
        cache_read=_count(new.cache_read_tokens),
        cache_write=_count(new.cache_write_tokens),
        reasoning=_count(new.reasoning_tokens),
    )
    cost, source, price = _cost(new, tokens, tx.now)
    run = fences.open_for(tx, writer)
    line = Usage(
        id=tx.new_id(),
        project_id=run.project_id,
        run_id=run.id,
        attempt=run.attempt,
        at=tx.now,
        provider=new.provider,
        model=new.model,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        reasoning_tokens=tokens.reasoning,
        cost_micro_usd=cost,
        source=source,
        price=price,
        total_tokens=None if new.total_tokens is None else _count(new.total_tokens),
    )
    guards.spending(tx, run.id, tokens=line.total, cost=cost)
    sql.add(tx, line, most=MOST)
    said = {
        "id": line.id,
        "model": line.model,
        "input_tokens": line.input_tokens,
        "output_tokens": line.output_tokens,
        "cost_micro_usd": line.cost_micro_usd,
    }
    fences.journal(tx, run, "run.usage_recorded", writer.actor, said)
    return line


def of_run(tx: Tx, project_id: int, run_id: str, *, after: str = "", limit: int = 50) -> Slice[Usage, str]:
    """The run's usage, oldest first. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    rows = sql.of_run(tx, run_id, after=after, n=limit + 1)
    return Slice(rows=rows[:limit], more=rows[limit - 1].id if len(rows) > limit else None)


def newest(
    tx: Tx, project_id: int, run_id: str, *, before: str | None = None, until: int | None = None, limit: int = 50
) -> Slice[Usage, str]:
    """The run's usage, newest first: below an id, older than a time. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    rows = sql.newest(tx, run_id, before=before, until=until, n=limit + 1)
    return Slice(rows=rows[:limit], more=rows[limit - 1].id if len(rows) > limit else None)


def _cost(new: NewUsage, tokens: prices.Tokens, now: int) -> tuple[int, CostSource, Json | None]:
    if new.cost_micro_usd is not None:
        return _count(new.cost_micro_usd), "reported", None
    priced = prices.reckon(new.provider, new.model, tokens, now)
    if priced is None:
        return 0, "unknown", None
    return min(priced.cost_micro_usd, MOST), "priced", priced.price


def _count(value: int) -> int:
    if not 0 <= value <= MOST + 1:
        raise Invalid(f"a count of {value} is out of range")
    return min(value, MOST)
