"""The client against real endpoints: pooling, bounds, troubles, and attempts to get around the guard."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from runyard.outbound.client import Client, resolve
from runyard.outbound.messages import Answer, NoAnswer, Outgoing
from runyard.settings import Settings
from tests.support.endpoints import Endpoint, Open, Say

ANYWHERE = Settings(allow_private_endpoints=True, endpoint_ports=("*",))
STRICT = Settings(endpoint_ports=("*",))
T = TypeVar("T")


def using(work: Callable[[Client], Awaitable[T]], settings: Settings = ANYWHERE, **more: Any) -> T:
    async def within() -> T:
        client = Client(settings, **more)
        try:
            return await work(client)
        finally:
            client.close()

    return asyncio.run(within())


def send(
    url: str, settings: Settings = ANYWHERE, *, timeout: float = 10, resolve: Any = resolve, **said: Any
) -> Answer:
    request = Outgoing(url=url, **said)
    return using(lambda client: client.send(request, timeout=timeout), settings, resolve=resolve)


def trouble(url: str, settings: Settings = ANYWHERE, **said: Any) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        send(url, settings, **said)
    return caught.value


def test_a_request_arrives_as_it_was_meant(endpoint: Endpoint) -> None:
    endpoint.behave = lambda heard: Say(status=201, body=b'{"ok":1}', headers={"X-One": "1"})
    answer = send(f"{endpoint.url}run?a=b", headers=[("X-Run-ID", "r"), ("X-Text", "ä ö")], body=b'{"n": 1}')
    assert (answer.status, answer.body, answer.headers["x-one"]) == (201, b'{"ok":1}', "1")
    (heard,) = endpoint.heard
    assert (heard.method, heard.path, heard.body) == ("POST", "/run?a=b", b'{"n": 1}')
    assert heard.headers["host"] == f"127.0.0.1:{endpoint.port}"
    assert heard.headers["x-run-id"] == "r"
    assert answer.timing.connect > 0
    assert answer.timing.first > 0
    assert answer.timing.transfer >= 0


def test_connections_are_used_again_and_then_cost_nothing_to_connect(endpoint: Endpoint) -> None:
    async def thrice(client: Client) -> list[Answer]:
        return [await client.send(Outgoing(url=endpoint.url), timeout=5) for _ in range(3)]

    answers = using(thrice)
    assert endpoint.connections == 1
    assert [answer.timing.connect > 0 for answer in answers] == [True, False, False]


def test_a_connection_that_was_closed_meanwhile_is_replaced_without_an_error(endpoint: Endpoint) -> None:
    endpoint.behave = lambda heard: Say(then_close=True)

    async def twice(client: Client) -> list[int]:
        first = await client.send(Outgoing(url=endpoint.url), timeout=5)
        return [first.status, (await client.send(Outgoing(url=endpoint.url), timeout=5)).status]

    assert using(twice) == [200, 200]
    assert len(endpoint.heard) == 2


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
def test_answers_of_every_form_are_understood(endpoint: Endpoint, raw: bytes, body: bytes) -> None:
    endpoint.behave = lambda heard: Say(raw=raw, then_close=True)
    answer = send(endpoint.url)
    assert answer.status in {200, 204}
    assert answer.body == body


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "transient"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "connection"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "connection"),
        (b"HTTP/1.1 200 OK\r\nX: y", "connection"),
        (b"", "connection"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "transient"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"y" * 400_000, "transient"),
    ],
)
def test_what_is_no_answer_is_told_apart(endpoint: Endpoint, raw: bytes, kind: str) -> None:
    endpoint.behave = lambda heard: Say(raw=raw, then_close=True)
    assert trouble(endpoint.url).trouble == kind


def test_no_more_of_a_body_is_read_than_was_asked_for(endpoint: Endpoint) -> None:
    endpoint.behave = lambda heard: Say(body=b"x" * 5_000_000)
    answer = send(endpoint.url, max_body=1000)
    assert (answer.body, answer.is_cut) == (b"x" * 1000, True)
    endpoint.behave = lambda heard: Say(body=b"x" * 1000)
    answer = send(endpoint.url, max_body=1000)
    assert (len(answer.body), answer.is_cut) == (1000, False)


def test_an_endpoint_that_does_not_answer_in_time_is_given_up(endpoint: Endpoint) -> None:
    endpoint.behave = lambda heard: Say(after=30)
    began = time.monotonic()
    assert trouble(endpoint.url, timeout=0.2).trouble == "timeout"
    assert time.monotonic() - began < 5


def test_an_endpoint_that_drips_is_given_up_as_well(endpoint: Endpoint) -> None:
    endpoint.behave = lambda heard: Say(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    assert trouble(endpoint.url, timeout=0.2).trouble == "timeout"


def test_nobody_there_is_a_matter_of_the_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert trouble(f"http://127.0.0.1:{port}/").trouble == "connection"
    assert trouble("http://no-such-host.invalid/").trouble == "connection"


def test_headers_cannot_carry_other_headers(endpoint: Endpoint) -> None:
    for headers in ([("X-One", "a\r\nX-Two: b")], [("X-One", "a\nb")], [("X One", "a")], [("X-One", "a\x00")]):
        assert trouble(endpoint.url, headers=headers).trouble == "refused"
    assert endpoint.heard == []


def test_redirects_are_answers_and_not_followed(endpoint: Endpoint, endpoints: Open) -> None:
    inner = endpoints()
    endpoint.behave = lambda heard: Say(status=302, headers={"Location": inner.url})
    assert send(endpoint.url).status == 302
    assert inner.heard == []


def named(*addresses: str) -> Any:
    """A resolver that gives one address after the other."""
    left = list(addresses)

    def answer(host: str, port: int) -> Any:
        return resolve(left.pop(0) if len(left) > 1 else left[0], port)

    return answer


def test_a_name_that_resolves_to_a_private_address_is_refused(endpoint: Endpoint) -> None:
    for address in ("127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"):
        refused = trouble(f"http://example.com:{endpoint.port}/", STRICT, resolve=named(address))
        assert refused.trouble == "refused"
    assert endpoint.heard == []


def test_a_name_is_judged_again_at_every_connect(endpoint: Endpoint) -> None:
    """DNS rebinding: public when the URL was checked and looked up first, private a moment later."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Any:
        asked.append(host)
        return resolve("127.0.0.1", port)

    assert trouble(f"http://example.com:{endpoint.port}/", STRICT, resolve=rebinding).trouble == "refused"
    assert asked == ["example.com"], "the address that was judged is the one that is connected to"


def test_only_the_allowed_addresses_of_a_name_are_tried(endpoint: Endpoint) -> None:
    def both(host: str, port: int) -> Any:
        return [*resolve("127.0.0.1", port), *resolve("192.0.2.1", port)]

    # 192.0.2.1 is not public either (documentation), so that nothing of this test leaves the machine.
    assert trouble(f"http://example.com:{endpoint.port}/", STRICT, resolve=both).trouble == "refused"
    assert send(f"http://example.com:{endpoint.port}/", ANYWHERE, resolve=both).status == 200


def test_those_who_ask_for_one_name_at_once_share_a_lookup(endpoint: Endpoint) -> None:
    asked: list[str] = []
    all_wait = threading.Event()

    def slow(host: str, port: int) -> Any:
        asked.append(host)
        assert all_wait.wait(5)
        return resolve("127.0.0.1", port)

    async def many(client: Client) -> list[Answer]:
        request = Outgoing(url=f"http://example.com:{endpoint.port}/")
        sending = [asyncio.ensure_future(client.send(request, timeout=5)) for _ in range(50)]
        # One turn of the loop takes each of them to where it needs the address.
        await asyncio.sleep(0)
        all_wait.set()
        return await asyncio.gather(*sending)

    assert {answer.status for answer in using(many, resolve=slow)} == {200}
    assert asked == ["example.com"]
