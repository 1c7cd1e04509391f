"""Who calls (contract §2): keys by their scopes, and agents in sandboxes by the token of their run."""

from __future__ import annotations

import re

import msgspec

from runyard.domain.errors import Forbidden, NotFound
from runyard.streams.asgi import Scope
from runyard.web.auth import Identity, KeyAuth, bearer
from runyard.web.sandbox_tokens import Confined, SandboxTokens

CURRENT = "@current"
READ = frozenset({"task:read"})
BOTH = frozenset({"task:read", "task:write"})
_PROJECT = re.compile(r"/api/projects/([^/]+)")
_RUN = re.compile(r"/api/projects/[^/]+/tasks/([^/]+)(?:/runs/([^/]+)(?:/([^/]+))?)?")
PERSONS = frozenset({"start", "resume_in_cloud"})
"""What asks for a sandbox: an agent could go on for ever by asking for the next one itself."""


class PosthogAuth:
    """Finds out who calls, and in which project: the path names it."""

    def __init__(self, keys: KeyAuth, tokens: SandboxTokens) -> None:
        self.keys = KeyAuth(keys.keyring, keys.find_project, dialect="posthog", anonymous=keys.anonymous)
        self.tokens = tokens

    async def __call__(self, scope: Scope) -> Identity:
        """Who calls. Raises `Unauthorized`, `Forbidden` or `NotFound`.

        What a project in the path means is found out after the scopes were looked at (contract §2.3): a project that
        the key does not cover is kept with the request until then.
        """
        text = bearer(scope)
        if text is not None and self.tokens.looks_so(text):
            return _confined(scope, self.tokens.read(text))
        identity = await self.keys(scope)
        match = _PROJECT.match(scope["path"])
        if match is None or match[1] == CURRENT:
            return identity
        return await self._in_project(identity, match[1])

    async def _in_project(self, identity: Identity, wanted: str) -> Identity:
        number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) <= 15 else None
        if number == identity.project_id:
            return identity
        if number is None:
            raise NotFound("a project is named by its number, or @current")
        if "admin" not in identity.scopes:
            _check_scopes(identity)
            raise Forbidden(f"this key does not cover project {number}; use one of that project")
        project = await self.keys.project(wanted)
        return msgspec.structs.replace(identity, project_id=project.id)


def _check_scopes(identity: Identity) -> None:
    if identity.scopes.isdisjoint(BOTH):
        raise Forbidden("this needs a key with scope 'task:read' or 'task:write'")


def _confined(scope: Scope, said: Confined) -> Identity:
    """An agent in a sandbox: it writes to its own run, and reads what belongs to its task."""
    match = _PROJECT.match(scope["path"])
    if match is not None and match[1] not in (CURRENT, str(said.project)):
        raise Forbidden("this token is of a run in another project")
    run = _RUN.match(scope["path"])
    if match is not None and (run is None or run[1].lower() != said.task):
        raise Forbidden("this token is of a run of one task, and shows that task alone")
    own = run is not None and (run[2] or "").lower() == said.run
    if own and run is not None and run[3] in PERSONS:
        raise Forbidden("a sandbox is asked for with a key, not with the token of one")
    scopes = BOTH if own else READ
    return Identity(key=None, project_id=said.project, actor=f"sandbox:{said.run}", scopes=scopes)
