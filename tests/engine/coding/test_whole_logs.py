"""Lines kept as they were written: appended by many at once, each to its own run or to none."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from runyard.domain.coding import CodingSeen
from runyard.domain.errors import NotFound
from runyard.engine.coding import console, logs, streaming
from runyard.engine.coding.logs import Append, WholeLine
from runyard.storage.port import Tx
from runyard.storage.statements import coding_runs
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements.coding_logs import Kept, Wanted
from tests.support.coding import a_coding_run
from tests.support.stores import AnyStore
from tests.support.yard import Yard


def ask(seen: CodingSeen, *texts: str, **other: Any) -> Append:
    lines = tuple(WholeLine(data=text, type="m") for text in texts)
    request = Append(project_id=1, task_id=seen.row.task_id, run_id=seen.run.id, lines=lines)
    return replace(request, **other)


def read(store: AnyStore, run_id: str) -> list[Kept]:
    found: list[Kept] = store.look(logs.portion, run_id, Wanted(), 0, 2**62).rows
    return found


def test_requests_that_are_written_together_go_each_to_its_own_run(yard: Yard, store: AnyStore) -> None:
    one, other = a_coding_run(store), a_coding_run(store)
    outcomes = store.transact(
        logs.append,
        [
            ask(one, "[1]", "[2]"),
            ask(other, "[9]"),
            ask(one, "[x]", task_id=other.row.task_id),
            ask(one, "[x]", project_id=2),
            ask(one, "[x]", run_id="none"),
            ask(one, "[3]"),
        ],
    )
    assert [isinstance(one, NotFound) for one in outcomes] == [False, False, True, True, True, False]
    assert [line.data for line in read(store, one.run.id)] == ["[1]", "[2]", "[3]"]
    assert [line.data for line in read(store, other.run.id)] == ["[9]"]
    rows = store.look(coding_runs.get, [one.run.id, other.run.id])
    assert (rows[one.run.id].entries, rows[other.run.id].entries) == (3, 1)
    told = store.look(streaming.look, one.run.id, 0, 100).told
    assert [line.line.data for line in told if line.line is not None] == ["[1]", "[2]", "[3]"]


def test_the_server_says_something_in_the_log_and_to_followers(yard: Yard, store: AnyStore) -> None:
    seen = a_coding_run(store)

    def say(tx: Tx) -> None:
        console.say(tx, runs_sql.lock(tx, [seen.run.id])[seen.run.id], "warn", "a\0b")

    store.transact(say)
    (line,) = read(store, seen.run.id)
    assert (line.level, line.message, line.data) == ("warn", "a\ufffdb", None)
    assert store.look(streaming.look, seen.run.id, 0, 100).told[-1].line == line


def test_many_lines_are_told_in_looks_of_bounded_size(yard: Yard, store: AnyStore) -> None:
    seen = a_coding_run(store)
    big = '"' + "x" * 300_000 + '"'
    for _ in range(4):
        store.transact(logs.append, [ask(seen, *(f"[{n}]" for n in range(250)), big, big)])
    after, found, sizes = 0, 0, []
    more = True
    while more:
        look = store.look(streaming.look, seen.run.id, after, 100)
        assert look.told
        sizes.append(sum(len(one.line.data or "") for one in look.told if one.line is not None))
        found, after, more = found + len(look.told), look.upto, look.more
    assert found == 1 + 4 * 252
    assert max(sizes) <= streaming.PORTION + len(big)
