"""API keys: shown once, stored as hashes, bounded by scopes, expiry and revocation."""

from __future__ import annotations

import hashlib
import re

import pytest

from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.engine import keys


def make(store, project_id=1, **changes):
    wanted = {"name": "robot", "scopes": ["runs:read", "runs:claim"]} | changes
    return store.transact(keys.create, project_id, **wanted)


def everything_stored(store):
    return store.look(lambda tx: str(tx.rows("SELECT * FROM api_keys")) + str(tx.rows("SELECT * FROM events")))


@pytest.mark.parametrize(
    ("dialect", "form"),
    [
        ("native", r"ry_[0-9a-f]{64}"),
        ("strait", r"strait_[0-9a-f]{64}"),
        ("bamboosnow", r"bs_live_[0-9a-f]{64}"),
        ("agh", r"ry_[0-9a-f]{64}"),
        ("posthog", r"ry_[0-9a-f]{64}"),
    ],
)
def test_a_key_has_the_form_of_its_dialect(store, dialect, form):
    assert re.fullmatch(form, make(store, dialect=dialect).secret)


def test_only_the_hash_and_a_prefix_of_a_key_are_stored(store):
    made = make(store)
    assert made.key.hash == hashlib.sha256(made.secret.encode()).hexdigest()
    assert made.key.prefix == made.secret[:10]
    assert made.secret[10:] not in everything_stored(store)


def test_two_keys_are_never_alike(store):
    assert make(store).secret != make(store).secret


def test_a_key_is_found_by_the_hash_of_its_secret(store):
    made = make(store, dialect="strait")
    assert store.look(keys.find_by_hash, keys.hash_of(made.secret)) == made.key
    assert store.look(keys.find_by_hash, keys.hash_of("ry_other")) is None


def test_scopes_are_kept_once_each(store):
    assert make(store, scopes=["runs:write", "runs:read", "runs:write"]).key.scopes == ("runs:read", "runs:write")


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["runs:read", "everything"]},
        {"scopes": ["*"]},
        {"dialect": "klingon"},
        {"name": " "},
        {"name": "x" * 129},
        {"name": "a\0b"},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(store, wrong):
    with pytest.raises(Invalid):
        make(store, **wrong)


def test_an_expiry_that_has_passed_is_refused(store, clock):
    with pytest.raises(Invalid):
        make(store, expires_at=clock.now())
    assert make(store, expires_at=clock.now() + 1).key.expires_at == clock.now() + 1


def test_a_key_belongs_to_its_project_alone(store):
    made = make(store, 2)
    assert store.look(keys.get, 2, made.key.id) == made.key
    with pytest.raises(NotFound):
        store.look(keys.get, 1, made.key.id)
    with pytest.raises(NotFound):
        store.transact(keys.revoke, 1, made.key.id)


def test_an_admin_key_is_kept_with_project_1(store):
    assert make(store, 7, scopes=["admin"]).key.project_id == 1


@pytest.mark.parametrize("key_id", ["", "nonsense", "a\0b", "x" * 10_000, "' OR 1=1"])
def test_an_unknown_key_is_not_found(store, key_id):
    with pytest.raises(NotFound):
        store.look(keys.get, 1, key_id)


def test_revoking_wakes_whoever_remembers_keys(store, clock):
    made = make(store)
    heard: list[frozenset[str]] = []
    store.subscribe(heard.append)
    revoked = store.transact(keys.revoke, 1, made.key.id, actor="key:boss")
    assert revoked.revoked_at == clock.now()
    if store.engine == "sqlite":  # PostgreSQL tells its listeners in its own time
        assert any("keys" in topics for topics in heard)


def test_revoking_again_changes_nothing(store, clock):
    made = make(store)
    first = store.transact(keys.revoke, 1, made.key.id)
    clock.forward(hours=1)
    assert store.transact(keys.revoke, 1, made.key.id) == first


def test_the_last_use_is_noted_and_never_goes_back(store, clock):
    made = make(store)
    clock.forward(minutes=1)
    store.transact(keys.touch, made.key.id)
    assert store.look(keys.get, 1, made.key.id).last_used_at == clock.now()
    clock.forward(minutes=-1)
    store.transact(keys.touch, made.key.id)
    assert store.look(keys.get, 1, made.key.id).last_used_at == clock.now() + 60_000_000


def test_keys_are_listed_newest_first_in_pages(store):
    made = [make(store).key for _ in range(5)]
    make(store, 2)
    first = store.look(keys.page, 1, limit=2)
    assert first == [made[4], made[3]]
    assert store.look(keys.page, 1, before=first[-1].id) == [made[2], made[1], made[0]]


def test_the_first_start_makes_an_admin_key_and_later_ones_do_not(store):
    secret = store.transact(keys.ensure_admin)
    assert secret is not None
    assert store.look(keys.find_by_hash, keys.hash_of(secret)).scopes == ("admin",)
    assert store.transact(keys.ensure_admin) is None


def test_a_server_whose_admin_keys_are_all_revoked_makes_a_new_one(store):
    secret = store.transact(keys.ensure_admin)
    store.transact(keys.revoke, 1, store.look(keys.find_by_hash, keys.hash_of(secret)).id)
    assert store.transact(keys.ensure_admin) not in {None, secret}


def test_a_given_admin_key_is_made_once(store):
    assert store.transact(keys.ensure_admin, "a-key-of-my-own-making") == "a-key-of-my-own-making"
    assert store.transact(keys.ensure_admin, "a-key-of-my-own-making") is None
    assert len(store.look(keys.page, 1)) == 1


def test_a_given_admin_key_is_not_betrayed_by_its_prefix(store):
    store.transact(keys.ensure_admin, "sixteen-letters!")
    assert store.look(keys.page, 1)[0].prefix == "sixte"


@pytest.mark.parametrize("secret", ["", "short", "with space in the middle", "ümläut-ümläut-ümläut", "x" * 513])
def test_an_admin_key_that_cannot_be_one_is_refused(store, secret):
    with pytest.raises(Invalid):
        store.transact(keys.ensure_admin, secret)


def test_a_revoked_or_lesser_key_does_not_become_an_admin_key_by_setting_it(store):
    lesser = make(store).secret
    with pytest.raises(Conflict):
        store.transact(keys.ensure_admin, lesser)
    secret = store.transact(keys.ensure_admin)
    store.transact(keys.revoke, 1, store.look(keys.find_by_hash, keys.hash_of(secret)).id)
    with pytest.raises(Conflict):
        store.transact(keys.ensure_admin, secret)


def test_a_key_of_a_dialect_may_have_its_words_or_none(store):
    assert make(store, dialect="strait", scopes=["jobs:trigger", "*"]).key.scopes == ("*", "jobs:trigger")
    assert make(store, dialect="strait", scopes=[]).key.scopes == ()
    for dialect, scopes in (("native", []), ("native", ["jobs:trigger"]), ("strait", ["nothing"])):
        with pytest.raises(Invalid):
            make(store, dialect=dialect, scopes=scopes)


def test_a_rotated_key_names_its_successor_and_ends_after_the_grace(store, clock):
    old = make(store).key
    done = store.transact(keys.rotate, 1, old.id, grace=5_000_000)
    assert done.old.replaced_by == done.new.key.id
    assert done.old.expires_at == clock.now() + 5_000_000
    assert (done.new.key.name, done.new.key.scopes, done.new.key.expires_at) == (old.name, old.scopes, None)
    assert store.look(keys.find_by_hash, keys.hash_of(done.new.secret)) == done.new.key
    assert store.look(keys.get, 1, old.id) == done.old
    with pytest.raises(Conflict):
        store.transact(keys.rotate, 1, old.id, grace=0)


def test_a_grace_is_not_negative_and_at_most_a_week(store):
    old = make(store).key
    for grace in (-1, 8 * 86400 * 1_000_000):
        with pytest.raises(Invalid):
            store.transact(keys.rotate, 1, old.id, grace=grace)


def test_two_servers_rotate_a_key_once(two_servers):
    here, there = two_servers
    old = make(here).key
    here.transact(keys.rotate, 1, old.id, grace=0)
    with pytest.raises(Conflict):
        there.transact(keys.rotate, 1, old.id, grace=0)


def test_an_admins_key_is_hidden_where_no_admin_asks(store):
    admin = make(store, scopes=["admin"]).key
    other = make(store).key
    assert [one.id for one in store.look(keys.page_by_time, 1, admins=False)] == [other.id]
    assert [one.id for one in store.look(keys.page_by_time, 1)] == [other.id, admin.id]
    for op in (keys.revoke, keys.rotate):
        more = {"grace": 0} if op is keys.rotate else {}
        with pytest.raises(NotFound):
            store.transact(op, 1, admin.id, admins=False, **more)


def test_the_key_of_the_servers_agents_is_for_nobody_to_replace_and_hidden_from_all_but_admins(store):
    key = store.transact(keys.renew_agents, name="built-in agents").key
    assert keys.AGENTS in key.scopes
    with pytest.raises(Conflict, match="server's own agents"):
        store.transact(keys.rotate, 1, key.id, grace=0)
    for refused in (keys.get, keys.revoke):
        with pytest.raises(NotFound):
            store.transact(refused, 1, key.id, admins=False)
    assert key.id not in [one.id for one in store.look(keys.page_by_time, 1, admins=False)]
    assert key.id not in [one.id for one in store.look(keys.numbered, 1, offset=0, limit=50).rows]
    with pytest.raises(Invalid):
        store.transact(keys.create, 1, name="mine", scopes=[keys.AGENTS])
    again = store.transact(keys.renew_agents, name="built-in agents").key
    assert store.look(keys.get, 1, key.id).revoked_at is not None
    assert store.look(keys.get, 1, again.id).revoked_at is None
