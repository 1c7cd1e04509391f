"""SQL of fences: the little of a run that says who may write to it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.states import RunState
from runyard.storage.port import Row, Tx


class Fenced(msgspec.Struct, frozen=True):
    """A run without its payload and output, which may be megabytes."""

    id: str
    project_id: int
    state: RunState
    attempt: int
    lease_hash: str | None
    lease_until: int | None


FIELDS = Fenced.__struct_fields__
GET = f"SELECT {', '.join(FIELDS)} FROM runs WHERE id {{among ids}}"
LOCK = f"{GET} ORDER BY id {{lock}}"


def lock(tx: Tx, ids: Sequence[str]) -> dict[str, Fenced]:
    """The runs by id, locked in id order; unknown ids are absent."""
    return {row[0]: _from_row(row) for row in tx.rows(LOCK, ids=sorted(set(ids)))}


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Fenced]:
    """The runs by id, for reading; unknown ids are absent."""
    return {row[0]: _from_row(row) for row in tx.rows(GET, ids=sorted(set(ids)))}


def _from_row(row: Row) -> Fenced:
    return Fenced(row[0], row[1], RunState(row[2]), row[3], row[4], row[5])
