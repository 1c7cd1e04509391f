"""Environments: named sets of variables that jobs are run with; values are sealed and never answered.

The variable `ENDPOINT_URL` takes the place of the endpoint of every job that names the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import environments as sql
from runyard.storage.statements import jobs as jobs_sql
from runyard.storage.statements.environments import Environment

PURPOSE = "environment"
"""What the vault seals values for."""
ENDPOINT = "ENDPOINT_URL"
MOST = 100
LONGEST = 8192
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def check_name(name: str) -> None:
    """Raises `Invalid` for a name that no variable of a process can have."""
    if not _NAME.fullmatch(name):
        raise Invalid("a name has 1 to 128 letters, digits or `_`, and does not begin with a digit")


def check_value(value: str) -> None:
    """Raises `Invalid` for a value that no header can carry."""
    if not value or len(value) > LONGEST or not value.isascii() or not value.isprintable():
        raise Invalid(f"a value is one line of 1 to {LONGEST} printable ASCII characters; encode others, as in Base64")


def put(tx: Tx, project_id: int, name: str, variables: Mapping[str, str], *, actor: str | None = None) -> Environment:
    """Make an environment of sealed variables, or give the one of that name these. Raises `Invalid`."""
    if not name.strip() or len(name) > 128 or not name.isprintable():
        raise Invalid("an environment's name has 1 to 128 printable characters")
    if len(variables) > MOST:
        raise Invalid(f"an environment has at most {MOST} variables")
    for variable in variables:
        check_name(variable)
    known = sql.by_name(tx, project_id, name, lock=True)
    one = Environment(
        id=known.id if known is not None else tx.new_id(),
        project_id=project_id,
        name=name,
        variables=dict(variables),
        created_at=known.created_at if known is not None else tx.now,
        updated_at=tx.now,
    )
    sql.put(tx, one)
    _journal(tx, one, "environment.set", actor)
    return get(tx, project_id, name)


def get(tx: Tx, project_id: int, name: str) -> Environment:
    """The environment of that name. Raises `NotFound`."""
    found = sql.by_name(tx, project_id, name) if "\0" not in name else None
    if found is None:
        raise _unknown(name)
    return found


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no environment {name[:128]!r} in this project")


def page(tx: Tx, project_id: int, *, after: str | None = None, limit: int = 50) -> list[Environment]:
    """The project's environments by name, from behind the given one on."""
    return sql.page(tx, project_id, after=after or "", n=limit)


def remove(tx: Tx, project_id: int, name: str, *, actor: str | None = None) -> None:
    """Forget an environment. Raises `NotFound`, or `Conflict` while jobs name it."""
    # Locked first: a job that is just being made with it, or changed to it, is waited for, or does not find it.
    one = sql.by_name(tx, project_id, name, lock=True) if "\0" not in name else None
    if one is None:
        raise _unknown(name)
    user = jobs_sql.user_of_environment(tx, project_id, one.id)
    if user is not None:
        raise Conflict(f"the job {user!r} runs with this environment; change the job first")
    sql.drop(tx, project_id, name)
    _journal(tx, one, "environment.removed", actor)


def check(tx: Tx, project_id: int, environment_id: str) -> None:
    """Raises `Invalid` when the project has no environment of that id; else it stays until this transaction ends."""
    found = sql.keep(tx, environment_id) if "\0" not in environment_id else None
    if found is None or found.project_id != project_id:
        raise Invalid(f"there is no environment {environment_id[:64]!r} in this project")


def variables(tx: Tx, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The sealed variables of each of these environments, by id."""
    return {one.id: one.variables for one in sql.by_ids(tx, ids)}


def _journal(tx: Tx, one: Environment, event: str, actor: str | None) -> None:
    data = {"environment_id": one.id, "name": one.name, "variables": sorted(one.variables)}
    tx.emit(JournalLine(one.project_id, None, event, actor, msgspec.json.encode(data).decode()))
