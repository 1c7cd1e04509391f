"""Claims and lease calls over the wire (contract §2 identity, §7, §8)."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runyard.dialects.agh.mapping.claims import least_priority
from runyard.dialects.agh.mapping.values import shown
from runyard.dialects.agh.routes import claims
from runyard.domain.tasks import Task
from runyard.engine.tasks import making, settling
from runyard.engine.tasks.making import NewTask
from runyard.engine.tasks.queueing import coordination_of
from runyard.web import waiting
from tests.dialects.agh.client import Agh, good, refused
from tests.support.stand import PATIENCE, Stand
from tests.support.verbs import Json
from tests.support.yard import PERSON

NEXT = "/api/agent/tasks/claim-next"
READY = "ready:1"
PLACE = "01900000-0000-7000-8000-0000000000aa"
NOBODY = "run-" + "0" * 32
VERBS: dict[str, Json] = {"heartbeat": {}, "complete": {}, "fail": {"error": "it broke"}, "release": {}}


def verb(agh: Agh, claim: Json | str, name: str, **said: Any) -> Any:
    run_id = claim if isinstance(claim, str) else claim["run"]["id"]
    return agh.post(f"/api/agent/tasks/{run_id}/{name}", VERBS[name] | said)


def held(agh: Agh, coder: Agh | None = None, **task: Any) -> tuple[Agh, Json]:
    """A session, and what it was handed of a task just made."""
    agh.start(agh.task(**task))
    coder = coder or agh.as_session()
    claim = coder.claim()
    assert claim is not None
    return coder, claim


def in_place(stand: Stand, **new: Any) -> Task:
    """A task of a workspace."""
    return stand.store.transact(making.create, 1, NewTask(title="there", workspace_id=PLACE, **new), PERSON)


def test_a_claim_says_all_there_is_to_know(agh: Agh) -> None:
    task = agh.task("ship it", priority="high", identifier="SHIP-1")
    run = agh.start(task)
    coder = agh.as_session(agent="coder")
    claim = coder.claim(lease_seconds=60)
    assert claim is not None
    me = coder.headers["x-agh-session-id"]
    assert claim["task"] == {
        "id": task["id"],
        "scope": "global",
        "status": "ready",
        "title": "ship it",
        "identifier": "SHIP-1",
        "priority": "high",
        "latest_event_seq": agh.see(task)["task"]["latest_event_seq"],
    }
    assert claim["task"]["latest_event_seq"] > 0
    assert claim["run"]["id"] == run["id"]
    assert claim["run"]["claimed_by"] == {"kind": "agent_session", "ref": me}
    lease = claim["lease"]
    assert (lease["run_id"], lease["task_id"], lease["status"]) == (run["id"], task["id"], "claimed")
    assert lease["session_id"] == claim["run"]["session_id"] == me
    assert lease["claim_token_hash"].startswith("sha256:")
    assert len(lease["claim_token_hash"]) == 7 + 64
    shared = ("claim_token_hash", "lease_until", "heartbeat_at", "claimed_by", "status")
    assert {name: lease[name] for name in shared} == {name: claim["run"][name] for name in shared}
    assert lease["heartbeat_at"] == claim["run"]["claimed_at"] < lease["lease_until"]
    assert "coordination_channel" not in claim
    assert agh.as_session().claim() is None


def test_a_claim_of_a_workspace_names_the_channel_of_its_run(agh: Agh, stand: Stand) -> None:
    stand.store.transact(making.create, 1, NewTask(title="elsewhere"), PERSON)
    task = in_place(stand)
    agh.start(shown("task", task.id))
    claim = agh.as_session(workspace_id=PLACE).claim(workspace_id=shown("ws", PLACE))
    assert claim is not None
    own = coordination_of(json.loads(json.dumps(claim["run"]["id"]))[4:])
    channel = claim["coordination_channel"]
    assert channel["id"] == channel["display_name"] == claim["run"]["coordination_channel_id"] == own
    assert channel["workspace_id"] == claim["task"]["workspace_id"] == shown("ws", PLACE)
    assert channel["run_id"] == claim["run"]["id"]
    assert channel["allowed_message_kinds"][0] == "status"
    for session, named in ((agh.as_session(), PLACE), (agh.as_session(workspace_id=PLACE), PLACE[:-2] + "bb")):
        refused(session.post(NEXT, {"workspace_id": shown("ws", named)}), 403, "own workspace")
    refused(agh.as_session(workspace_id=PLACE).post(NEXT, {"workspace_id": "here"}), 403)


def test_priorities_and_capabilities_choose(agh: Agh) -> None:
    runs = {word: agh.start(agh.task(priority=word))["id"] for word in ("low", "medium", "high", "urgent")}
    got = []
    for least in (41, 31, 21, 11, 10, 0):
        claim = agh.as_session().claim(priority_min=least)
        got.append(None if claim is None else claim["run"]["id"])
    assert got == [None, runs["urgent"], runs["high"], runs["medium"], runs["low"], None]
    assert [least_priority(value) for value in (0, 1, 10, 11, 20, 30, 35, 40, 41)] == [0, 0, 0, 4, 4, 6, 8, 8, 99]


def test_a_claim_that_is_refused(agh: Agh) -> None:
    coder, _ = held(agh)
    agh.start()
    refused(coder.post(NEXT), 409, "has a run already")
    idle = agh.as_session()
    wrong: list[Json] = [{"required_capabilities": [one]} for one in ("", " ", "a b", "a,b", "x" * 129)]
    wrong += [{"lease_seconds": 86401}, {"lease_seconds": -1}, {"priority_min": -1}]
    for body in wrong:
        refused(idle.post(NEXT, body, loose=True), 422)
    odd: Any
    for odd in ({"wait": "yes"}, {"lease_seconds": "long"}, {"required_capabilities": "go"}, []):
        refused(idle.post(NEXT, odd, loose=True), 400)
    refused(idle.post(NEXT, content=b"{", loose=True), 400)
    assert idle.post(NEXT, {"lease_seconds": 0, "surprise": 1, "required_capabilities": [" go "]}).status_code == 200


def test_who_calls_is_checked_in_order(agh: Agh, stranger: Agh) -> None:
    session = agh.session(agent="coder")
    me, known = shown("sess", session.id), agh.as_session(session)
    run_id = agh.start()["id"]
    for path, body in ((NEXT, {}), *((f"/api/agent/tasks/{run_id}/{name}", body) for name, body in VERBS.items())):
        for caller, status, code in (
            (agh, 401, "identity_required"),
            (agh.saying(x_agh_agent="coder"), 401, "identity_required"),
            (agh.saying(x_agh_session_id=me), 401, "identity_required"),
            (agh.saying(x_agh_session_id="sess-nobody", x_agh_agent="coder"), 401, "identity_stale"),
            (stranger.as_session(session), 401, "identity_stale"),
            (agh.saying(x_agh_session_id=me, x_agh_agent="tester"), 401, "identity_mismatch"),
            (known.saying(x_agh_workspace_id=shown("ws", PLACE)), 403, "identity_unauthorized"),
        ):
            diagnostic = refused(caller.post(path, body), status, code=code)["diagnostic"]
            assert (diagnostic["category"], diagnostic["id"]) == ("session", f"agentidentity.{code}")
        refused(known.with_scopes("task:read", "runs:read").post(path, body), 403)
    agh.stand.store.transact(settling.end, [session.id], PERSON)
    refused(known.post(NEXT), 401, code="identity_stale")


def test_a_lease_from_claim_to_completion(agh: Agh) -> None:
    coder, claim = held(agh)
    agh.stand.clock.forward(seconds=10)
    lease = good(verb(coder, claim, "heartbeat", lease_seconds=20))["lease"]
    assert lease["lease_until"] < claim["lease"]["lease_until"]
    assert lease["heartbeat_at"] > claim["lease"]["heartbeat_at"]
    lease = good(verb(coder, claim, "complete", result={"answer": 42}))["lease"]
    assert (lease["status"], lease["session_id"]) == ("completed", claim["run"]["session_id"])
    assert lease["claim_token_hash"] == claim["lease"]["claim_token_hash"]
    assert not {"lease_until", "heartbeat_at"} & lease.keys()
    seen = agh.see(claim["task"]["id"])
    assert (seen["task"]["status"], seen["runs"][0]["result"]) == ("completed", {"answer": 42})
    for name in VERBS:
        refused(verb(coder, claim, name), 409, "AUTONOMY_LEASE_EXPIRED")


def test_a_run_that_is_released_is_anybodys(agh: Agh) -> None:
    coder, claim = held(agh)
    lease = good(verb(coder, claim, "release", reason=" lunch "))["lease"]
    assert lease == {"run_id": claim["run"]["id"], "task_id": claim["task"]["id"], "status": "queued"}
    line = agh.see(claim["task"]["id"])["events"][0]
    assert (line["event_type"], line["payload"]["reason"]) == ("task.run_released", "lunch")
    assert line["origin"] == {"kind": "http", "ref": "agent.task.release"}
    refused(verb(coder, claim, "heartbeat"), 409, "AUTONOMY_NO_ACTIVE_LEASE")
    again = agh.as_session().claim()
    assert again is not None
    assert again["run"]["id"] == claim["run"]["id"]


def test_a_run_that_failed_says_why(agh: Agh) -> None:
    coder, claim = held(agh)
    lease = good(verb(coder, claim, "fail", error=" no tests ", metadata={"exit": 2}))["lease"]
    assert lease["status"] == "failed"
    seen = agh.see(claim["task"]["id"])
    assert (seen["task"]["status"], seen["runs"][0]["error"]) == ("ready", "no tests")
    assert "failure_kind" not in seen["runs"][0]
    assert "metadata" not in seen["runs"][0]
    assert seen["events"][0]["payload"]["metadata"] == {"exit": 2}


def test_lease_calls_that_are_refused(agh: Agh, stranger: Agh) -> None:
    coder, claim = held(agh)
    busy, _ = held(agh)
    for name in VERBS:
        refused(verb(busy, claim, name), 403, "AUTONOMY_FOREIGN_RUN")
        refused(verb(agh.as_session(), claim, name), 409, "AUTONOMY_NO_ACTIVE_LEASE")
        for unknown in (NOBODY, "nothing", claim["run"]["id"].removeprefix("run-")):
            refused(verb(coder, unknown, name), 404)
        refused(verb(stranger.as_session(), claim, name), 404)
        empty = coder.post(f"/api/agent/tasks/{claim['run']['id']}/{name}", loose=True)
        refused(empty, 400, "send at least {}")
    agh.stand.clock.forward(seconds=300)
    for name in VERBS:
        refused(verb(coder, claim, name), 409, "AUTONOMY_LEASE_EXPIRED")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_values_that_are_refused(agh: Agh) -> None:
    coder, claim = held(agh)
    path = f"/api/agent/tasks/{claim['run']['id']}"
    for name, body, status in (
        ("heartbeat", {"lease_seconds": 86401}, 422),
        ("heartbeat", {"lease_seconds": -1}, 422),
        ("heartbeat", {"lease_seconds": "long"}, 400),
        ("complete", {"result": {"deep": [{"Claim_Token": 1}]}}, 422),
        ("complete", {"result": "x" * 65536}, 413),
        ("fail", {"error": "  "}, 422),
        ("fail", {}, 422),
        ("fail", {"error": None}, 400),
        ("fail", {"error": "e", "metadata": {"claim_token": "agh_claim_x"}}, 422),
        ("fail", {"error": "e", "metadata": "x" * 65536}, 413),
        ("release", {"reason": 7}, 400),
    ):
        refused(coder.post(f"{path}/{name}", body, loose=True), status)
    assert agh.see(claim["task"]["id"])["runs"][0]["status"] == "claimed"


@pytest.fixture
def never_looking_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting claims find only what they are woken for."""
    monkeypatch.setattr(waiting, "RECHECK_SECONDS", 10 * PATIENCE)


@pytest.mark.usefixtures("never_looking_again")
def test_a_waiting_claim_is_woken_by_the_commit_that_makes_work(agh: Agh, stand: Stand) -> None:
    one, two = agh.as_session(), agh.as_session()
    good(agh.post("/api/scheduler/pause"))
    with ThreadPoolExecutor(2) as pool:
        waiting_for = [pool.submit(caller.claim, wait=True) for caller in (one, two)]
        stand.until(lambda: stand.waiting(READY) == 2)
        runs = {agh.start()["id"], agh.start()["id"]}
        assert stand.waiting(READY) == 2, "nothing is handed out while the scheduler is paused"
        good(agh.post("/api/scheduler/resume"))
        claims = [waits.result(PATIENCE) for waits in waiting_for]
    assert {claim["run"]["id"] for claim in claims if claim is not None} == runs


def test_a_claim_waits_as_long_as_the_server_lets_it(agh: Agh, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[float] = []

    async def sooner(*args: Any, seconds: float) -> Any:
        allowed.append(seconds)
        return await waiting.waited(*args, seconds=0.05)

    monkeypatch.setattr(claims, "waited", sooner)
    assert agh.as_session().claim(wait=True) is None
    assert allowed == [stand.server.settings.claim_wait_max] == [60]


def test_a_waiting_claim_ends_with_its_session(agh: Agh, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "RECHECK_SECONDS", 0.01)
    session = agh.session()
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(agh.as_session(session).post, NEXT, {"wait": True})
        stand.until(lambda: stand.waiting(READY))
        stand.store.transact(settling.end, [session.id], PERSON)
        refused(waits.result(PATIENCE), 401, code="identity_stale")


def hang_up(stand: Stand, agh: Agh, while_away: Any) -> None:
    """Wait for work as a client that goes away without a word."""
    session = agh.session()
    body = b'{"wait":true}'
    head = (
        f"POST /agh{NEXT} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {agh.key}\r\n"
        f"X-AGH-Session-ID: {shown('sess', session.id)}\r\nX-AGH-Agent: {session.agent}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = stand.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + body)
        stand.until(lambda: stand.waiting(READY))
        while_away()


def test_a_client_that_left_keeps_nothing(agh: Agh, stand: Stand) -> None:
    hang_up(stand, agh, lambda: None)
    stand.until(lambda: not stand.waiting(READY))
    for _ in range(3):
        made: list[Json] = []
        hang_up(stand, agh, lambda made=made: made.append(agh.start()))
        stand.until(lambda: not stand.waiting(READY))
        coder, claims_of = agh.as_session(), list[Json | None]()

        def taken(coder: Agh = coder, claims_of: list[Json | None] = claims_of) -> Json | None:
            # What had reached the wire when the client left is its own; that cannot be told from a client that is slow.
            agh.tick(seconds=301)
            claims_of.append(coder.claim())
            return claims_of[-1]

        stand.until(taken)
        claim = claims_of[-1]
        assert claim is not None
        assert claim["run"]["id"] == made[0]["id"]
        good(verb(coder, claim, "complete"))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_numbers_that_nothing_can_hold_go_their_way_and_hide_no_token(agh: Agh) -> None:
    said = b'{"result": {"n": 1e999, "word": "\\u0063laim"%b}}'
    agh.start()
    coder = agh.as_session()
    claim = coder.claim()
    assert claim is not None
    path = f"/api/agent/tasks/{claim['run']['id']}/complete"
    as_json = {"content-type": "application/json"}
    hidden = said % b', "claim_token": 1e999'
    refused(coder.send("POST", path, content=hidden, headers=as_json, loose=True), 422, "claim_token")
    good(coder.send("POST", path, content=said % b"", headers=as_json, loose=True))
