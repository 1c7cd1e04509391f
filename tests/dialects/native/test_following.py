"""Journal and logs: read page by page, and followed live."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from runyard.engine import retention
from runyard.streams import sse
from tests.support.api import Api, Frame, good, ids, proof, refused
from tests.support.stand import PATIENCE, Stand
from tests.support.verbs import Json


def log(api: Api, run: Json, *messages: str, **more: str) -> None:
    """Append to the run's log."""
    entries = [{"message": message, **more} for message in messages]
    assert good(api.post(f"/runs/{run['id']}/logs", {"entries": entries}), 201) == {"accepted": len(messages)}


def kinds(frames: Iterator[Frame] | list[Frame]) -> list[str]:
    """The events of frames, comments left out."""
    return [frame.event for frame in frames if not frame.comment]


@pytest.fixture
def ended(api: Api) -> Json:
    """A run with a log that is completed."""
    claim = api.claimed()
    log(api, claim["run"], "one", "two")
    api.complete(claim, 1)
    return api.see(claim["run"])


def test_an_ended_run_is_told_whole_and_then_done(api: Api, ended: Json) -> None:
    frames = api.streamed(f"/runs/{ended['id']}/stream")
    assert kinds(frames) == ["run.created", "run.claimed", "log", "log", "run.completed", "done"]
    assert frames[-1].data == {"state": "completed"}
    numbers = [frame.id for frame in frames[:-1]]
    assert numbers == sorted(numbers, key=lambda number: number or 0)
    assert [frame.data["message"] for frame in frames if frame.event == "log"] == ["one", "two"]
    assert kinds(api.streamed(f"/runs/{ended['id']}/events")) == ["run.created", "run.claimed", "run.completed", "done"]
    assert kinds(api.streamed(f"/runs/{ended['id']}/logs")) == ["log", "log", "done"]


def test_a_stream_is_resumed_after_any_of_its_events(api: Api, ended: Json) -> None:
    path = f"/runs/{ended['id']}/stream"
    whole = api.streamed(path)
    for at, frame in enumerate(whole[:-1]):
        assert api.streamed(path, last=frame.id) == whole[at + 1 :]
        assert api.streamed(path, after=frame.id) == whole[at + 1 :]
    assert api.streamed(path, last=whole[2].id, after=0) == whole[3:]


def test_a_run_is_followed_live_to_its_end(api: Api) -> None:
    run = api.run()
    with api.follow(f"/runs/{run['id']}/stream") as stream:
        assert kinds(stream.take(1)) == ["run.created"]
        (claim,) = api.claim()
        assert kinds(stream.take(1)) == ["run.claimed"]
        log(api, run, "hello")
        (line,) = stream.take(1)
        assert (line.event, line.data["message"], line.data["attempt"]) == ("log", "hello", 1)
        api.report("start", proof(claim))
        api.complete(claim)
        assert kinds(list(stream)) == ["run.started", "run.completed", "done"]


@pytest.mark.parametrize("kind", ["events", "logs"])
def test_events_and_logs_are_followed_apart(api: Api, kind: str) -> None:
    run = api.run()
    with api.follow(f"/runs/{run['id']}/{kind}") as stream:
        log(api, run, "hello")
        good(api.post(f"/runs/{run['id']}/cancel"))
        wanted = {"events": ["run.created", "run.canceled", "done"], "logs": ["log", "done"]}
        assert kinds(list(stream)) == wanted[kind]


def test_chunks_are_followed_live_and_from_any_of_them(api: Api) -> None:
    claim = api.claimed()
    path = f"/runs/{claim['run']['id']}/chunks"
    good(api.post(path, {"chunks": [{"chunk": "a"}]}), 201)
    with api.follow(path) as stream:
        (first,) = stream.take(1)
        good(api.post(path, {"chunks": [{"chunk": "b"}, {"chunk": "c", "done": True}]}), 201)
        rest = stream.take(2)
        api.complete(claim)
        assert kinds(list(stream)) == ["done"]
    assert [frame.data["chunk"] for frame in (first, *rest)] == ["a", "b", "c"]
    assert [frame.data["chunk"] for frame in api.streamed(path, last=first.id) if frame.event == "chunk"] == ["b", "c"]


def test_many_follow_one_run_and_all_see_the_same(api: Api) -> None:
    run = api.run()
    path = f"/runs/{run['id']}/stream"
    with ThreadPoolExecutor(4) as pool:
        followers = [pool.submit(api.streamed, path) for _ in range(4)]
        for number in range(20):
            log(api, run, str(number))
        good(api.post(f"/runs/{run['id']}/cancel"))
        seen = [follower.result(PATIENCE) for follower in followers]
    assert all(one == seen[0] for one in seen)
    assert [frame.data["message"] for frame in seen[0] if frame.event == "log"] == [str(n) for n in range(20)]


def test_a_project_is_followed_from_now_or_from_a_number(api: Api) -> None:
    first = api.run()
    with api.follow("/stream") as stream:
        second = api.run()
        (frame,) = stream.take(1)
        assert (frame.event, frame.data["run_id"]) == ("run.created", second["id"])
    with api.follow("/stream", after=0) as stream:
        told = [frame.data["run_id"] for frame in stream.until("run.created")] + [
            frame.data["run_id"] for frame in stream.until("run.created")
        ]
    assert [run for run in told if run] == [first["id"], second["id"]]
    with api.follow("/stream", last=frame.id) as stream:
        third = api.run()
        assert stream.take(1)[0].data["run_id"] == third["id"]


def test_who_missed_what_is_gone_is_told_to_begin_afresh(api: Api, stand: Stand) -> None:
    stand.key()
    first = good(api.get("/events", limit=1))["data"][0]["seq"]
    stand.clock.forward(hours=1)
    stand.store.transact(retention.prune, events_before=stand.clock.now())
    api.run()
    with api.follow("/stream", last=first) as stream:
        assert kinds(stream.take(2)) == ["resync", "run.created"]


def test_who_saw_what_never_was_is_told_to_begin_afresh(api: Api) -> None:
    run = api.run()
    with api.follow(f"/runs/{run['id']}/stream", last=2**62) as stream:
        assert kinds(stream.take(1)) == ["resync"]
        good(api.post(f"/runs/{run['id']}/cancel"))
        assert kinds(list(stream))[-2:] == ["run.canceled", "done"]


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "9" * 30])
def test_a_number_of_another_stream_is_refused(api: Api, number: str) -> None:
    path = f"/runs/{api.run()['id']}/stream"
    assert "Last-Event-ID" in refused(api.send("GET", path, headers={"last-event-id": number}), 400)["detail"]
    assert "after" in refused(api.get(path, after=number), 400)["detail"]


def test_a_silent_stream_is_kept_alive(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sse.PING_SECONDS == 15
    monkeypatch.setattr(sse.EventStream.__init__, "__defaults__", None, raising=False)
    monkeypatch.setattr(
        sse.EventStream.__init__, "__kwdefaults__", {**(sse.EventStream.__init__.__kwdefaults__ or {}), "ping": 0.05}
    )
    with api.follow(f"/runs/{api.run()['id']}/stream") as stream:
        assert [next(stream).event, next(stream).comment, next(stream).comment] == ["run.created", "ping", "ping"]


def test_a_client_that_left_is_forgotten(api: Api, stand: Stand) -> None:
    with api.follow(f"/runs/{api.run()['id']}/stream") as stream:
        stream.take(1)
        stand.until(lambda: stand.server.feeds.followers == 1)
    stand.until(lambda: stand.server.feeds.followers == 0)


def test_the_journal_is_read_page_by_page(api: Api, ended: Json) -> None:
    path = f"/runs/{ended['id']}/events"
    pages = api.pages(path, limit=2)
    assert [len(page) for page in pages] == [2, 1]
    whole = [event for page in pages for event in page]
    assert [event["type"] for event in whole] == ["run.created", "run.claimed", "run.completed"]
    assert {event["run_id"] for event in whole} == {ended["id"]}
    assert good(api.get(path, after=whole[0]["seq"]))["data"] == whole[1:]
    assert good(api.get(path, type="run.claimed"))["data"] == [whole[1]]
    assert good(api.get("/events", type="run.completed"))["data"] == [whole[2]]


def test_a_log_is_read_page_by_page_and_by_level(api: Api) -> None:
    run = api.run()
    log(api, run, "a", "b", "c")
    log(api, run, "bad", level="error")
    path = f"/runs/{run['id']}/logs"
    whole = api.listed(path, limit=1)
    assert [entry["message"] for entry in whole] == ["a", "b", "c", "bad"]
    assert [entry["message"] for entry in api.listed(path, level="error")] == ["bad"]
    assert good(api.get(path, after=whole[2]["seq"]))["data"] == whole[3:]


def test_a_log_takes_what_programs_print(api: Api) -> None:
    run = api.run()
    entries = [
        {"message": "", "at": "2020-01-01T00:00:00Z"},
        {"message": "nul \0 esc \x1b[0m \r\n\u2028 😀", "data": {"a": [None, 1e300]}},
        {"message": "x" * 50_000, "level": "weird level"},
    ]
    good(api.post(f"/runs/{run['id']}/logs", {"entries": entries}), 201)
    first, second, third = api.listed(f"/runs/{run['id']}/logs")
    assert first["at"].startswith("2020-01-01T00:00:00")
    assert second["message"].endswith("esc \x1b[0m \r\n\u2028 😀")
    assert second["data"] == {"a": [None, 1e300]}
    assert (len(third["message"]), third["level"]) == (50_000, "weird level")
    good(api.post(f"/runs/{run['id']}/cancel"))
    frames = api.streamed(f"/runs/{run['id']}/logs")
    assert [frame.data["message"] for frame in frames[:-1]] == [one["message"] for one in (first, second, third)]


def test_cursors_of_one_list_fit_no_other(api: Api, ended: Json) -> None:
    runs = good(api.get("/runs", limit=1))
    api.run()
    cursor = good(api.get("/runs", limit=1))["next_cursor"]
    assert runs["next_cursor"] is None
    assert "cursor" in refused(api.get("/events", cursor=cursor), 400, "invalid")["detail"]
    assert ids(runs["data"]) == [ended["id"]]
