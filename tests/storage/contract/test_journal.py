"""The journal's numbers: growing, in the order of the commits, and none that appears late."""

from __future__ import annotations

import threading
import time

import pytest

from runyard.domain.errors import NotFound
from runyard.storage.port import ChunkLine, JournalLine, LogLine, Tx
from tests.storage.contract.test_writes import journal
from tests.support.stalling import PATIENCE, stalled, submit
from tests.support.stores import AnyStore
from tests.support.yard import Yard

AFTER = "SELECT seq, type FROM events WHERE seq > :seq ORDER BY seq"


def after(tx: Tx, seq: int) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in tx.rows(AFTER, seq=seq)]


def log(tx: Tx, message: str) -> None:
    tx.emit(LogLine(1, "run", 1, tx.now, "info", message, None))


def numbers(tx: Tx) -> list[int]:
    return [seq for (seq,) in tx.rows("SELECT seq FROM events UNION ALL SELECT seq FROM logs ORDER BY seq")]


def test_events_and_log_lines_share_one_sequence(store: AnyStore):
    for _ in range(3):
        store.transact(journal, "a")
        store.transact(log, "b")
    assert store.look(numbers) == [1, 2, 3, 4, 5, 6]
    rows = store.look(lambda tx: tx.rows("SELECT seq FROM logs ORDER BY seq"))
    assert [seq for (seq,) in rows] == [2, 4, 6]


def test_lines_of_every_kind_are_numbered_in_the_order_they_came(store: AnyStore):
    lines: list[LogLine | JournalLine | ChunkLine] = [
        LogLine(1, "run", 1, 5, "info", "first", None),
        ChunkLine(1, "run", "default", "second", done=False),
        JournalLine(1, "run", "third", None, "{}"),
        ChunkLine(1, "run", "default", "fourth", done=True),
        LogLine(1, "run", 1, 5, "info", "fifth", None, "progress"),
    ]

    def op(tx: Tx) -> None:
        for line in lines:
            tx.emit(line)

    store.transact(op)
    kept = (
        "SELECT seq, message AS said, type AS more FROM logs UNION ALL SELECT seq, type, data FROM events "
        "UNION ALL SELECT seq, chunk, CAST(done AS TEXT) FROM chunks ORDER BY 1"
    )
    assert [tuple(row) for row in store.look(lambda tx: tx.rows(kept))] == [
        (1, "first", "log"),
        (2, "second", "0"),
        (3, "third", "{}"),
        (4, "fourth", "1"),
        (5, "fifth", "progress"),
    ]
    assert [line.seq for line in lines if isinstance(line, LogLine)] == [1, 5]


def test_lines_keep_the_order_in_which_the_operation_wrote_them(store: AnyStore):
    def op(tx: Tx) -> None:
        for number in range(10):
            journal(tx, str(number))

    store.transact(op)
    assert [kind for _, kind in store.look(after, 0)] == [str(n) for n in range(10)]


def test_a_line_is_kept_as_it_was_given(store: AnyStore, clock):
    store.transact(lambda tx: tx.emit(JournalLine(3, "run", "kind", "key:abc", '{"a":  1}')))
    row = store.look(lambda tx: tx.row("SELECT project_id, run_id, type, at, actor, data FROM events"))
    assert row == (3, "run", "kind", clock.now(), "key:abc", '{"a":  1}')


def test_refused_operations_leave_no_line_and_at_most_a_gap(store: AnyStore):
    def refuse(tx: Tx) -> None:
        journal(tx, "never")
        raise NotFound("x")

    with stalled(store):
        waiting = [
            submit(store, refuse if n % 3 == 0 else journal, *(() if n % 3 == 0 else (str(n),))) for n in range(12)
        ]
    for n, one in enumerate(waiting):
        if n % 3 == 0:
            with pytest.raises(NotFound):
                one.result()
        else:
            one.result()
    kinds = [kind for _, kind in store.look(after, 0)]
    assert sorted(kinds) == sorted(str(n) for n in range(12) if n % 3)


def follow(store: AnyStore, until: int) -> list[int]:
    """The numbers in the order a reader saw them, who always asks for what comes after the last."""
    seen: list[int] = []
    give_up = time.monotonic() + PATIENCE
    while len(seen) < until and time.monotonic() < give_up:
        seen += [seq for seq, _ in store.look(after, seen[-1] if seen else 0)]
    return seen


def written_by(*stores: AnyStore, each: int) -> list[threading.Thread]:
    threads = [
        threading.Thread(target=lambda store=store: [store.transact(journal, "x") for _ in range(each)])
        for store in stores
    ]
    for thread in threads:
        thread.start()
    return threads


def test_a_follower_misses_no_line(store: AnyStore):
    threads = written_by(store, store, store, each=60)
    seen = follow(store, 180)
    for thread in threads:
        thread.join()
    assert seen == store.look(numbers)
    assert len(seen) == 180


def test_a_follower_misses_no_line_of_two_servers(two_servers):
    one, other = two_servers
    threads = written_by(one, other, one, other, each=60)
    seen = follow(one, 240)
    for thread in threads:
        thread.join()
    assert seen == other.look(numbers)
    assert len(seen) == 240


def test_a_run_tells_its_whole_story_in_order(yard: Yard):
    granted = yard.running()
    yard.complete(granted)
    numbers = [event.seq for event in yard.events(granted)]
    assert numbers == sorted(set(numbers))
    assert yard.story(granted) == ["created", "claimed", "started", "completed"]
