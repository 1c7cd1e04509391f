"""Streams: a run followed live, with its chunks, until it ends (contract §18)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from runyard.domain.errors import Unavailable
from runyard.domain.states import RunState
from runyard.engine import chunks
from runyard.engine.chunks import AddRequest, NewChunk
from runyard.engine.fences import Writer
from runyard.streams import sse
from tests.dialects.strait.client import Follower, Strait, Worker, good, refused
from tests.dialects.strait.hands import Hands
from tests.support.stores import Shelf
from tests.support.verbs import Json

BOTH = ("stream", "stream/chunks")
both = pytest.mark.parametrize("name", BOTH)


@pytest.fixture
def hands(strait: Strait) -> Hands:
    return Hands(strait)


@contextmanager
def following(hands: Hands, run: Worker | str, name: str = "stream") -> Iterator[Follower]:
    """A stream whose follower is known to wait."""
    run_id = run if isinstance(run, str) else run.run_id
    stand = hands.strait.stand
    before = stand.server.feeds.followers
    with hands.strait.follow(f"/v1/runs/{run_id}/{name}") as stream:
        stand.until(lambda: stand.server.feeds.followers > before)
        yield stream


def told(stream: Iterator[Json]) -> list[tuple[str, str]]:
    """The rest of a stream: changes as (from, to), events as (type, message)."""
    return [
        (one["from"], one["to"]) if one["type"] == "status_change" else (one["event_type"], one["message"])
        for one in stream
    ]


def test_a_run_is_followed_to_the_change_that_ends_it(hands: Hands) -> None:
    run = hands.yard.create()
    with following(hands, run.id) as stream:
        granted = hands.yard.claim_one()
        worker = hands.strait.worker(granted)
        hands.yard.start(granted)
        good(worker.call("log", {"message": "hello", "level": "warn", "data": {"n": 1}}), 201)
        good(worker.call("progress", {"percent": 50}), 201)
        good(worker.call("complete", {"result": 1}))
        found = list(stream)
    assert told(iter(found)) == [
        ("queued", "dequeued"),
        ("dequeued", "executing"),
        ("log", "hello"),
        ("progress", ""),
        ("executing", "completed"),
    ]
    assert found[2]["level"] == "warn"
    assert found[2]["data"] == {"n": 1}
    assert {one["run_id"] for one in found} == {run.id}
    assert found[-1]["project_id"] == "default"


def test_nothing_of_the_past_is_told(hands: Hands) -> None:
    worker = hands.worker()
    good(worker.call("log", {"message": "before"}), 201)
    good(worker.call("stream", {"chunk": "before"}))
    with following(hands, worker) as stream, following(hands, worker, "stream/chunks") as pieces:
        good(worker.call("log", {"message": "after"}), 201)
        good(worker.call("stream", {"chunk": "after"}))
        assert [one["message"] for one in stream.take(1)] == ["after"]
        assert [one["chunk"] for one in pieces.take(1)] == ["after"]


def test_a_failure_is_told_with_its_error(hands: Hands) -> None:
    granted, worker = hands.running(policy={"initial_delay": 0, "jitter": 0.0, "max_attempts": 2})
    with following(hands, worker) as stream:
        hands.yard.fail(granted, message="first")
        hands.yard.tick()
        hands.yard.start(hands.yard.claim_one())
        good(hands.token(granted, 2).call("fail", {"error": "second"}))
        found = list(stream)
    assert told(iter(found)) == [
        ("executing", "queued"),
        ("queued", "dequeued"),
        ("dequeued", "executing"),
        ("executing", "failed"),
    ]
    assert [one.get("error") for one in found] == ["first", None, None, "second"]


@both
@pytest.mark.parametrize("how", ["complete", "cancel", "bury", "time out"])
def test_a_stream_closes_when_the_run_ends(hands: Hands, name: str, how: str) -> None:
    granted, worker = hands.running(
        policy={"timeout": 1_000_000, "retry_timeouts": False, "dead_letter": how == "bury"}
    )
    with following(hands, worker, name) as stream:
        match how:
            case "complete":
                good(worker.call("complete"))
            case "cancel":
                good(hands.strait.delete(f"/v1/runs/{worker.run_id}"))
            case "bury":
                hands.yard.fail(granted, retryable=False)
            case _:
                hands.yard.after(seconds=2)
        found = list(stream)
    ends = {"complete": "completed", "cancel": "canceled", "bury": "dead_letter", "time out": "timed_out"}
    assert [one["to"] for one in found] == ([ends[how]] if name == "stream" else [])


@both
def test_there_is_no_stream_of_an_unknown_or_foreign_or_ended_run(hands: Hands, stranger: Strait, name: str) -> None:
    refused(hands.strait.get(f"/v1/runs/01890000-0000-7000-8000-000000000000/{name}"), 404)
    refused(hands.strait.get(f"/v1/runs/nonsense/{name}"), 404)
    live = hands.worker().run_id
    refused(stranger.get(f"/v1/runs/{live}/{name}"), 404)
    refused(hands.strait.as_key(None).get(f"/v1/runs/{live}/{name}"), 401)
    refused(hands.strait.with_scopes("runs:write").get(f"/v1/runs/{live}/{name}"), 403)
    for state in (RunState.COMPLETED, RunState.CANCELED, RunState.DEAD_LETTER):
        refused(hands.strait.get(f"/v1/runs/{hands.yard.in_state(state).id}/{name}"), 410)


def test_chunks_come_in_order_with_their_stream_and_end(hands: Hands) -> None:
    worker = hands.worker()
    with following(hands, worker, "stream/chunks") as stream:
        for number in range(20):
            good(worker.call("stream", {"chunk": f"{number}\nnext line\u2028", "stream_id": f"s{number % 2}"}))
        good(worker.call("stream", {"chunk": "", "done": True}))
        good(worker.call("log", {"message": "not for this stream"}), 201)
        good(worker.call("complete"))
        found = list(stream)
    assert [one["chunk"] for one in found[:-1]] == [f"{number}\nnext line\u2028" for number in range(20)]
    assert [one["stream_id"] for one in found] == ["s0", "s1"] * 10 + ["default"]
    assert [one["done"] for one in found] == [False] * 20 + [True]


def test_a_chunk_never_disturbs_who_follows_the_run(hands: Hands) -> None:
    worker = hands.worker()
    with following(hands, worker) as stream:
        good(worker.call("stream", {"chunk": "c"}))
        good(worker.call("complete"))
        assert told(stream) == [("executing", "completed")]


@both
def test_many_follow_one_run_by_one_reader(hands: Hands, name: str) -> None:
    worker = hands.worker()
    feeds = hands.strait.stand.server.feeds
    with ExitStack() as stack:
        streams = [stack.enter_context(following(hands, worker, name)) for _ in range(12)]
        assert len(feeds._feeds) == 1
        with ThreadPoolExecutor(12) as pool:
            rests = [pool.submit(list, stream) for stream in streams]
            for number in range(5):
                good(worker.call("log", {"message": str(number)}), 201)
                good(worker.call("stream", {"chunk": str(number)}))
            good(worker.call("complete"))
            found = [rest.result() for rest in rests]
    assert all(one == found[0] for one in found)
    word = "message" if name == "stream" else "chunk"
    assert [one[word] for one in found[0] if word in one] == list("01234")


@both
def test_a_quiet_stream_is_kept_alive(hands: Hands, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert sse.PING_SECONDS == 15
    monkeypatch.setattr(
        sse.EventStream.__init__, "__kwdefaults__", {**(sse.EventStream.__init__.__kwdefaults__ or {}), "ping": 0.05}
    )
    with following(hands, hands.worker(), name) as stream:
        lines = stream.response.iter_lines()
        assert [next(lines) for _ in range(4)] == [": keepalive", "", ": keepalive", ""]
    assert stream.response.headers["cache-control"] == "no-cache"


def test_a_store_that_cannot_be_read_is_told(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = hands.worker().run_id
    store = hands.strait.stand.store
    read = store.read

    async def failing(op, *args, **kwargs):
        if op.__name__ == "lines":
            raise Unavailable("the store is away")
        return await read(op, *args, **kwargs)

    monkeypatch.setattr(store, "read", failing)
    with hands.strait.follow(f"/v1/runs/{run_id}/stream") as stream:
        assert list(stream.response.iter_lines()) == ["event: error", 'data: {"error":"the store is away"}', ""]


def test_chunks_cross_servers(shelf: Shelf, engine: str, hands: Hands) -> None:
    """What another server on the same database publishes is heard, in order."""
    if engine != "postgres":
        pytest.skip("one process owns a SQLite file")
    other = shelf.store("other")
    worker = hands.worker()
    with following(hands, worker, "stream/chunks") as stream:
        for number in range(10):
            text = str(number)
            if number % 2:
                good(worker.call("stream", {"chunk": text}))
            else:
                writer = Writer(project_id=1, run_id=worker.run_id)
                assert other.transact(chunks.add, [AddRequest(writer=writer, chunks=(NewChunk(text=text),))]) == [1]
        assert [one["chunk"] for one in stream.take(10)] == list("0123456789")
