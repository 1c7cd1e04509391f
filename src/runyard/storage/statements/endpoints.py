"""SQL of the addresses that runs are sent to."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.endpoints import Endpoint
from runyard.storage.port import Insert, Tx

FIELDS = Endpoint.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_TYPES = {"url": "text", "success": "double precision", "latency": "double precision"}
_KEY = {"project_id", "url"}
PUT = Insert(
    "endpoints",
    {name: _TYPES.get(name, "bigint") for name in FIELDS},
    "ON CONFLICT (project_id, url) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in FIELDS if name not in _KEY),
)
OF = f"SELECT {COLUMNS} FROM endpoints WHERE project_id {{among projects}} AND url {{among urls}}"
LOCK = f"{OF} ORDER BY project_id, url {{lock}}"
OLD = "DELETE FROM endpoints WHERE updated_at < :before"

Place = tuple[int, str]
"""A project and a URL."""


def of(tx: Tx, places: Sequence[Place], *, lock: bool = False) -> dict[Place, Endpoint]:
    """What is known of these places."""
    if not places:
        return {}
    projects = sorted({project_id for project_id, _ in places})
    urls = sorted({url for _, url in places})
    rows = tx.rows(LOCK if lock else OF, projects=projects, urls=urls)
    return {(row[0], row[1]): Endpoint(**dict(zip(FIELDS, row, strict=True))) for row in rows}


def put(tx: Tx, endpoints: Sequence[Endpoint]) -> None:
    """Keep what is known of the places."""
    tx.insert(PUT, [tuple(getattr(one, name) for name in FIELDS) for one in endpoints])


def forget(tx: Tx, before: int) -> int:
    """Forget places nothing was sent to since then; how many."""
    return tx.run(OLD, before=before)
