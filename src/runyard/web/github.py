"""Deliveries as GitHub sends them, and hosts that do as it does: proved by their signature, then put in our words."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request

from runyard.domain.errors import Conflict, Invalid, NotFound, Unauthorized
from runyard.domain.repositories import LONGEST_TEXT, Seen, check_branch, check_name
from runyard.engine import hooks
from runyard.engine.hooks import Delivery, Occasion, Taken
from runyard.engine.repositories import PURPOSE
from runyard.storage.port import Store
from runyard.storage.vault import Vault
from runyard.streams.asgi import Scope
from runyard.web.auth import header
from runyard.web.body import decode
from runyard.web.errors import WrongType

BRANCH = "refs/heads/"
TAG = "refs/tags/"
MOST_COMMITS = 2048
"""GitHub tells of no more; then nobody knows all that changed."""
_LONGEST_MESSAGE = 4000
_DELIVERY = re.compile(r"[\x21-\x7e]{1,128}").fullmatch
_EVENT = re.compile(r"[a-z_]{1,64}").fullmatch
_WRONG = "the delivery is not signed with the secret of this repository's hook"


class _Repository(msgspec.Struct):
    id: int | str | None = None
    full_name: str | None = None
    default_branch: str | None = None
    description: str | None = None
    language: str | None = None
    private: bool | None = None


class _User(msgspec.Struct):
    login: str | None = None


class _End(msgspec.Struct):
    ref: str | None = None
    sha: str | None = None
    repo: _Repository | None = None


class _PullRequest(msgspec.Struct):
    number: int
    title: str | None = None
    html_url: str | None = None
    user: _User | None = None
    draft: bool | None = None
    head: _End = msgspec.field(default_factory=_End)
    base: _End = msgspec.field(default_factory=_End)


class _Commit(msgspec.Struct):
    id: str | None = None
    message: str | None = None
    added: list[str] | None = None
    removed: list[str] | None = None
    modified: list[str] | None = None


class _Pushed(msgspec.Struct):
    ref: str
    after: str
    before: str | None = None
    deleted: bool = False
    head_commit: _Commit | None = None
    commits: list[_Commit] | None = None
    pusher: dict[str, Any] | None = None
    repository: _Repository | None = None


class _Opened(msgspec.Struct):
    action: str
    pull_request: _PullRequest
    repository: _Repository | None = None


class _Other(msgspec.Struct):
    repository: _Repository | None = None


class Receiver:
    """Takes deliveries about repositories of one server."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self.store = store
        self.vault = vault
        # Opened where there is no secret to be, so that a delivery about nothing takes as long as any other.
        self._decoy = vault.seal(vault.key("no hook").hex(), PURPOSE)

    async def receive(self, request: Request[Any, Any, Any], repository_id: str) -> Taken:
        """What became of the delivery.

        Raises `Unauthorized`, always the same, unless it is signed with the secret of a connected repository; then
        `Invalid`, `WrongType`, or what the runs are refused with.
        """
        body = await request.body()
        scope: Any = request.scope
        await self._check(scope, body, repository_id)
        try:
            return await self.store.write(hooks.take, repository_id, delivery(scope, body))
        except NotFound:  # disconnected at this very moment
            raise Unauthorized(_WRONG) from None

    async def _check(self, scope: Scope, body: bytes, repository_id: str) -> None:
        sealed = await self.store.read(hooks.secret_of, repository_id)
        try:
            secret = self.vault.open(sealed or self._decoy, PURPOSE)
        except Conflict:  # sealed with another key of the server's: nobody can prove anything by it
            sealed, secret = None, self.vault.open(self._decoy, PURPOSE)
        given = (header(scope, b"x-hub-signature-256") or "").encode("latin-1")
        signed = hmac.compare_digest(signature(secret, body).encode(), given)
        if not signed or sealed is None:
            raise Unauthorized(_WRONG)


def signature(secret: str, body: bytes) -> str:
    """What `X-Hub-Signature-256` says of a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def delivery(scope: Scope, body: bytes) -> Delivery:
    """What a signed request tells. Raises `Invalid` or `WrongType`."""
    event, number = header(scope, b"x-github-event") or "", header(scope, b"x-github-delivery") or ""
    if _EVENT(event) is None:
        raise Invalid("the header X-GitHub-Event is missing or names no event, such as push")
    if _DELIVERY(number) is None:
        raise Invalid("the header X-GitHub-Delivery is missing or is no id of a delivery")
    body = _json_of(header(scope, b"content-type") or "application/json", body)
    if event == "push":
        return _push(number, decode(body, _Pushed))
    if event == "pull_request":
        return _pull_request(number, decode(body, _Opened))
    seen = _seen(decode(body, _Other).repository)
    if event == "ping":
        return Delivery(id=number, event=event, seen=seen)
    ignored = f"deliveries of {event} begin no runs; those of push and pull_request do"
    return Delivery(id=number, event=event, seen=seen, ignored=ignored)


def _json_of(kind: str, body: bytes) -> bytes:
    """The payload of either type that GitHub offers."""
    kind = kind.partition(";")[0].strip().lower()
    if kind == "application/json":
        return body
    if kind != "application/x-www-form-urlencoded":
        raise WrongType("deliveries are taken as application/json or application/x-www-form-urlencoded")
    try:
        (payload,) = parse_qs(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=8)["payload"]
    except (ValueError, KeyError):
        raise Invalid("a delivery as a form has one field `payload`, with the JSON in it") from None
    return payload.encode()


def _push(number: str, data: _Pushed) -> Delivery:
    told = Delivery(id=number, event="push", seen=_seen(data.repository))
    branch = data.ref.removeprefix(BRANCH)
    if data.ref.startswith(TAG):
        return msgspec.structs.replace(told, ignored="tags begin no runs; pushes to branches do")
    if branch == data.ref or not branch:
        return msgspec.structs.replace(told, ignored=f"{data.ref[:255]} is no branch; pushes to branches begin runs")
    if data.deleted or not data.after.strip("0"):
        return msgspec.structs.replace(told, ignored=f"the branch {branch[:255]} was deleted")
    head = data.head_commit or _Commit()
    author = (data.pusher or {}).get("name")
    payload = {
        "ref": data.ref,
        "branch": branch,
        "before": data.before if (data.before or "").strip("0") else None,
        "commit": {"sha": data.after, "message": (head.message or "")[:_LONGEST_MESSAGE]},
    }
    occasion = Occasion(
        trigger="push",
        branch=branch,
        paths=_paths(data.commits),
        author=author if isinstance(author, str) else None,
        payload=payload,
    )
    return msgspec.structs.replace(told, occasion=occasion)


def _paths(commits: Sequence[_Commit] | None) -> tuple[str, ...] | None:
    """What changed, None where not all is told."""
    if not commits or len(commits) >= MOST_COMMITS:
        return None
    groups = (group for one in commits for group in (one.added, one.removed, one.modified))
    return tuple(dict.fromkeys(path for group in groups for path in group or ()))


def _pull_request(number: str, data: _Opened) -> Delivery:
    pull, seen = data.pull_request, _seen(data.repository)
    author = pull.user.login if pull.user is not None else None
    payload = {
        "ref": f"refs/pull/{pull.number}/head",
        "action": data.action[:64],
        "pull_request": {
            "number": pull.number,
            "title": (pull.title or "")[:LONGEST_TEXT],
            "author": author,
            "url": pull.html_url,
            "draft": bool(pull.draft),
            "head": _end(pull.head),
            "base": _end(pull.base),
        },
        # Its message is not told with a pull request.
        "commit": {"sha": pull.head.sha} if pull.head.sha else None,
    }
    occasion = Occasion(
        trigger="pull_request",
        event=data.action[:64],
        branch=pull.base.ref,
        draft=bool(pull.draft),
        author=author,
        payload=payload,
    )
    return Delivery(id=number, event="pull_request", seen=seen, occasion=occasion)


def _end(end: _End) -> dict[str, Any]:
    """One side of a pull request; its repository is another one where it comes from a fork."""
    return {"ref": end.ref, "sha": end.sha, "repository": end.repo.full_name if end.repo is not None else None}


def _seen(told: _Repository | None) -> Seen:
    """What is said of the repository, as far as it can be kept."""
    if told is None:
        return Seen()
    return Seen(
        full_name=_fine(told.full_name, lambda name: check_name("gitlab", name)),
        host_id=None if told.id is None else str(told.id)[:64],
        default_branch=_fine(told.default_branch, check_branch),
        description=None if told.description is None else told.description[:LONGEST_TEXT],
        language=None if told.language is None else told.language[:64],
        private=told.private,
    )


def _fine(text: str | None, check: Any) -> str | None:
    if text is None:
        return None
    try:
        check(text)
    except Invalid:
        return None
    return text
