"""Channels: numbers without gaps whoever writes, and each message read once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from runyard.domain.errors import Forbidden, Invalid, NotFound
from runyard.domain.sessions import Session
from runyard.engine import channels, workspaces
from runyard.engine.channels import NewMessage
from runyard.engine.tasks import settling
from runyard.engine.workspaces import NewWorkspace
from runyard.storage.postgres import PostgresStore
from tests.support.yard import Yard


def workspace(yard: Yard, root: str) -> str:
    return yard.store.transact(workspaces.create, yard.project_id, NewWorkspace(root_dir=root)).id


def say(yard: Yard, session: Session, text: str = '{"body":1}') -> int:
    new = NewMessage(kind="status", body=text)
    return yard.store.transact(channels.say, session, session.channel or "", new).number


def test_a_channel_belongs_to_the_workspace_that_used_it_first(yard: Yard):
    shop, forge = workspace(yard, "/shop"), workspace(yard, "/forge")
    assert yard.store.transact(channels.check, 1, "build", shop) == "build"
    assert yard.store.transact(channels.check, 1, "build", shop) == "build"
    for other in (forge, None):
        with pytest.raises(Invalid, match="another workspace"):
            yard.store.transact(channels.check, 1, "build", other)
    with pytest.raises(Invalid, match="1 to 64"):
        yard.store.transact(channels.check, 1, "Build!", shop)
    assert yard.store.transact(channels.check, 2, "build", None) == "build"


def test_a_run_s_own_channel_belongs_to_its_workspace_before_anybody_spoke(yard: Yard):
    shop = workspace(yard, "/shop")
    row = yard.queue(yard.task(workspace_id=shop))
    assert row.coordination is not None
    with pytest.raises(Invalid, match="another workspace"):
        yard.store.transact(channels.check, 1, row.coordination, None)
    with pytest.raises(Forbidden):
        yard.store.look(channels.may_see, yard.session(), row.coordination)
    insider = yard.session(workspace_id=shop)
    assert yard.store.look(channels.may_see, insider, row.coordination) == row.coordination


def test_workspaces_are_found_by_id_name_and_place(yard: Yard):
    shop = workspace(yard, "/src/shop")
    for text in (shop, f"ws-{shop.replace('-', '')}", "shop", "/src/shop/", " /src//shop "):
        assert yard.store.look(workspaces.resolve, 1, text) == shop
    for text in ("", "forge", "/src", shop[:-1], "a\0b"):
        with pytest.raises(NotFound):
            yard.store.look(workspaces.resolve, 1, text)
    with pytest.raises(NotFound):
        yard.store.look(workspaces.resolve, 2, shop)


def test_messages_of_many_writers_are_numbered_without_gaps(two_servers: tuple[PostgresStore, PostgresStore], clock):
    yards = [Yard(store, clock) for store in two_servers]
    session = yards[0].session(channel="lobby")
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda at: say(yards[at % 2], session), range(40)))
    assert sorted(numbers) == list(range(1, 41))
    seen = yards[1].store.look(channels.messages, 1, "lobby", limit=100)
    assert [one.number for one in seen] == list(range(1, 41))


def test_a_session_is_ended_by_one_of_two_servers(two_servers: tuple[PostgresStore, PostgresStore], clock):
    yards = [Yard(store, clock) for store in two_servers]
    ended = [yards[0].session(ttl=1_000_000) for _ in range(20)]
    for session in ended:
        yards[0].queue(yards[0].task())
        assert yards[0].claim_next(session) is not None
    clock.forward(seconds=1)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda at: yards[at % 2].store.transact(settling.sweep), range(4)))
    assert sum(done) == 20
    other = yards[1].session()
    assert yards[1].claim_next(other) is not None
    yards[1].check()
