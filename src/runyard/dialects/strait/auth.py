"""Who calls (contract §24): API keys, the internal secret (an admin key), and run tokens on the worker-side paths."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote_plus

import msgspec

from runyard.dialects.strait.tokens import RunTokens
from runyard.domain.errors import Forbidden, Unauthorized
from runyard.domain.records import Key
from runyard.engine.keys import STRAIT as SCOPES
from runyard.engine.projects import DEFAULT
from runyard.streams.asgi import Scope
from runyard.web.auth import Identity, KeyAuth, bearer, header
from runyard.web.scopes import expand

INTERNAL = "internal"
"""Held by the internal secret alone: what ordinary keys are refused whatever their scopes."""
WORKER = "run-token"
"""Held by run tokens alone."""
NATIVE = {  # what keys made for other dialects may do here
    "jobs:write": frozenset({"jobs:read", "jobs:write"}),
    "runs:read": frozenset({"jobs:read", "projects:read", "runs:read", "stats:read"}),
    "runs:write": frozenset({"jobs:read", "jobs:trigger", "runs:write"}),
}


def scopes_of(key: Key) -> frozenset[str]:
    """What the key may do in this dialect."""
    return _spoken(key.scopes, key.dialect)


def _spoken(scopes: Sequence[str], dialect: str | None) -> frozenset[str]:
    if "admin" in scopes:
        return SCOPES | {INTERNAL}
    if dialect == "strait":
        return SCOPES if not scopes or "*" in scopes else frozenset(scopes)
    return frozenset[str]().union(*(NATIVE.get(scope, frozenset()) for scope in expand(tuple(scopes))))


def may_grant(identity: Identity, scopes: Sequence[str], dialect: str | None = "strait") -> None:
    """Make sure that a key with these scopes may do no more, here or natively, than who asks. Raises `Forbidden`."""
    own = identity.scopes | expand(() if identity.key is None else identity.key.scopes)
    beyond = sorted((_spoken(scopes, dialect) | expand(tuple(scopes))) - own)
    if beyond:
        raise Forbidden(f"a key cannot give what it has not: {', '.join(beyond)}")


class StraitAuth:
    """Finds out who calls by the path: run tokens below `/sdk/`, keys and the internal secret elsewhere."""

    def __init__(self, keys: KeyAuth, tokens: RunTokens) -> None:
        self.keys = keys
        self.tokens = tokens

    async def __call__(self, scope: Scope) -> Identity:
        """Who calls. Raises `Unauthorized`, `Forbidden` or `NotFound`."""
        if scope["path"].startswith("/sdk/"):
            return self._worker(scope)
        secret = header(scope, b"x-internal-secret")
        text = bearer(scope) if header(scope, b"authorization") not in {None, "", "Bearer", "Bearer "} else None
        if text is None and scope["path"].startswith("/v1/events/") and scope["path"].endswith("/stream"):
            # Browsers follow streams without headers of their own (contract §20).
            text = _asked(scope, "token")
        if text is None and secret is None:
            anonymous = self.keys.anonymous.identity("strait", scope)
            if anonymous is None:
                raise Unauthorized("no key came with the request; send Authorization: Bearer <key>")
            return msgspec.structs.replace(anonymous, scopes=SCOPES)
        key = await self.keys.keyring.key(text if text is not None else secret or "")
        scopes = scopes_of(key)
        if text is None and INTERNAL not in scopes:
            raise Unauthorized("that is not the internal secret")
        project_id = key.project_id
        if INTERNAL in scopes:
            wanted = _project(scope)
            project_id = (await self.keys.project(wanted)).id if wanted else DEFAULT
        return Identity(key=key, project_id=project_id, actor=f"apikey:{key.id}", scopes=scopes)

    def _worker(self, scope: Scope) -> Identity:
        text = header(scope, b"authorization") or ""
        kind, _, token = text.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Unauthorized("worker-side calls need Authorization: Bearer <run token>")
        claims = self.tokens.read(token.strip())
        run_id = scope["path"].removeprefix("/sdk/v1/runs/").partition("/")[0]
        if claims.sub != run_id.lower():
            raise Forbidden("this token is of another run")
        scope["run_token"] = claims
        return Identity(key=None, project_id=claims.project, actor=f"run:{claims.sub}", scopes=frozenset({WORKER}))


def _project(scope: Scope) -> str | None:
    named = header(scope, b"x-project-id") or header(scope, b"x-runyard-project")
    return named or _asked(scope, "project_id")


def _asked(scope: Scope, wanted: str) -> str | None:
    """The first value of a query parameter that has one."""
    for part in bytes(scope["query_string"]).decode("latin-1").split("&"):
        name, _, value = part.partition("=")
        if name == wanted and value:
            return unquote_plus(value)
    return None
