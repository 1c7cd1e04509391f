"""Two projects on one server: whatever one does, nothing of the other shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.dialects.native.recipes import RECIPES
from tests.dialects.native.test_operations import send
from tests.support.api import Api, good, ids, proof, refused
from tests.support.stand import PATIENCE, Stand
from tests.support.verbs import Json

SECRET = "a secret of the first project"
LISTS = ["/runs", "/jobs", "/keys", "/events", "/dlq", "/dlq/groups", "/queues", "/stats", "/bulk", "/projects"]


@pytest.fixture
def stranger(stand: Stand) -> Api:
    """A key of another project that may do everything there but administer."""
    return stand.key(project=stand.project("other"))


@pytest.fixture
def filled(stand: Stand, api: Api) -> Json:
    """A run of the first project, of which there is everything that can be."""
    good(api.post("/jobs", {"name": "secret-job", "description": SECRET}), 201)
    claim = api.claimed(
        payload={"secret": SECRET}, job="secret-job", tags=["secret"], idempotency_key="k", queue="secret-queue"
    )
    path = f"/runs/{claim['run']['id']}"
    good(api.post(f"{path}/logs", {"entries": [{"message": SECRET}]}), 201)
    good(api.post(f"{path}/checkpoints", {"state": SECRET}), 201)
    good(api.post(f"{path}/usage", {"model": "secret-model", "cost_micro_usd": 1}), 201)
    good(api.post(f"{path}/tool-calls", {"name": "secret-tool", "input": SECRET}), 201)
    good(api.put(f"{path}/outputs/report", {"value": SECRET}))
    good(api.put(f"{path}/state/place", {"value": SECRET}))
    good(api.post(f"{path}/artifacts", content=SECRET.encode(), params={"name": "a.txt"}), 201)
    good(api.post("/bulk", {"action": "cancel", "filter": {"queue": "secret-queue"}, "reason": SECRET}), 202)
    api.buried(payload=SECRET, queue="secret-queue")
    return claim


@pytest.mark.parametrize("path", LISTS)
def test_a_list_shows_nothing_of_another_project(stand: Stand, api: Api, filled: Json, path: str) -> None:
    number = stand.project("other")
    for other in (stand.key(project=number), stand.admin.within(number)):
        if path == "/keys" and other.key != stand.admin.key:
            continue
        text = other.get(path).text
        assert "secret" not in text
        assert filled["run"]["id"] not in text


def test_a_cursor_of_another_project_opens_nothing(api: Api, stranger: Api) -> None:
    api.make(3)
    own = stranger.run()
    cursor = good(api.get("/runs", limit=1))["next_cursor"]
    assert set(ids(good(stranger.get("/runs", cursor=cursor))["data"])) <= {own["id"]}


def test_a_claim_takes_nothing_of_another_project(api: Api, stranger: Api, stand: Stand) -> None:
    api.make(5)
    assert stranger.claim(100) == []
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(stranger.claim, 10, wait_seconds=PATIENCE)
        stand.until(lambda: any(topic.startswith("ready:") for topic in stand.server.hub._waiters))
        api.make(2)
        own = stranger.run()
        assert [claim["run"]["id"] for claim in waiting.result(PATIENCE)] == [own["id"]]


@pytest.mark.parametrize("verb", ["start", "heartbeat", "complete", "fail", "release", "wait"])
def test_a_lease_is_worth_nothing_in_another_project(api: Api, stranger: Api, verb: str) -> None:
    claim = api.claimed()
    said = {"error": "x"} if verb == "fail" else {}
    (result,) = stranger.report(verb, {**proof(claim), **said})
    assert (result["ok"], result["error"]["code"]) == (False, "not_found")
    assert api.see(claim["run"])["state"] == "claimed"


@pytest.mark.parametrize("below", ["/stream", "/events", "/logs"])
def test_a_stream_of_another_project_is_not_there(api: Api, stranger: Api, filled: Json, below: str) -> None:
    path = f"/runs/{filled['run']['id']}{below}"
    for last in ("0", "1"):
        headers = {"accept": "text/event-stream", "last-event-id": last}
        refused(stranger.send("GET", path, headers=headers), 404, "not_found")


def test_a_project_stream_tells_nothing_of_another_project(api: Api, stranger: Api) -> None:
    with stranger.follow("/stream", after=0) as stream:
        api.make(3)
        own = stranger.run()
        told = stream.until("run.created")
    assert {frame.data["run_id"] for frame in told if not frame.comment} <= {own["id"], None}


def test_idempotency_keys_of_two_projects_do_not_meet(api: Api, stranger: Api) -> None:
    headers = {"idempotency-key": "same"}
    mine = good(api.post("/runs", {"payload": 1, "idempotency_key": "k"}, headers=headers), 201)
    theirs = good(stranger.post("/runs", {"payload": 2, "idempotency_key": "k"}, headers=headers), 201)
    assert mine["id"] != theirs["id"]
    assert (theirs["payload"], theirs["duplicate"], theirs["project"]) == (2, False, "other")


def test_names_and_limits_of_two_projects_do_not_meet(api: Api, stranger: Api) -> None:
    for one in (api, stranger):
        good(one.post("/jobs", {"name": "mail", "concurrency": {"max": 1}}), 201)
    keyed = {"concurrency": {"max_per_key": 1}, "concurrency_key": "k"}
    for one in (api, stranger):
        one.run(job="mail")
        one.run(queue="keyed", **keyed)
        assert len(one.claim(10)) == 2


def test_relatives_are_not_found_in_another_project(api: Api, stranger: Api) -> None:
    run = api.run()
    for word in ("parent_id", "continuation_of"):
        refused(stranger.post("/runs", {word: run["id"]}), 404, "not_found")
    refused(stranger.post("/runs", {"job_id": good(api.post("/jobs", {"name": "j"}), 201)["id"]}), 404, "not_found")
    assert stranger.listed("/runs", parent_id=run["id"]) == []


def test_a_bulk_action_touches_nothing_of_another_project(api: Api, stranger: Api, stand: Stand) -> None:
    run = api.run()
    named = good(stranger.post("/bulk", {"action": "cancel", "ids": [run["id"]]}), 202)
    meant = good(stranger.post("/bulk", {"action": "cancel", "filter": {}}), 202)
    advance(stand)
    assert good(stranger.get(f"/bulk/{named['id']}"))["done"] == 0
    assert good(stranger.get(f"/bulk/{meant['id']}"))["total"] == 0
    assert api.see(run)["state"] == "queued"


def advance(stand: Stand) -> None:
    """Carry every bulk action on to its end."""
    from runyard.engine import bulks

    while stand.store.transact(bulks.advance) is not None:
        continue


def test_the_same_file_of_two_projects_is_two_files(api: Api, stranger: Api) -> None:
    mine, theirs = api.run()["id"], stranger.run()["id"]
    first = good(api.post(f"/runs/{mine}/artifacts", content=b"same", params={"name": "a"}), 201)
    second = good(stranger.post(f"/runs/{theirs}/artifacts", content=b"same", params={"name": "a"}), 201)
    assert first["sha256"] == second["sha256"]
    refused(stranger.get(f"/runs/{theirs}/artifacts/{first['id']}/content"), 404, "not_found")
    refused(stranger.get(f"/runs/{mine}/artifacts/{first['id']}/content"), 404, "not_found")
    assert stranger.get(f"/runs/{theirs}/artifacts/{second['id']}/content").content == b"same"


# Both engines are asked by the same statements, and each operation is tried on both elsewhere.
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_nothing_done_in_one_project_shows_in_the_journal_of_another(stand: Stand, admin: Api, name: str) -> None:
    if not stand.contract[name].scopes or "admin" in stand.contract[name].scopes:
        pytest.skip("it is not of one project")
    other = admin.within(stand.project("other"))
    before = other.listed("/events")
    send(admin, RECIPES[name](stand, admin))
    assert other.listed("/events") == before
    assert other.listed("/runs") == []
