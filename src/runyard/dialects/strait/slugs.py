"""The slug of the caller's project. Slugs never change, so each is read once."""

from __future__ import annotations

from typing import Any

from runyard.dialects.strait.auth import INTERNAL
from runyard.domain.errors import Forbidden
from runyard.engine import projects
from runyard.web.call import Call

_SLUGS = "project_slugs"


async def slug_of(call: Call) -> str:
    """The slug of the project the caller acts in."""
    known: dict[int, str] = _known(call.request.app.state)
    slug = known.get(call.project_id)
    if slug is None:
        project = await call.read(projects.find, call.project_id)
        slug = known[call.project_id] = project.slug
    return slug


async def own_project(call: Call, named: str | None) -> int:
    """The number of the project the caller means; the internal secret may name any (contract §24).

    Raises `Forbidden` when a key names another project than its own, `NotFound` for one that is not there.
    """
    if not named or named == await slug_of(call):
        return call.project_id
    if not call.may(INTERNAL):
        raise Forbidden(f"this key is of another project than {named[:64]!r}")
    return (await call.read(projects.find, named)).id


def _known(state: Any) -> dict[int, str]:
    if _SLUGS not in state:
        state[_SLUGS] = {}
    return state[_SLUGS]  # type: ignore[no-any-return]
