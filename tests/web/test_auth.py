"""Who may call, and in which project."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from runyard.domain.records import Key
from runyard.web.auth import Anonymous, hash_of, is_local
from runyard.web.cache import Fresh
from runyard.web.scopes import SCOPES, expand
from tests.web.conftest import ADMIN, READER, WRITER, House

pytestmark = pytest.mark.anyio
THINGS = "/small/v1/things"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer short",
        "Basic abcdefghijkl",
        "Bearer " + "x" * 2100,
        "Bearer ry_no such key",
        "Bearer ry_unknown_key",
    ],
)
async def test_without_a_valid_key_nothing_is_answered(house: House, header: str | None) -> None:
    async with house.client(None) as client:
        response = await client.get(THINGS, headers={} if header is None else {"authorization": header})
    assert response.status_code == 401
    assert response.json()["code"] == "unauthorized"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_key_is_asked_for_before_the_body_is_looked_at(house: House) -> None:
    async with house.client(None) as client:
        assert (await client.post(THINGS, content=b"{")).status_code == 401
    async with house.client(READER) as client:
        assert (await client.post(THINGS, content=b"{")).status_code == 403


async def test_a_scope_includes_what_it_implies(house: House) -> None:
    async with house.client(WRITER) as client:
        assert (await client.get(THINGS)).status_code == 200
    async with house.client(READER) as client:
        assert (await client.get(THINGS)).status_code == 200
        response = await client.post(THINGS, json={"slug": "x"})
    assert response.status_code == 403
    assert "runs:write" in response.json()["detail"]


def test_admin_may_do_everything() -> None:
    assert expand(("admin",)) == SCOPES
    assert expand(("runs:claim",)) == {"runs:claim"}


async def test_a_public_path_needs_no_key(house: House) -> None:
    async with house.client(None) as client:
        assert (await client.get("/small/v1/open?wanted=4")).json() == {"size": 4}


async def test_an_expired_or_revoked_key_is_refused_even_while_it_is_remembered(house: House) -> None:
    now = house.store.now()
    house.keys.add("ry_expiring_key", "runs:read", expires_at=now + 1_000_000)
    async with house.client("ry_expiring_key") as client:
        assert (await client.get(THINGS)).status_code == 200
        house.keyring.now = lambda: now + 2_000_000
        assert (await client.get(THINGS)).status_code == 401
    house.keys.add("ry_revoked_key_", "runs:read", revoked_at=now)
    async with house.client("ry_revoked_key_") as client:
        assert (await client.get(THINGS)).status_code == 401


async def test_a_key_is_believed_for_ten_seconds_and_no_longer_than_keys_stay_as_they_are(house: House) -> None:
    async with house.client(READER) as client:
        for _ in range(3):
            await client.get(THINGS)
        assert house.keys.looked == 1
        house.ticks += 11
        await client.get(THINGS)
        assert house.keys.looked == 2
        del house.keys.by_hash[hash_of(READER)]
        assert (await client.get(THINGS)).status_code == 200
        house.keyring.heard(frozenset({"keys"}))
        assert (await client.get(THINGS)).status_code == 401


async def test_a_key_that_changes_while_it_is_read_is_not_remembered(house: House) -> None:
    found = house.keys.by_hash[hash_of(READER)]

    async def find_slowly(digest: str) -> Key | None:
        house.keyring.heard(frozenset({"*"}))
        return found

    house.keyring.find = find_slowly
    async with house.client(READER) as client:
        assert (await client.get(THINGS)).status_code == 200
        house.keyring.find = house.keys.find
        await client.get(THINGS)
    assert house.keys.looked == 1


async def test_the_last_use_of_a_key_is_noted_once_a_minute(house: House) -> None:
    async with house.client(READER) as client:
        for _ in range(3):
            await client.get(THINGS)
        house.ticks += 61
        await client.get(THINGS)
        await client.get(THINGS)
    await asyncio.sleep(0)  # lets the notes be written, which no request waits for
    assert house.keys.touched == ["key-r", "key-r"]


@pytest.mark.parametrize(("wanted", "number"), [("2", 2), ("other", 2), (" other ", 2), ("1", 1)])
async def test_an_admin_key_acts_in_the_project_it_names(house: House, wanted: str, number: int) -> None:
    async with house.client(ADMIN) as client:
        response = await client.get(f"{THINGS}/x", headers={"x-runyard-project": wanted})
    assert response.json()["number"] == number


@pytest.mark.parametrize("wanted", ["3", "nowhere", "", "9" * 40, "x" * 500])
async def test_a_project_that_is_not_there_is_not_found(house: House, wanted: str) -> None:
    async with house.client(ADMIN) as client:
        response = await client.get(THINGS, headers={"x-runyard-project": wanted})
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


async def test_another_key_stays_in_its_own_project(house: House) -> None:
    async with house.client(READER) as client:
        assert (await client.get(THINGS, headers={"x-runyard-project": "default"})).status_code == 200
        assert (await client.get(THINGS, headers={"x-runyard-project": "other"})).status_code == 404


async def test_anonymous_callers_get_in_from_this_machine_when_it_is_allowed(house: House) -> None:
    house.anonymous = Anonymous(dialects=frozenset({"small"}))
    async with house.client(None) as client:
        assert (await client.get(THINGS)).status_code == 200
        assert (await client.get(THINGS, headers={"x-forwarded-for": "10.0.0.9"})).status_code == 401
        assert (await client.get(THINGS, headers={"authorization": "Bearer ry_wrong_key_"})).status_code == 401
    async with house.client(None, client=("192.168.1.5", 9)) as client:
        assert (await client.get(THINGS)).status_code == 401


@pytest.mark.parametrize(
    ("host", "headers", "is_ours"),
    [
        ("127.0.0.1", {b"host": b"localhost:8321"}, True),
        ("::1", {b"host": b"[::1]:8321"}, True),
        ("127.0.0.1", {b"host": b"127.0.0.1"}, True),
        ("127.0.0.1", {b"host": b"evil.example:8321"}, False),
        ("127.0.0.1", {b"host": b"localhost", b"origin": b"https://evil.example"}, False),
        ("127.0.0.1", {b"host": b"localhost", b"origin": b"http://localhost:3000"}, True),
        ("10.0.0.1", {b"host": b"localhost"}, False),
    ],
)
def test_only_a_direct_caller_on_this_machine_is_local(host: str, headers: dict[bytes, bytes], is_ours: bool) -> None:
    scope: dict[str, Any] = {"client": (host, 1), "headers": list(headers.items())}
    assert is_local(scope) is is_ours


def test_a_full_cache_drops_what_was_used_longest_ago() -> None:
    cache: Fresh[str, int] = Fresh(size=2, seconds=5, clock=lambda: 0)
    cache.put("a", 1, generation=0)
    cache.put("b", 2, generation=0)
    assert cache.get("a") == 1
    cache.put("c", 3, generation=0)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


async def test_rates_are_limited_by_key_and_told_about(house: House) -> None:
    house.per_key.per_minute = 2
    async with house.client(READER) as client:
        first = await client.get(THINGS)
        assert first.headers["ratelimit-policy"] == '"key";q=2;w=60'
        assert first.headers["ratelimit"].startswith('"key";r=1;t=')
        await client.get(THINGS)
        refused = await client.get(THINGS)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.json()["retryable"] is True
    async with house.client(WRITER) as client:
        assert (await client.get(THINGS)).status_code == 200


async def test_rates_are_limited_by_address_before_anything_else(house: House) -> None:
    house.per_ip.per_minute = 1
    async with house.client(None) as client:
        assert (await client.get(THINGS)).status_code == 401
        assert (await client.get(THINGS)).status_code == 429


async def test_without_a_limit_there_are_no_limit_headers(client: httpx2.AsyncClient) -> None:
    assert "ratelimit" not in (await client.get(THINGS)).headers
