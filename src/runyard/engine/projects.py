"""Projects: the tenants everything else belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from runyard.domain import cron
from runyard.domain.errors import AlreadyExists, Conflict, Invalid, NotFound
from runyard.domain.projects import ProjectSettings
from runyard.domain.records import Project
from runyard.domain.states import ENDED, RunState
from runyard.engine import purges, schedules
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import classes
from runyard.storage.statements import keys as keys_sql
from runyard.storage.statements import projects as sql
from runyard.storage.statements import purges as purges_sql

DEFAULT = 1
"""The project of a server that was told of no other; admin keys act in it unless they name one."""
_LARGEST = 2**63 - 1
EXAMINED = 10_000
_LIVE = sorted(state.value for state in frozenset(RunState) - ENDED)
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def create(tx: Tx, *, slug: str, name: str | None = None, settings: ProjectSettings | None = None) -> Project:
    """Make a project. Raises `Invalid` for a slug that cannot be one, `AlreadyExists` for one that is taken."""
    _check_slug(slug)
    named = name if name is not None else slug
    _check_name(named)
    wanted = settings or ProjectSettings()
    check(wanted)
    taken = AlreadyExists(f"there is a project {slug!r} already")
    if slug == "default" or sql.by_slug(tx, slug) is not None:
        raise taken
    # Number 1 is given away before anybody else can get it.
    sql.add_numbered(tx, DEFAULT, "default", "Default")
    project = sql.add(tx, slug, named, msgspec.json.encode(wanted).decode())
    if project is None:
        raise taken
    return project


def settings_of(project: Project) -> ProjectSettings:
    """What the project limits for all of its runs."""
    return msgspec.json.decode(project.settings, type=ProjectSettings)


def update(
    tx: Tx, number: int, *, name: str | None = None, settings: Mapping[str, Any], actor: str | None = None
) -> Project:
    """Change the project's name and fields of its settings. Raises `NotFound` or `Invalid`."""
    project = _locked(tx, number)
    changed = msgspec.structs.replace(settings_of(project), **settings)
    check(changed)
    if name is not None:
        _check_name(name)
    after = msgspec.structs.replace(
        project, name=project.name if name is None else name, settings=msgspec.json.encode(changed).decode()
    )
    if after != project:
        sql.save(tx, after)
        if changed.timezone != settings_of(project).timezone:
            schedules.replan(tx, number)
        _journal(tx, after, "project.updated", actor)
        tx.wake("projects")
    return after


def delete(tx: Tx, number: int, *, actor: str | None = None) -> Project:
    """Delete the project: at once nobody reaches it, and everything of it goes in slices (see `purges`).

    Raises `NotFound`, or `Conflict` for the default project and while any run has not ended (dead letters have).
    """
    project = _locked(tx, number)
    if number == DEFAULT:
        raise Conflict("the default project stays: admin keys act in it")
    if purges_sql.is_busy(tx, number, _LIVE):
        raise Conflict(f"the project {project.slug!r} has runs that have not ended; cancel them or wait")
    sql.bury(tx, number)
    keys_sql.revoke_all(tx, number)
    classes.changed(tx)
    purges.begin(tx, number)
    _journal(tx, project, "project.deleted", actor)
    tx.wake("keys")
    tx.wake("projects")
    return project


def _locked(tx: Tx, number: int) -> Project:
    project = sql.lock(tx, number) if 0 < number <= _LARGEST else None
    if project is None:
        raise NotFound(f"there is no project {number}")
    return project


def _journal(tx: Tx, project: Project, event: str, actor: str | None) -> None:
    data = {"slug": project.slug, "name": project.name}
    tx.emit(JournalLine(project.id, None, event, actor, msgspec.json.encode(data).decode()))


def find(tx: Tx, wanted: int | str) -> Project:
    """The project of that number or slug. Raises `NotFound`."""
    project = _by(tx, wanted)
    if project is None:
        raise NotFound(f"there is no project {str(wanted)[:128]!r}")
    return project


def _by(tx: Tx, wanted: int | str) -> Project | None:
    if isinstance(wanted, int):
        return sql.by_number(tx, wanted) if 0 < wanted <= _LARGEST else None
    return sql.by_slug(tx, wanted) if _SLUG.fullmatch(wanted) else None


def page(tx: Tx, *, before: int | None = None, limit: int = 50) -> list[Project]:
    """Projects, newest first, from below the given number on."""
    return sql.page(tx, before=_LARGEST if before is None else before, n=limit)


def of_organization(tx: Tx, organization: str) -> list[Project]:
    """The newest projects of an organization; at most `EXAMINED` projects are looked at."""
    found: list[Project] = []
    before = _LARGEST
    for _ in range(EXAMINED // 1000):
        rows = sql.page(tx, before=before, n=1000)
        found += [project for project in rows if settings_of(project).organization == organization]
        if len(rows) < 1000:
            break
        before = rows[-1].id
    return found


def numbers(tx: Tx, *, before: int | None = None, limit: int = 50) -> list[int]:
    """The numbers of all projects, deleted ones too, largest first."""
    return sql.numbers(tx, before=_LARGEST if before is None else before, n=limit)


def ensure_default(tx: Tx) -> Project:
    """Project 1, made when it is not there yet."""
    project = sql.by_number(tx, DEFAULT)
    if project is None:
        sql.add_numbered(tx, DEFAULT, "default", "Default")
        project = find(tx, DEFAULT)
    return project


def _check_slug(slug: str) -> None:
    if not _SLUG.fullmatch(slug):
        raise Invalid("a slug has 1 to 128 letters, digits, `.`, `-` or `_`, and begins with a letter or digit")
    if slug.isdigit():
        raise Invalid("a slug of digits only would read as a project's number; add a letter")


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > 128 or "\0" in name:
        raise Invalid("a project's name has 1 to 128 characters")


def check(settings: ProjectSettings) -> None:
    """Raises `Invalid` for the first thing that is wrong."""
    for problem in _problems(settings):
        raise Invalid(problem)


def _problems(settings: ProjectSettings) -> Iterator[str]:
    try:
        cron.zone(settings.timezone)
    except ValueError as error:
        yield str(error)
    for what, most in (
        ("queued runs", settings.max_queued),
        ("running runs", settings.max_running),
        ("micro-USD a day", settings.daily_cost),
        ("micro-USD a run", settings.max_run_cost),
        ("tokens a run", settings.max_run_tokens),
        ("runs that wait for events", settings.max_event_waits),
    ):
        if most is not None and not 0 <= most <= 2**53:
            yield f"the limit of {what} is not negative; leave it out for none"
    if len(settings.organization) > 128 or "\0" in settings.organization:
        yield "an organization has at most 128 characters"
