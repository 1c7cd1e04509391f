"""Which project a caller means (contract §24)."""

from __future__ import annotations

from runyard.dialects.strait.auth import INTERNAL
from runyard.domain.errors import Forbidden
from runyard.engine import projects
from runyard.web.call import Call
from runyard.web.slugs import slug_of

__all__ = ["own_project", "slug_of"]


async def own_project(call: Call, named: str | None) -> int:
    """The number of the project the caller means; the internal secret may name any.

    Raises `Forbidden` when a key names another project than its own, `NotFound` for one that is not there.
    """
    if not named or named == await slug_of(call):
        return call.project_id
    if not call.may(INTERNAL):
        raise Forbidden(f"this key is of another project than {named[:64]!r}")
    return (await call.read(projects.find, named)).id
