"""Rate limits: runs over the limit are refused, or given the next free start time (GCRA)."""

from __future__ import annotations

from uuid import UUID

from runyard.domain.jobs import Rate
from runyard.domain.states import ENDED
from runyard.storage.port import Tx
from runyard.storage.statements import lanes as sql

_ENDED = sorted(state.value for state in ENDED)


def reserve(tx: Tx, project_id: int, name: str, rate: Rate, wanted: int) -> int:
    """The first time from `wanted` on at which the limit lets one more start; it is taken."""
    tx.run(sql.ADD_RATE, project_id=project_id, name=name)
    row = tx.row(sql.RATE, project_id=project_id, name=name)
    next_at = int(row[0]) if row else 0
    step = rate.window // rate.max
    arrival = max(next_at, wanted)
    tx.run(sql.SET_RATE, project_id=project_id, name=name, next_at=arrival + step)
    burst = rate.window - step
    return max(wanted, arrival - burst)


def refusal(tx: Tx, job_id: str, rate: Rate, asked: int) -> int | None:
    """Seconds to wait when the trailing window has no place for so many more runs of the job; None when it has."""
    since = first_id_at(tx.now - rate.window)
    (recent,) = tx.row(sql.COUNT_SINCE, job_id=job_id, since=since, ended=_ENDED, n=rate.max) or (0,)
    if recent + asked <= rate.max:
        return None
    return max(1, -(-rate.window // 1_000_000))


def first_id_at(micros: int) -> str:
    """The smallest UUIDv7 of that millisecond: ids order runs by when they were made."""
    return str(UUID(int=(max(0, micros // 1000) << 80) | (0x7 << 76) | (0b10 << 62)))
