"""Who calls: keys by their hash, the project they act in, and anonymous callers on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

import msgspec
import structlog

from runyard.domain.errors import DomainError, Forbidden, NotFound, Unauthorized
from runyard.domain.records import Key, Project
from runyard.streams.asgi import Scope
from runyard.web.cache import Fresh
from runyard.web.scopes import SCOPES, expand

MAX_KEY = 2048
"""Keys have at most 512 characters; tokens that are signed by RSA some 700."""
CACHED_KEYS = 4096
CACHED_SECONDS = 10.0
TOUCH_SECONDS = 60.0
DEFAULT_PROJECT = 1

log = structlog.get_logger("runyard.auth")

FindKey = Callable[[str], Awaitable[Key | None]]
FindProject = Callable[[int | str], Awaitable[Project | None]]
Touch = Callable[[str], Awaitable[object]]


class NoKey(Unauthorized):
    """The request came without a key; send one as `Authorization: Bearer <key>`."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, in which project, and what they may do there."""

    key: Key | None
    project_id: int
    actor: str
    scopes: frozenset[str]


class Authenticate(Protocol):
    """How a dialect finds out who calls. Raises `Unauthorized`, `Forbidden` or `NotFound`."""

    async def __call__(self, scope: Scope) -> Identity: ...


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that (lower-case) name."""
    value = (scope.get("known_headers") or _known_headers(scope)).get(name)
    return None if value is None else str(value, "latin-1")


def _known_headers(scope: Scope) -> dict[bytes, bytes]:
    """The headers by name, for they are asked for several times a request; of two with one name the first counts."""
    known: dict[bytes, bytes] = dict(reversed(scope["headers"]))
    scope["known_headers"] = known
    return known


def bearer(scope: Scope) -> str | None:
    """The bearer key that came with the request, if any. Raises `Unauthorized` when it cannot be one."""
    text = header(scope, b"authorization")
    if text is None:
        return None
    kind, _, key = text.partition(" ")
    key = key.strip()
    if kind.lower() != "bearer":
        raise Unauthorized("the Authorization header is not of the form `Bearer <key>`")
    if not 8 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise Unauthorized("that is not a key")
    return key


def hash_of(key: str) -> str:
    """What is stored of a key: SHA-256, hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


class Keyring:
    """Finds keys by their hash and believes an answer for ten seconds, less when keys change."""

    def __init__(
        self,
        find: FindKey,
        *,
        touch: Touch,
        now: Callable[[], int],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.find = find
        self.touch = touch
        self.now = now
        self.ticks = ticks
        self._cache: Fresh[str, Identity] = Fresh(size=CACHED_KEYS, seconds=CACHED_SECONDS, clock=ticks)
        self._touched: dict[str, float] = {}
        self._touching: set[asyncio.Task[None]] = set()

    def heard(self, topics: frozenset[str]) -> None:
        """Forget everything when a commit changed keys; a store listener."""
        if "keys" in topics or "*" in topics:
            self._cache.clear()

    async def caller(self, text: str) -> Identity:
        """Who calls with the valid key of that text, in the key's own project. Raises `Unauthorized`."""
        identity = self._cache.get(text)
        if identity is None:
            generation = self._cache.generation
            digest = hash_of(text)
            found = await self.find(digest)
            if found is None or not hmac.compare_digest(found.hash, digest):
                raise Unauthorized("that key is not known")
            identity = Identity(
                key=found, project_id=found.project_id, actor=f"key:{found.prefix}", scopes=expand(found.scopes)
            )
            self._cache.put(text, identity, generation=generation)
        key: Any = identity.key
        if key.revoked_at is not None:
            raise Unauthorized("that key is revoked")
        if key.expires_at is not None and key.expires_at <= self.now():
            raise Unauthorized("that key has expired")
        self._used(key)
        return identity

    async def key(self, text: str) -> Key:
        """The valid key of that text. Raises `Unauthorized`."""
        return (await self.caller(text)).key  # type: ignore[return-value]

    def _used(self, key: Key) -> None:
        """Note the use, at most once a minute for each key, without keeping the request waiting."""
        ticks = self.ticks()
        if ticks - self._touched.get(key.id, -TOUCH_SECONDS) < TOUCH_SECONDS:
            return
        if len(self._touched) >= CACHED_KEYS:
            self._touched.clear()
        self._touched[key.id] = ticks
        task = asyncio.get_running_loop().create_task(self._note(key.id))
        self._touching.add(task)
        task.add_done_callback(self._touching.discard)

    async def _note(self, key_id: str) -> None:
        try:
            await self.touch(key_id)
        except DomainError as error:  # a full queue or a lost database: the note is not worth more trouble
            log.debug("key.touch_failed", key_id=key_id, code=error.code)


class Anonymous(msgspec.Struct, frozen=True, kw_only=True):
    """Lets callers without a key in: for the dialects named, from this machine only, in the default project."""

    dialects: frozenset[str] = frozenset()
    scopes: frozenset[str] = SCOPES - {"admin"}

    def identity(self, dialect: str, scope: Scope) -> Identity | None:
        """Who the caller without a key is, or None when one is needed."""
        if dialect not in self.dialects or not is_local(scope):
            return None
        return Identity(key=None, project_id=DEFAULT_PROJECT, actor="anonymous", scopes=self.scopes)


def is_local(scope: Scope) -> bool:
    """Whether a program on this machine asks directly: no proxy between, no web page of another origin behind it."""
    client = scope.get("client")
    if client is None or not _is_loopback(client[0]):
        return False
    for name, value in scope["headers"]:
        if name in {b"forwarded", b"x-forwarded-for", b"x-real-ip"}:
            return False
        if name == b"host" and not _is_loopback(_host(str(value, "latin-1"))):
            return False
        if name == b"origin" and not _is_loopback(_host(str(value, "latin-1").partition("://")[2])):
            return False
    return True


def _host(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if text.count(":") == 1 else text


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class KeyAuth:
    """Callers prove themselves by a key; an admin key may name the project it acts in."""

    def __init__(
        self,
        keyring: Keyring,
        find_project: FindProject,
        *,
        dialect: str,
        anonymous: Anonymous | None = None,
        project_header: bytes = b"x-runyard-project",
    ) -> None:
        self.keyring = keyring
        self.find_project = find_project
        self.dialect = dialect
        self.anonymous = anonymous or Anonymous()
        self.project_header = project_header

    async def __call__(self, scope: Scope) -> Identity:
        """Who calls. Raises `Unauthorized`, or `NotFound` when the project named is not theirs or not there."""
        text = bearer(scope)
        if text is None:
            identity = self.anonymous.identity(self.dialect, scope)
            if identity is None:
                raise NoKey("no key came with the request; send Authorization: Bearer <key>")
            return identity
        identity = await self.keyring.caller(text)
        wanted = header(scope, self.project_header)
        if wanted is None:
            return identity
        project = await self.project(wanted)
        if project.id != identity.project_id and "admin" not in identity.scopes:
            raise NotFound(f"there is no project {wanted!r} for this key")
        return msgspec.structs.replace(identity, project_id=project.id)

    async def project(self, wanted: str) -> Project:
        """The project of that number or slug. Raises `NotFound`."""
        text = wanted.strip()
        is_number = text.isascii() and text.isdigit() and len(text) <= 15
        project = await self.find_project(int(text) if is_number else text) if 0 < len(text) <= 128 else None
        if project is None:
            raise NotFound(f"there is no project {text[:128]!r} for this key")
        return project


def require(identity: Identity, scopes: Collection[str]) -> None:
    """Make sure that the caller has one of the scopes. Raises `Forbidden` that names what is missing."""
    if identity.scopes.isdisjoint(scopes):
        named = " or ".join(f"'{scope}'" for scope in scopes)
        raise Forbidden(f"this needs a key with scope {named}")
