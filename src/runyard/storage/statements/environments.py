"""SQL of environments."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Insert, Row, Tx


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of variables, each sealed."""

    id: str
    project_id: int
    name: str
    variables: dict[str, str]
    created_at: int
    updated_at: int


FIELDS = Environment.__struct_fields__
COLUMNS = ", ".join(FIELDS)
PUT = Insert(
    "environments",
    {name: "text" if name in {"id", "name", "variables"} else "bigint" for name in FIELDS},
    "ON CONFLICT (project_id, name) DO UPDATE SET variables = excluded.variables, updated_at = excluded.updated_at",
)
BY_NAME = f"SELECT {COLUMNS} FROM environments WHERE project_id = :project_id AND name = :name"
LOCK = f"{BY_NAME} {{lock}}"
BY_IDS = f"SELECT {COLUMNS} FROM environments WHERE id {{among ids}}"
KEEP = f"{BY_IDS} {{keep}}"
PAGE = f"SELECT {COLUMNS} FROM environments WHERE project_id = :project_id AND name > :after ORDER BY name LIMIT :n"
DROP = "DELETE FROM environments WHERE project_id = :project_id AND name = :name"


def put(tx: Tx, one: Environment) -> None:
    """Keep an environment, over the one of that name (whose id and age stay)."""
    row = [getattr(one, name) for name in FIELDS]
    row[FIELDS.index("variables")] = msgspec.json.encode(one.variables).decode()
    tx.insert(PUT, [tuple(row)])


def by_name(tx: Tx, project_id: int, name: str, *, lock: bool = False) -> Environment | None:
    """The project's environment of that name."""
    row = tx.row(LOCK if lock else BY_NAME, project_id=project_id, name=name)
    return _from_row(row) if row is not None else None


def by_ids(tx: Tx, ids: Sequence[str]) -> list[Environment]:
    """The environments of these ids, of whatever project."""
    return [_from_row(row) for row in tx.rows(BY_IDS, ids=sorted(set(ids)))]


def keep(tx: Tx, environment_id: str) -> Environment | None:
    """The environment, which nobody forgets before this transaction ends; None also for one that is being forgotten."""
    row = tx.row(KEEP, ids=[environment_id])
    return _from_row(row) if row is not None else None


def page(tx: Tx, project_id: int, *, after: str, n: int) -> list[Environment]:
    """Environments behind a name, by name."""
    return [_from_row(row) for row in tx.rows(PAGE, project_id=project_id, after=after, n=n)]


def drop(tx: Tx, project_id: int, name: str) -> bool:
    """Forget an environment; whether it was there."""
    return tx.run(DROP, project_id=project_id, name=name) == 1


def _from_row(row: Row) -> Environment:
    fields = dict(zip(FIELDS, row, strict=True))
    fields["variables"] = msgspec.json.decode(fields["variables"], type=dict[str, str])
    return Environment(**fields)
