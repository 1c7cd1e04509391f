"""The slugs of projects. They never change, so each is read once."""

from __future__ import annotations

from typing import Any

from runyard.engine import projects
from runyard.web.call import Call

_SLUGS = "project_slugs"


async def slug_of(call: Call) -> str:
    """The slug of the project the caller acts in."""
    return await slug_in(call, call.project_id)


async def slug_in(call: Call, project_id: int) -> str:
    """The slug of a project."""
    known: dict[int, str] = _known(call.request.app.state)
    slug = known.get(project_id)
    if slug is None:
        project = await call.read(projects.find, project_id)
        slug = known[project_id] = project.slug
    return slug


def _known(state: Any) -> dict[int, str]:
    if _SLUGS not in state:
        state[_SLUGS] = {}
    return state[_SLUGS]  # type: ignore[no-any-return]
