"""Projects: the tenants everything else belongs to."""

from __future__ import annotations

import re

from runyard.domain.errors import AlreadyExists, Invalid, NotFound
from runyard.domain.records import Project
from runyard.storage.port import Tx
from runyard.storage.statements import projects as sql

DEFAULT = 1
"""The project of a server that was told of no other; admin keys act in it unless they name one."""
_LARGEST = 2**63 - 1
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def create(tx: Tx, *, slug: str, name: str | None = None) -> Project:
    """Make a project. Raises `Invalid` for a slug that cannot be one, `AlreadyExists` for one that is taken."""
    _check_slug(slug)
    named = name if name is not None else slug
    if not named.strip() or len(named) > 128 or "\0" in named:
        raise Invalid("a project's name has 1 to 128 characters")
    taken = AlreadyExists(f"there is a project {slug!r} already")
    if slug == "default" or sql.by_slug(tx, slug) is not None:
        raise taken
    # Number 1 is given away before anybody else can get it.
    sql.add_numbered(tx, DEFAULT, "default", "Default")
    project = sql.add(tx, slug, named)
    if project is None:
        raise taken
    return project


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
