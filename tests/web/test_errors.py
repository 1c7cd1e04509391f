"""Whatever goes wrong is told in the dialect's shape, and never as a 5xx for bad input."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from runyard.domain.errors import Conflict, LeaseLost
from runyard.web.errors import Errors, Mistake
from tests.web.conftest import House

pytestmark = pytest.mark.anyio
THINGS = "/small/v1/things"


def problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem details of a refusal, which must be as announced."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["detail"]
    assert body["request_id"] == response.headers["x-request-id"]
    return body


async def test_an_unknown_path_is_a_problem(client: httpx2.AsyncClient) -> None:
    problem(await client.get("/small/v1/nothing"), 404, "not_found")
    problem(await client.get("/nowhere"), 404, "not_found")


async def test_a_wrong_method_names_those_that_work(client: httpx2.AsyncClient) -> None:
    response = await client.delete(THINGS)
    problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET, POST, PUT"
    response = await client.post("/livez")
    problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["a%2Fb", "a%2fb", "a%00b", "a%ffb"])
async def test_a_path_with_bytes_that_fit_none_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    problem(await client.get(f"{THINGS}/{path}"), 404, "not_found")


@pytest.mark.parametrize("query", ["cursor=a%00", "cursor=%ff"])
async def test_a_query_that_cannot_be_stored_is_refused(client: httpx2.AsyncClient, query: str) -> None:
    problem(await client.get(f"{THINGS}?{query}"), 400, "invalid")


async def test_a_wrong_parameter_is_named(client: httpx2.AsyncClient) -> None:
    body = problem(await client.get(f"{THINGS}?limit=201"), 400, "invalid")
    assert body["errors"][0]["parameter"] == "limit"
    body = problem(await client.get(f"{THINGS}?limit=many"), 400, "invalid")
    assert "limit" in body["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"slug":1}', "/slug"),
        (b'{"slug":"x","parts":[{"size":1},{"size":11}]}', "/parts/1/size"),
        (b'{"things":[{"slug":"x"},{"slug":""}]}', "/things/1/slug"),
        (b'{"slug":"x","extra":[]}', "/extra"),
        (b"[]", ""),
        (b"{}", ""),
    ],
)
async def test_a_wrong_value_is_pointed_at(client: httpx2.AsyncClient, body: bytes, pointer: str) -> None:
    response = await client.post(THINGS, content=body)
    assert problem(response, 400, "invalid")["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"slug":"\xff"}',
        b'{"slug":"x","payload":"\xff"}',
        b'{"slug":"\\ud800"}',
        b'{"slug":"a\\u0000b"}',
        b'{"slug":"x","extra":{"a":["\\u0000"]}}',
        b'{"slug":"x","payload":' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"slug":"x","payload":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"slug":"x","payload":' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}",
        b'{"slug":"x"} trailing',
        b"",
    ],
)
async def test_a_body_that_is_no_good_json_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    problem(await client.post(THINGS, content=body), 400, "invalid")


async def test_a_payload_may_hold_what_a_text_may_not(client: httpx2.AsyncClient) -> None:
    body = b'{"slug":"nul-in-payload","payload":{"a":"\\u0000"}}'
    assert (await client.post(THINGS, content=body)).status_code == 201


async def test_a_body_that_is_too_large_is_refused_also_when_its_length_is_not_announced(
    client: httpx2.AsyncClient,
) -> None:
    async def chunks() -> Any:
        for _ in range(200):
            yield b" " * 1000

    problem(await client.post(THINGS, content=b" " * 100_001), 413, "too_large")
    problem(await client.post(THINGS, content=chunks()), 413, "too_large")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
async def test_another_content_type_is_refused(client: httpx2.AsyncClient, kind: str) -> None:
    response = await client.post(THINGS, content=b'{"slug":"x"}', headers={"content-type": kind})
    assert "application/json" in problem(response, 415, "unsupported_media_type")["detail"] or "UTF-8" in response.text


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=UTF-8", "application/ld+json", None])
async def test_json_in_any_dress_is_taken(client: httpx2.AsyncClient, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    response = await client.post(f"{THINGS}/x/poke", content=b'{"size":3,"unknown":1}', headers=headers)
    assert response.json() == {"size": 3}


async def test_a_body_that_is_optional_may_be_missing_or_null(client: httpx2.AsyncClient) -> None:
    assert (await client.post(f"{THINGS}/x/poke")).json() == {"size": 0}
    assert (await client.post(f"{THINGS}/x/poke", content=b"null")).json() == {"size": 0}


async def test_a_bug_tells_nothing_but_a_request_id(client: httpx2.AsyncClient) -> None:
    response = await client.post("/small/v1/fail/bug", headers={"x-request-id": "mine-1"})
    body = problem(response, 500, "internal_error")
    assert body["request_id"] == "mine-1"
    assert "secret" not in response.text


async def test_what_input_can_overflow_is_the_callers_mistake(client: httpx2.AsyncClient) -> None:
    problem(await client.post("/small/v1/fail/overflow"), 400, "invalid")


async def test_an_error_answers_by_its_nearest_base_class(client: httpx2.AsyncClient) -> None:
    problem(await client.post("/small/v1/fail/lease"), 409, "lease_lost")
    problem(await client.post("/small/v1/fail/domain"), 400, "error")


def test_a_dialect_may_answer_a_class_in_its_own_way() -> None:
    errors = Errors(lambda fault: fault.code.encode(), table={Conflict: (418, "busy")}, media_type="text/plain")
    reply = errors.reply(LeaseLost(), "id")
    assert (reply.status, reply.body) == (418, b"busy")


def test_a_pointer_escapes_what_pointers_escape() -> None:
    assert Mistake(source="body", path=("a/b", 0, "c~d"), detail="").pointer == "/a~1b/0/c~0d"


async def test_a_request_id_that_is_no_good_is_replaced(client: httpx2.AsyncClient) -> None:
    for bad in ("a b", "x" * 129, 'a"b'):
        response = await client.get(THINGS, headers={"x-request-id": bad})
        assert response.headers["x-request-id"] != bad
        assert len(response.headers["x-request-id"]) == 32


async def test_replies_carry_safe_headers(house: House) -> None:
    async with house.client() as client:
        for path in (THINGS, "/livez", "/nowhere"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert headers["content-security-policy"].startswith("default-src 'none'")
