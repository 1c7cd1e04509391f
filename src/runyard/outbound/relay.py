"""Talks to the agent server inside a run's sandbox: commands, and the stream of its events.

A sandbox is on this machine, or at a host that the operator listed (`sandbox_hosts`). A name that is listed by itself
may lead anywhere; one that only ends like a listed suffix may lead to public addresses only.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from runyard.domain.errors import Invalid, Unavailable
from runyard.outbound.client import Client
from runyard.outbound.guard import Reach
from runyard.outbound.messages import NoAnswer, Outgoing
from runyard.outbound.stream import Stream
from runyard.settings import Settings

TURN_SECONDS = 600.0
"""How long a command may take: a message is answered when the agent's turn ends."""
OWN_SECONDS, CANCEL_SECONDS, FOLLOW_UP_SECONDS = 15.0, 10.0, 1800.0
"""How long commands of the control plane's own may take: any, one to cancel, and a message that goes on with a run."""
CONNECT_SECONDS, READ_SECONDS = 30.0, 300.0
"""How long a stream of events may take to stand, and to say anything."""
MOST_ANSWER = 8 << 20
MOST_TURNS, MOST = 200, 250
"""How many messages may wait for their turns' ends, and how many commands may be under way in all."""
LONGEST_SAID = 2000
BOOTING = "No active session for this run"
"""What an agent server says as long as its session has not begun."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_json = msgspec.json.Encoder()


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sandbox is, and what opens it."""

    url: str
    token: str
    """Signed for whoever talks to it."""
    connect: str | None = None
    """What whoever runs the sandbox wants besides."""


class Crowded(Unavailable):
    """As many commands are under way as there may be; send it again in a while."""


class AgentRefused(Exception):
    """The agent server answered with another status than 2xx, or with something that cannot be understood."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail

    @property
    def is_booting(self) -> bool:
        """Whether the agent's session has only not begun, so that the same command may succeed in a moment."""
        return self.status == 400 and self.detail == BOOTING


class Relay:
    """The way to sandboxes, over the one guarded client. `seconds` is how long a command of a caller may take."""

    def __init__(
        self, client: Client, settings: Settings, *, seconds: float = TURN_SECONDS, turns: int = MOST_TURNS
    ) -> None:
        self.client = client
        self.seconds = seconds
        self._settings = settings
        self.turns = turns
        self.under_way = 0
        """How many commands wait for their answers."""

    def reach(self, url: str) -> Reach:
        """How far a request to a sandbox there may go. Raises `Invalid` when none may go there."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").removesuffix(".")
        except ValueError:
            raise Invalid("the run's sandbox_url is not a URL") from None
        if parts.query or parts.fragment:
            raise Invalid("the run's sandbox_url has a query or a fragment; it may have none")
        if parts.scheme == "http" and host in LOOPBACK:
            return "loopback"
        if parts.scheme == "https":
            listed = [one.lower() for one in self._settings.sandbox_hosts]
            if host in listed and not host.startswith("."):
                return "any"
            if any(one.startswith(".") and host.endswith(one) and host != one for one in listed):
                return "public"
        raise Invalid(
            "the run's sandbox_url is not at a place that commands may go to: this machine by http, "
            "or by https a host that the operator listed (RUNYARD_SANDBOX_HOSTS)"
        )

    async def command(
        self,
        door: Door,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        id: Any = None,
        seconds: float | None = None,
    ) -> bytes:
        """What the agent answered: a JSON document, an error of JSON-RPC too.

        Raises `Invalid` when the sandbox is where commands may not go, `Crowded`, `AgentRefused`, and `NoAnswer`.
        """
        reach = self.reach(door.url)
        body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params:
            body["params"] = params
        if id is not None:
            body["id"] = id
        headers = [("Content-Type", "application/json"), ("Connection", "close")]
        request = Outgoing(
            url=_url(door, "command"),
            headers=[*headers, ("Authorization", f"Bearer {door.token}")],
            body=_json.encode(body),
            max_body=MOST_ANSWER,
            reach=reach,
        )
        # Whoever wants to cancel a turn must get through when all the others wait for theirs.
        room = self.turns if method == "user_message" else self.turns + MOST - MOST_TURNS
        if self.under_way >= room:
            raise Crowded(f"{self.under_way} commands are under way, and no more may be; try again in a while")
        self.under_way += 1
        try:
            answer = await self.client.send(request, timeout=self.seconds if seconds is None else seconds)
        finally:
            self.under_way -= 1
        if not 200 <= answer.status < 300:
            raise AgentRefused(answer.status, _said(answer.status, answer.body))
        if answer.is_cut:
            raise AgentRefused(answer.status, f"the agent server's answer is longer than {MOST_ANSWER} bytes")
        if not _is_json(answer.body):
            raise AgentRefused(answer.status, "the agent server answered with something that is not JSON")
        return answer.body

    async def follow(
        self, door: Door, *, connect: float = CONNECT_SECONDS, read: float = READ_SECONDS
    ) -> AsyncGenerator[bytes, None]:
        """The stream of the agent server's events as it comes, in pieces of any size; close it.

        Raises `Invalid`, `AgentRefused`, and `NoAnswer`, also when the stream breaks off or falls silent.
        """
        request = Outgoing(
            url=_url(door, "events"),
            method="GET",
            headers=[("Accept", "text/event-stream"), ("Authorization", f"Bearer {door.token}")],
            reach=self.reach(door.url),
        )
        stream = await self.client.open(request, connect=connect, read=read)
        try:
            if not 200 <= stream.status < 300:
                raise AgentRefused(stream.status, _said(stream.status, await _beginning(stream)))
            while piece := await stream.read():
                yield piece
        finally:
            stream.close()

    def close(self) -> None:
        """Hang up everywhere."""
        self.client.close()


def _url(door: Door, below: str) -> str:
    query = f"?_modal_connect_token={quote(door.connect, safe='')}" if door.connect else ""
    return f"{door.url.rstrip('/')}/{below}{query}"


async def _beginning(stream: Stream) -> bytes:
    """As much of a body as is worth reading; what breaks off says what it said until then."""
    found = b""
    with contextlib.suppress(NoAnswer):
        while len(found) < 4 * LONGEST_SAID and (piece := await stream.read()):
            found += piece
    return found


def _said(status: int, body: bytes) -> str:
    """The agent server's own words on what is wrong, or ours."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = None
    text = said.get("error") if isinstance(said, dict) else None
    if isinstance(text, dict):
        text = text.get("message")
    if isinstance(text, str) and text.strip():
        return text[:LONGEST_SAID]
    return f"the agent server answered with status {status}"


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
