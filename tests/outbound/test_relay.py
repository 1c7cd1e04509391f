"""The way to agent servers: where it may lead, what comes back, and streams of events."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import pytest

from runyard.domain.errors import Invalid
from runyard.outbound.client import Client
from runyard.outbound.messages import NoAnswer
from runyard.outbound.relay import AgentRefused, Crowded, Door, Relay
from runyard.settings import Settings
from tests.support.endpoints import Endpoint, Heard, Say

LISTED = Settings(sandbox_hosts=("one.example.com", ".sandboxes.example.com", "10.1.2.3"))
T = TypeVar("T")


def using(
    work: Callable[[Relay], Awaitable[T]], settings: Settings = LISTED, *, address: str = "", turns: int = 200
) -> T:
    """What comes of the work; with an address every name leads there."""

    def found(host: str, port: int) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async def within() -> T:
        client = Client(settings, resolve=found) if address else Client(settings)
        relay = Relay(client, settings, turns=turns)
        try:
            return await work(relay)
        finally:
            relay.close()

    return asyncio.run(within())


def door(endpoint: Endpoint | str, **more: Any) -> Door:
    return Door(url=endpoint if isinstance(endpoint, str) else endpoint.url, token="t", **more)


def cancel(to: Door, **more: Any) -> Callable[[Relay], Awaitable[bytes]]:
    return lambda relay: relay.command(to, "cancel", **more)


@pytest.mark.parametrize(
    ("url", "reach"),
    [
        ("http://localhost:3001", "loopback"),
        ("http://127.0.0.1", "loopback"),
        ("http://[::1]:80/deep", "loopback"),
        ("https://one.example.com", "any"),
        ("https://ONE.example.com.:8443/", "any"),
        ("https://10.1.2.3:3001", "any"),
        ("https://a.b.sandboxes.example.com", "public"),
    ],
)
def test_sandboxes_are_on_this_machine_or_where_the_operator_says(url: str, reach: str) -> None:
    assert Relay(Client(LISTED), LISTED).reach(url) == reach


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost",
        "http://one.example.com",
        "http://127.0.0.2.example.com",
        "http://127.1",
        "https://sandboxes.example.com",
        "https://.sandboxes.example.com",
        "https://evilsandboxes.example.com",
        "https://a.sandboxes.example.com.evil.com",
        "https://one.example.com?x=1",
        "https://one.example.com#x",
        "https://10.1.2.4",
        "file:///etc/passwd",
    ],
)
def test_nobody_sends_commands_elsewhere(url: str) -> None:
    with pytest.raises((Invalid, NoAnswer)):
        using(cancel(door(url)), address="127.0.0.1")


@pytest.mark.parametrize("name", ["https://a.sandboxes.example.com", "http://localhost"])
@pytest.mark.parametrize("address", ["10.0.0.7", "169.254.169.254", "192.168.1.1"])
def test_a_name_that_leads_into_a_private_network_is_refused(name: str, address: str) -> None:
    with pytest.raises(NoAnswer, match="private") as caught:
        using(cancel(door(name)), address=address)
    assert caught.value.trouble == "refused"


def test_a_listed_suffix_does_not_lead_to_this_machine_but_a_listed_name_may(endpoint: Endpoint) -> None:
    with pytest.raises(NoAnswer) as caught:
        using(cancel(door(f"https://a.sandboxes.example.com:{endpoint.port}")), address="127.0.0.1")
    assert caught.value.trouble == "refused"
    assert endpoint.connections == 0
    with pytest.raises(NoAnswer) as caught:
        using(cancel(door(f"https://one.example.com:{endpoint.port}"), seconds=0.3), address="127.0.0.1")
    # It was reached, and speaks no TLS.
    assert caught.value.trouble != "refused"
    assert endpoint.connections == 1


def test_a_sandbox_that_is_booting_is_told_from_one_that_refuses(endpoint: Endpoint) -> None:
    for text, booting in (("No active session for this run", True), ("no active session for this run.", False)):
        endpoint.behave = lambda heard, text=text: Say(status=400, body=msgspec.json.encode({"error": text}))
        with pytest.raises(AgentRefused) as caught:
            using(cancel(door(endpoint)))
        assert (caught.value.is_booting, caught.value.detail) == (booting, text)


def test_the_control_planes_own_commands_take_less_patience(endpoint: Endpoint) -> None:
    endpoint.behave = lambda heard: Say(after=30)
    with pytest.raises(NoAnswer) as caught:
        using(cancel(door(endpoint), seconds=0.2))
    assert caught.value.trouble == "timeout"


def test_there_is_room_for_so_many_messages_and_a_few_commands_more(endpoint: Endpoint) -> None:

    async def crowd(relay: Relay) -> list[Any]:
        endpoint.behave = lambda heard: Say(body=b"{}", after=0.5 if b"user_message" in heard.body else 0)
        first = asyncio.create_task(relay.command(door(endpoint), "user_message", {"content": "x"}))
        await asyncio.to_thread(endpoint.until, lambda: endpoint.heard)
        second = relay.command(door(endpoint), "user_message", {"content": "y"})
        third = relay.command(door(endpoint), "cancel")
        return [*await asyncio.gather(second, third, return_exceptions=True), await first]

    refused, canceled, first = using(crowd, turns=1)
    assert isinstance(refused, Crowded)
    assert (canceled, first) == (b"{}", b"{}")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def followed(endpoint: Endpoint, *, read: float = 10.0, **more: Any) -> tuple[bytes, NoAnswer | None]:
    """Everything the stream said, and how it broke off if it did."""

    async def work(relay: Relay) -> tuple[bytes, NoAnswer | None]:
        found = b""
        try:
            async for piece in relay.follow(door(endpoint, **more), read=read):
                found += piece
        except NoAnswer as error:
            return found, error
        return found, None

    return using(work)


def test_a_stream_is_read_as_it_comes_until_it_ends(endpoint: Endpoint) -> None:
    body = b"data: {}\n\n" * 100_000
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    for raw in (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n",
        HEAD + b"\r\n" + body,
        b"HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\n\r\n" + HEAD + b"\r\n" + body,
    ):
        endpoint.behave = lambda heard, raw=raw: Say(raw=raw, then_close=True)
        assert followed(endpoint, connect="c") == (body, None)
    heard: Heard = endpoint.heard[-1]
    assert (heard.method, heard.path) == ("GET", "/events?_modal_connect_token=c")
    assert (heard.headers["accept"], heard.headers["authorization"]) == ("text/event-stream", "Bearer t")


def test_a_stream_that_breaks_off_or_falls_silent_says_so(endpoint: Endpoint) -> None:
    begun = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    endpoint.behave = lambda heard: Say(raw=begun, then_close=True)
    found, error = followed(endpoint)
    assert (found, error and error.trouble) == (b"abc", "connection")
    endpoint.behave = lambda heard: Say(raw=begun)
    found, error = followed(endpoint, read=0.2)
    assert (found, error and error.trouble) == (b"abc", "timeout")
    endpoint.behave = lambda heard: Say(after=30)
    assert followed(endpoint, read=0.2)[1] is not None
    endpoint.behave = lambda heard: Say(raw=b"nonsense\r\n\r\n", then_close=True)
    found, error = followed(endpoint)
    assert (found, error and error.trouble) == (b"", "transient")


def test_a_sandbox_that_is_gone_refuses_its_stream(endpoint: Endpoint) -> None:
    endpoint.behave = lambda heard: Say(status=404, body=b'{"error":"gone"}')
    with pytest.raises(AgentRefused, match="gone") as caught:
        followed(endpoint)
    assert caught.value.status == 404
    with pytest.raises(Invalid):
        using(lambda relay: anext(relay.follow(door("http://10.0.0.1"))))


def test_who_does_not_read_lets_the_other_side_wait(endpoint: Endpoint) -> None:
    endpoint.behave = lambda heard: Say(raw=HEAD + b"\r\n" + b"x" * (64 << 20), then_close=True)

    async def slowly(relay: Relay) -> int:
        stream = relay.follow(door(endpoint))
        largest = len(await anext(stream))
        for _ in range(20):
            await asyncio.sleep(0.01)
            largest = max(largest, len(await anext(stream)))
        await stream.aclose()
        return largest

    assert using(slowly) < 4 << 20
