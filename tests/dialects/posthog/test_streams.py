"""Streams: replayed, resumed, live, in one order, and ended (contract §9)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runyard.dialects.posthog.routes import streams
from runyard.domain.errors import Unavailable
from runyard.engine import chunks
from runyard.engine.coding import console, ingesting, logs, streaming
from runyard.engine.coding.ingesting import Pushed
from runyard.engine.coding.streaming import Told
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from tests.dialects.posthog.client import Posthog, good, path_of, refused
from tests.dialects.posthog.following import Frame, following, is_state, whole
from tests.dialects.posthog.test_logs import append, entry, lines, update
from tests.support.coding import a_coding_run
from tests.support.stores import AnyStore
from tests.support.verbs import Json


def push(posthog: Posthog, run: Json, *events: str, ends: bool = False) -> None:
    """Events as the server hears them from the run's sandbox."""
    pushed = [Pushed(text=text, ends=ends) for text in events]
    posthog.stand.store.transact(ingesting.push, run["id"], pushed)


def states(frames: Sequence[Frame]) -> list[str]:
    """The statuses that were told, in their order."""
    return [one.data["status"] for one in frames if is_state(one.data)]


END = Frame(None, "stream-end", {"status": "complete"})


def test_a_stream_tells_what_happened_and_then_ends_with_the_run(posthog: Posthog) -> None:
    run = posthog.run(stage="plan")
    posthog.change(run, status="in_progress", branch="fix", output={"pr_url": "https://example.org/1"})
    good(append(posthog, run, entry("m"), update("agent_message_chunk"), entry("n")))
    after = posthog.change(run, status="failed", error_message="it broke")
    frames = whole(posthog, run)
    assert states(frames) == ["not_started", "in_progress", "failed"]
    assert [one.data for one in frames if one.id and not is_state(one.data)] == [entry("m"), entry("n")]
    assert frames[-1] == END
    last = frames[-2].data
    assert last == {
        "type": "task_run_state",
        "run_id": run["id"],
        "task_id": run["task"],
        "status": "failed",
        "stage": "plan",
        "branch": "fix",
        "output": {"pr_url": "https://example.org/1"},
        "error_message": "it broke",
        "updated_at": after["updated_at"],
        "completed_at": after["completed_at"],
    }
    numbers = [int(one.id.partition("-")[2]) for one in frames if one.id]
    assert numbers == sorted(set(numbers))


def test_what_happens_is_told_as_it_happens(posthog: Posthog) -> None:
    run = posthog.run()
    with following(posthog, run) as stream:
        assert is_state(next(stream).data)
        good(append(posthog, run, entry("m")))
        assert stream.take(1) == [entry("m")]
        push(posthog, run, '{"type":"connected","n":1.50}')
        assert stream.take(1) == [{"type": "connected", "n": 1.5}]
        posthog.change(run, status="completed")
        assert next(stream).data["status"] == "completed"
        assert list(stream) == [END]


def test_a_stream_goes_on_behind_the_last_event_seen(posthog: Posthog) -> None:
    run = posthog.run()
    good(append(posthog, run, *(entry("m", n=n) for n in range(250))))
    push(posthog, run, '{"type":"a"}', '{"type":"b"}')
    posthog.change(run, status="completed")
    frames = whole(posthog, run)
    assert len(frames) == 1 + 250 + 2 + 1 + 1
    for place in (0, 1, 57, 99, 100, 101, 250, 251, 252, 253):
        assert whole(posthog, run, last=frames[place].id) == frames[place + 1 :]


def test_an_id_without_a_number_is_the_beginning_of_its_millisecond(posthog: Posthog) -> None:
    run = posthog.run()
    posthog.stand.clock.forward(seconds=1)
    good(append(posthog, run, entry("m")))
    posthog.change(run, status="completed")
    frames = whole(posthog, run)
    first, second = frames[0].id, frames[1].id
    assert first is not None
    assert second is not None
    assert whole(posthog, run, last=first.partition("-")[0]) == frames
    assert whole(posthog, run, last=second.partition("-")[0]) == frames[1:]


def test_only_news_is_told_to_who_asks_for_it(posthog: Posthog) -> None:
    run = posthog.run()
    good(append(posthog, run, entry("m")))
    with following(posthog, run, query={"start": "latest"}) as stream:
        good(append(posthog, run, entry("n")))
        assert stream.take(1) == [entry("n")]
    first = "0-0"
    with following(posthog, run, query={"start": "latest"}, last=first) as stream:
        assert is_state(next(stream).data)
    refused(posthog.get(path_of(run, "stream"), start="x", loose=True), 400, code="invalid_choice", attr="start")
    bad = {"last-event-id": "x"}
    refused(posthog.send("GET", path_of(run, "stream"), headers=bad), 400, code="invalid_input")


def test_what_was_forgotten_is_passed_over(posthog: Posthog) -> None:
    run = posthog.run()
    clock, store = posthog.stand.clock, posthog.stand.store
    first = whole_id(posthog, run)
    clock.forward(minutes=50)
    good(append(posthog, run, entry("m")))
    clock.forward(minutes=15)
    store.transact(chunks.prune)
    with following(posthog, run, last=first) as stream:
        assert stream.take(1) == [entry("m")]
    posthog.change(run, status="completed")
    clock.forward(minutes=90)
    store.transact(chunks.prune)
    frames = whole(posthog, run)
    assert (states(frames), frames[1:]) == (["completed"], [END])
    assert lines(posthog, run) != []


def whole_id(posthog: Posthog, run: Json) -> str:
    """The id of the first event."""
    with following(posthog, run) as stream:
        found = next(stream).id
    assert found is not None
    return found


def test_a_run_whose_sandbox_is_streamed_says_nothing_twice(posthog: Posthog) -> None:
    run = posthog.run()
    good(append(posthog, run, entry("before")))
    push(posthog, run, '{"type":"x"}')
    good(append(posthog, run, entry("after")))
    posthog.stand.store.transact(_say, run["id"], "by the server")
    posthog.change(run, status="completed")
    told = [one.data for one in whole(posthog, run) if one.id and not is_state(one.data)]
    assert told[:2] == [entry("before"), {"type": "x"}]
    (console_line,) = told[2:]
    assert console_line["notification"]["params"] == {
        "sessionId": run["id"],
        "level": "warn",
        "message": "by the server",
    }
    assert len(lines(posthog, run)) == 3


def _say(tx: Tx, run_id: str, message: str) -> None:
    console.say(tx, runs_sql.lock(tx, [run_id])[run_id], "warn", message)


@pytest.mark.parametrize("method", ["_posthog/task_complete", "__posthog/error"])
def test_a_stream_ends_when_the_agent_says_that_it_is_done(posthog: Posthog, method: str) -> None:
    run = posthog.run()
    with following(posthog, run) as stream:
        next(stream)
        good(append(posthog, run, entry(method)))
        assert [one.data for one in stream] == [entry(method), END.data]


def test_a_quiet_stream_is_kept_alive(posthog: Posthog, monkeypatch: pytest.MonkeyPatch) -> None:
    assert streams.KEEPALIVE_SECONDS == 20
    monkeypatch.setattr(streams, "KEEPALIVE_SECONDS", 0.05)
    run = posthog.run()
    with following(posthog, run) as stream:
        next(stream)
        found = [next(stream._lines) for _ in range(6)]
    assert found == ["event: keepalive", 'data: {"type":"keepalive"}', ""] * 2


def test_a_store_that_cannot_be_read_is_told(posthog: Posthog, monkeypatch: pytest.MonkeyPatch) -> None:
    run, store = posthog.run(), posthog.stand.store
    read = store.read

    async def failing(op: Any, *args: Any, **kwargs: Any) -> Any:
        if op is streaming.look:
            raise Unavailable("the store is away")
        return await read(op, *args, **kwargs)

    monkeypatch.setattr(store, "read", failing)
    assert whole(posthog, run) == [Frame(None, "error", {"error": "the store is away"})]


def test_there_is_no_stream_of_an_unknown_or_foreign_run(posthog: Posthog, stranger: Posthog) -> None:
    run = posthog.run()
    refused(stranger.get(path_of(run, "stream")), 404, code="not_found")
    refused(posthog.get(path_of(run | {"id": "x"}, "stream")), 404, code="not_found")
    refused(posthog.with_scopes("runs:read").get(path_of(run, "stream")), 403, code="permission_denied")


def test_lines_of_two_servers_come_in_one_order_and_none_is_lost(two_servers: tuple[AnyStore, AnyStore]) -> None:
    seen = a_coding_run(two_servers[0])
    run, task = seen.run.id, seen.row.task_id
    each = 40

    def write(server: int) -> None:
        for n in range(each):
            line = logs.WholeLine(data=f"[{server},{n}]", type="m")
            ask = logs.Append(project_id=1, task_id=task, run_id=run, lines=(line, line))
            two_servers[server].transact(logs.append, [ask])

    found: list[Told] = []
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, server) for server in (0, 1)]
        after = turn = 0
        while len(found) < 1 + 4 * each:
            over = all(writer.done() for writer in writers)
            look = two_servers[turn % 2].look(streaming.look, run, after, 50)
            assert look.told or look.more or not over, "lines are missing"
            after, found, turn = look.upto, [*found, *look.told], turn + 1
    numbers = [one.seq for one in found]
    assert numbers == sorted(set(numbers))
    told = [one.line.data for one in found if one.line is not None]
    for server in (0, 1):
        wanted = [f"[{server},{n}]" for n in range(each) for _ in "ab"]
        assert [data for data in told if data in wanted] == wanted
