"""The same key gives the first answer again, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from runyard.engine import projects
from runyard.storage.port import Tx
from runyard.storage.statements import replies
from runyard.web.idempotency import Outcome, once, stamp
from tests.support.stores import AnyStore, Clock
from tests.web.conftest import House, count

pytestmark = pytest.mark.anyio
THINGS = "/small/v1/things"


@pytest.fixture
def house(store: AnyStore) -> House:
    """The small dialect on each engine."""
    return House(store)


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with a key that may write."""
    async with house.client() as client:
        yield client


async def test_a_repeated_request_gets_the_stored_answer(client: httpx2.AsyncClient, house: House) -> None:
    key = {"idempotency-key": "one"}
    first = await client.post(THINGS, json={"slug": "first"}, headers=key)
    before = house.store.look(count)
    again = await client.post(THINGS, json={"slug": "first"}, headers={"idempotency-key": '"one"'})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert house.store.look(count) == before


async def test_a_status_of_its_own_is_stored_too(client: httpx2.AsyncClient) -> None:
    key = {"idempotency-key": "put"}
    statuses = [(await client.put(THINGS, json={"slug": "put-it"}, headers=key)).status_code for _ in range(2)]
    assert statuses == [202, 202]
    assert (await client.put(THINGS, json={"slug": "other-it"})).status_code == 202


async def test_another_body_under_the_same_key_is_refused(client: httpx2.AsyncClient) -> None:
    key = {"idempotency-key": "two"}
    await client.post(THINGS, json={"slug": "second"}, headers=key)
    response = await client.post(THINGS, json={"slug": "third"}, headers=key)
    assert response.status_code == 422
    assert response.json()["code"] == "idempotency_mismatch"


async def test_another_route_may_use_the_same_key(client: httpx2.AsyncClient) -> None:
    key = {"idempotency-key": "three"}
    assert (await client.post(THINGS, json={"slug": "posted"}, headers=key)).status_code == 201
    assert (await client.put(THINGS, json={"slug": "put"}, headers=key)).status_code == 202


async def test_a_refusal_is_not_stored(client: httpx2.AsyncClient, house: House) -> None:
    key = {"idempotency-key": "four"}
    await client.post(THINGS, json={"slug": "taken"})
    assert (await client.post(THINGS, json={"slug": "taken"}, headers=key)).status_code == 409
    assert (await client.post(THINGS, json={"slug": "free"}, headers=key)).status_code == 201


async def test_duplicates_at_the_same_time_do_it_once(client: httpx2.AsyncClient, house: House) -> None:
    async def send() -> httpx2.Response:
        return await client.post(THINGS, json={"slug": "racing"}, headers={"idempotency-key": "race"})

    before = house.store.look(count)
    responses = await asyncio.gather(*[send() for _ in range(20)])
    assert {response.status_code for response in responses} == {201}
    assert len({response.content for response in responses}) == 1
    # Naming the first project makes project 1 along with it.
    assert house.store.look(count) - before == 2


@pytest.mark.parametrize("slug", ["first", "second"], ids=["colliding", "not colliding"])
async def test_an_equal_request_that_another_server_writes_meanwhile_answers_for_this_one(
    two_servers: tuple[AnyStore, AnyStore], slug: str
) -> None:
    mark = stamp(1, "key", route="things", path="/things", query=b"", body=b"{}")
    elsewhere = ThreadPoolExecutor(1)
    raced: list[Outcome] = []

    def make(tx: Tx, slug: str) -> str:
        return projects.create(tx, slug=slug).slug

    def late(tx: Tx) -> str:
        if not raced:
            other = two_servers[1]
            raced.append(elsewhere.submit(lambda: other.transact(once, mark, 201, str, make, ("first",), {})).result())
        return make(tx, slug)

    outcome = await two_servers[0].write(once, mark, 201, str, late, (), {})
    assert outcome == Outcome(status=201, body=b'"first"', replayed=True)
    assert two_servers[0].look(projects.page)[0].slug == "first"


@pytest.mark.parametrize("key", ["", " ", '""', "x" * 256, "tab\there"])
async def test_a_key_that_is_none_is_refused(client: httpx2.AsyncClient, key: str) -> None:
    response = await client.post(THINGS, json={"slug": "x"}, headers={"idempotency-key": key})
    assert response.status_code == 400


async def test_old_answers_are_pruned_in_small_steps(client: httpx2.AsyncClient, house: House, clock: Clock) -> None:
    for number in range(3):
        await client.post(THINGS, json={"slug": f"old-{number}"}, headers={"idempotency-key": f"k{number}"})
    before = clock.forward(hours=25) - 24 * 3600 * 1_000_000
    assert house.store.transact(replies.prune, before, 2) == 2
    assert house.store.transact(replies.prune, before, 2) == 1
    assert house.store.transact(replies.prune, before, 2) == 0
