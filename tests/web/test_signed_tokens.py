"""Signed tokens: one key pair for all servers, replaced without losing whoever knows the old one."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from runyard.domain.coding import CodingSeen
from runyard.domain.errors import NotFound, Unauthorized
from runyard.domain.signing import CONNECTION, SigningKey
from runyard.engine import signing
from runyard.storage.vault import Vault
from runyard.web.signed_tokens import TO_CONNECT, TO_INGEST, SignedTokens
from tests.support.coding import a_coding_run
from tests.support.stores import AnyStore, Clock
from tests.support.yard import Yard

pytestmark = pytest.mark.anyio
SECRET = "a secret key of more than 32 characters"


def server(store: AnyStore, secret: str = SECRET) -> SignedTokens:
    """The tokens of one server, which hears of commits when the test says so."""
    return SignedTokens(store, Vault(secret))


def hears(tokens: SignedTokens) -> None:
    tokens.heard(frozenset({signing.TOPIC}))


async def rotated(tokens: SignedTokens, store: AnyStore) -> SigningKey:
    """The key that another server's operator had made, of which these tokens hear at once."""
    made = await store.write(signing.rotate, CONNECTION, await tokens.pair(), actor="key:x")
    hears(tokens)
    return made


def read_by_agent(token: str, pem: str) -> dict[str, Any]:
    """What an agent server makes of the token by the key it was given."""
    options: Any = {"require": ["exp", "aud"]}
    return jwt.decode(token, pem, algorithms=["RS256"], audience=TO_CONNECT, options=options)


@pytest.fixture
def run(yard: Yard, store: AnyStore) -> CodingSeen:
    return a_coding_run(store)


async def test_a_connection_token_says_who_connects_to_which_run_for_a_day(store: AnyStore, run: CodingSeen) -> None:
    tokens = server(store)
    token = await tokens.connection(run, 7, "somebody", mode="background")
    assert read_by_agent(token, await tokens.public_pem()) == {
        "run_id": run.run.id,
        "task_id": run.row.task_id,
        "team_id": 1,
        "user_id": 7,
        "distinct_id": "somebody",
        "mode": "background",
        "exp": store.now() // 1_000_000 + 24 * 3600,
        "aud": "posthog:sandbox_connection",
    }
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": await tokens.kid()}
    assert "mode" not in await tokens.read(await tokens.connection(run, 7, "somebody"), TO_CONNECT)


async def test_a_token_is_good_for_its_audience_until_it_expires(
    store: AnyStore, clock: Clock, run: CodingSeen
) -> None:
    tokens = server(store)
    token = await tokens.ingest(1, run.row.task_id, run.run.id, seconds=60)
    said = await tokens.read(token, TO_INGEST)
    assert (said["run_id"], said["task_id"], said["team_id"]) == (run.run.id, run.row.task_id, 1)
    with pytest.raises(Unauthorized, match="not for this"):
        await tokens.read(token, TO_CONNECT)
    clock.forward(seconds=60)
    with pytest.raises(Unauthorized, match="expired"):
        await tokens.read(token, TO_INGEST)


async def test_tokens_that_others_made_are_not_good(store: AnyStore, run: CodingSeen) -> None:
    tokens = server(store)
    pem, kid = await tokens.public_pem(), await tokens.kid()
    claims = {"run_id": run.run.id, "aud": TO_INGEST, "exp": 2**40}
    other = "-----BEGIN x-----".join(["k" * 40])
    # The public key as a secret of HS256 is the old way in.
    forged = jwt.api_jws.encode(b"{}", other, algorithm="HS256", headers={"kid": kid})
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": kid})
    unknown = jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": "\0"})
    nameless = jwt.encode(claims, "x" * 32, algorithm="HS256")
    assert pem.startswith("-----BEGIN PUBLIC KEY-----")
    for text in (forged, unsigned, unknown, nameless, "eyJ.x.y", "", "a.b.c", "é.b.c"):
        with pytest.raises(Unauthorized):
            await tokens.read(text, TO_INGEST)


async def test_servers_on_one_database_share_the_first_key_that_is_made(two_servers: Any) -> None:
    one, other = two_servers
    first, second = server(one), server(other)
    pems = await asyncio.gather(*(tokens.public_pem() for tokens in (first, second, first, second)))
    assert len(set(pems)) == 1
    assert len(await first.keys()) == 1
    token = await first.ingest(1, "t", "r", seconds=60)
    assert (await second.read(token, TO_INGEST))["run_id"] == "r"
    made = await asyncio.gather(rotated(first, one), rotated(second, other), return_exceptions=True)
    done = [key for key in made if not isinstance(key, BaseException)]
    assert done
    # The other one has not heard of it, and looks.
    token = await first.ingest(1, "t", "r2", seconds=60)
    assert (await second.read(token, TO_INGEST))["run_id"] == "r2"
    # Where one came after the other, and did not meet it, the first has a key that is replaced already.
    hears(first)
    hears(second)
    assert await first.kid() == await second.kid()
    assert [key.retired_at is None for key in await second.keys()] == [True] + [False] * len(done)


async def test_after_a_rotation_the_new_key_signs_but_not_for_sandboxes_that_know_the_old_one(
    store: AnyStore, clock: Clock
) -> None:
    tokens = server(store)
    old = await tokens.kid()
    before = a_coding_run(store, sandbox_jwt_kid=old)
    pem = await tokens.public_pem()
    ingest = await tokens.ingest(1, "t", "r", seconds=2 * 24 * 3600)
    clock.forward(hours=1)
    new = (await rotated(tokens, store)).id
    assert new != old
    assert [key.id for key in await tokens.keys()] == [new, old]
    assert (await tokens.public_pem(old), await tokens.kid()) == (pem, new)
    assert read_by_agent(await tokens.connection(before, 1, "x"), pem)["run_id"] == before.run.id
    later = a_coding_run(store)
    with pytest.raises(jwt.InvalidSignatureError):
        read_by_agent(await tokens.connection(later, 1, "x"), pem)
    assert read_by_agent(await tokens.connection(later, 1, "x"), await tokens.public_pem(new))
    assert (await tokens.read(ingest, TO_INGEST))["run_id"] == "r"


async def test_a_retired_key_is_forgotten_when_nothing_it_signed_is_good_any_more(
    store: AnyStore, clock: Clock
) -> None:
    tokens = server(store)
    old = await tokens.kid()
    await rotated(tokens, store)
    clock.forward(hours=30 * 24 + 1)
    with pytest.raises(NotFound, match="30 days"):
        await tokens.public_pem(old)
    newest = await rotated(tokens, store)
    assert old not in [key.id for key in await tokens.keys()]
    assert await tokens.kid() == newest.id
    run = a_coding_run(store, sandbox_jwt_kid=old)
    assert jwt.get_unverified_header(await tokens.connection(run, 1, "x"))["kid"] == newest.id


async def test_the_private_key_lies_sealed_in_the_database(store: AnyStore) -> None:
    await server(store).kid()
    ((sealed, public),) = store.look(lambda tx: tx.rows("SELECT sealed, public FROM signing_keys"))
    assert "PRIVATE" not in sealed
    assert "PRIVATE" not in public
    assert sealed.startswith("v1:")
