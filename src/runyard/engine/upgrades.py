"""What a run takes over from its job after it was made: a newer version at its claim, a longer timeout at its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from runyard.domain.jobs import JobSpec
from runyard.domain.policy import Policy
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.storage.port import Tx
from runyard.storage.statements import job_health as health_sql
from runyard.storage.statements import jobs as sql

DAY = 24 * 3600 * 1_000_000
FRESH = 60 * 1_000_000
"""How long a measured duration is believed."""
SAMPLE = 1000
"""How many runs of the last day are looked at."""
MEASURED = 20
"""How many jobs one transaction measures; others go by what is known of them until the next."""
_decoder = msgspec.json.Decoder(JobSpec)
_FIELDS = Policy.__struct_fields__


@lru_cache(maxsize=1024)
def _spec(text: str) -> JobSpec:
    return _decoder.decode(text)


def at_claim(tx: Tx, runs: Sequence[Run]) -> Mapping[str, dict[str, Any]]:
    """What changes of those runs whose policy lets them take their job's newest version; one query for all, if any."""
    asking = [run for run in runs if run.policy.upgrade != "pin" and run.job_id is not None]
    if not asking:
        return {}
    current, kept = sql.with_versions(
        tx, [run.job_id or "" for run in asking], [run.job_version or 1 for run in asking]
    )
    changes: dict[str, dict[str, Any]] = {}
    for run in asking:
        job_id, number = run.job_id or "", run.job_version or 1
        newest, text = current.get(job_id, (number, ""))
        if newest == number:
            continue
        spec = _spec(text)
        # What kind of executor took the run is settled already.
        if spec.executor != run.executor or (run.policy.upgrade == "minor" and not spec.backwards_compatible):
            continue
        old = kept.get((job_id, number))
        changes[run.id] = {
            "job_version": newest,
            "policy": spec.policy if old is None else _carried(_spec(old).policy, run.policy, spec.policy),
        }
    return changes


def _carried(old: Policy, own: Policy, new: Policy) -> Policy:
    """The new policy with what the run's own says otherwise than the one it was made from."""
    said = {name: getattr(own, name) for name in _FIELDS if getattr(own, name) != getattr(old, name)}
    return msgspec.structs.replace(new, **said)


def timeout_for(tx: Tx, run: Run) -> int | None:
    """The longest time an attempt at the run may take: its policy's, or more where its job's runs need more."""
    timeout = run.policy.timeout
    if timeout is None or not run.policy.adaptive_timeout or run.job_id is None:
        return timeout
    return max(timeout, needed(tx, run.job_id))


def needed(tx: Tx, job_id: str) -> int:
    """One and a half times what 95 % of the job's runs that completed in the last day needed; 0 when none did.

    Measured once a minute at most.
    """
    fact = ("needed", job_id)
    found: tuple[int, int] | None = tx.learned.get(fact) or tx.known.get(fact)
    if found is not None and found[0] > tx.now - FRESH:
        return found[1]
    measured: int = tx.learned.get("measured", 0)
    if measured >= MEASURED:
        return found[1] if found is not None else 0
    ended = health_sql.ended(tx, job_id, tx.now - DAY, SAMPLE)
    spans = sorted(
        finished - started for state, started, finished in ended if state == RunState.COMPLETED and started is not None
    )
    value = (percentile(spans, 95) or 0) * 3 // 2
    tx.learned[fact] = (tx.now, value)
    tx.learned["measured"] = measured + 1
    return value


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The smallest value that so many percent of the values do not exceed; None when there are none."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None
