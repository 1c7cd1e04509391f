"""Logs: who may append, what is kept, and reading them in order."""

from __future__ import annotations

import pytest

from runyard.domain.errors import Conflict, Invalid, LeaseLost, NotFound, TooLarge
from runyard.engine import following, logs, sizes
from runyard.engine.fences import Writer
from runyard.engine.logs import AppendRequest, NewEntry
from tests.support.writers import anyone, holder, log


def messages(yard, run, **asked):
    return [entry.message for entry in yard.store.look(logs.of_run, 1, run.run.id, **asked).rows]


def test_lines_are_read_in_the_order_they_were_appended(yard):
    held = yard.running()
    assert log(yard, holder(held), "one", "two") == 2
    log(yard, holder(held), "three")
    assert messages(yard, held) == ["one", "two", "three"]


def test_a_line_keeps_its_own_time_level_data_and_attempt(yard):
    held = yard.running()
    log(yard, holder(held), NewEntry(message="hot", level="warning", data='{"t":99}', at=7))
    (entry,) = yard.store.look(logs.of_run, 1, held.run.id).rows
    assert (entry.at, entry.level, entry.data, entry.attempt) == (7, "warning", '{"t":99}', 1)


def test_a_page_says_where_the_next_one_begins(yard):
    held = yard.running()
    log(yard, holder(held), *"abcde")
    first = yard.store.look(logs.of_run, 1, held.run.id, limit=2)
    second = yard.store.look(logs.of_run, 1, held.run.id, limit=2, after=first.more)
    last = yard.store.look(logs.of_run, 1, held.run.id, limit=2, after=second.more)
    assert [[e.message for e in page.rows] for page in (first, second, last)] == [["a", "b"], ["c", "d"], ["e"]]
    assert last.more is None


def test_one_level_may_be_asked_for(yard):
    held = yard.running()
    log(yard, holder(held), *(NewEntry(message=str(n), level="error" if n % 2 else "info") for n in range(6)))
    first = yard.store.look(logs.of_run, 1, held.run.id, level="error", limit=2)
    assert [entry.message for entry in first.rows] == ["1", "3"]
    assert messages(yard, held, level="error", after=first.more) == ["5"]
    assert messages(yard, held, level="debug") == []


def test_a_rare_level_is_looked_for_piece_by_piece(yard, monkeypatch):
    monkeypatch.setattr(logs, "SCAN", 3)
    held = yard.running()
    log(yard, holder(held), *"abcd", NewEntry(message="rare", level="error"))
    empty = yard.store.look(logs.of_run, 1, held.run.id, level="error")
    assert empty.rows == []
    assert messages(yard, held, level="error", after=empty.more) == ["rare"]


def test_who_lost_the_lease_appends_nothing(yard, clock):
    held = yard.running()
    clock.forward(hours=2)
    with pytest.raises(LeaseLost):
        log(yard, holder(held), "late")
    assert messages(yard, held) == []


def test_a_wrong_token_appends_nothing(yard):
    held = yard.running()
    with pytest.raises(LeaseLost):
        log(yard, Writer(project_id=1, run_id=held.run.id, token="rl_other"), "mine")
    assert messages(yard, held) == []


def test_without_a_lease_a_line_may_be_appended_until_the_run_is_final(yard):
    held = yard.running()
    log(yard, anyone(held), "from outside")
    yard.complete(held)
    with pytest.raises(Conflict):
        log(yard, anyone(held), "too late")
    assert messages(yard, held) == ["from outside"]


def test_a_run_of_another_project_is_not_there(yard):
    held = yard.running()
    with pytest.raises(NotFound):
        log(yard, anyone(held, project_id=2), "peek")
    with pytest.raises(NotFound):
        yard.store.look(logs.of_run, 2, held.run.id)


@pytest.mark.parametrize("run_id", ["", "nonsense", "x" * 500, "run_123"])
def test_an_id_of_the_wrong_form_is_not_found(yard, run_id):
    with pytest.raises(NotFound):
        log(yard, Writer(project_id=1, run_id=run_id), "hello")
    with pytest.raises(NotFound):
        yard.store.look(logs.of_run, 1, run_id)


def test_each_request_of_a_call_is_answered_for_itself(yard):
    held = yard.running()
    good = AppendRequest(writer=holder(held), entries=(NewEntry(message="kept"),))
    bad = AppendRequest(writer=Writer(project_id=1, run_id="nowhere"), entries=(NewEntry(message="lost"),))
    answers = yard.store.transact(logs.append, [bad, good, bad])
    assert [answer if isinstance(answer, int) else type(answer) for answer in answers] == [NotFound, 1, NotFound]
    assert messages(yard, held) == ["kept"]


def test_a_line_that_is_too_long_refuses_the_whole_request(yard):
    held = yard.running()
    with pytest.raises(TooLarge):
        log(yard, holder(held), "short", "x" * (logs.MESSAGE + 1))
    with pytest.raises(Invalid):
        log(yard, holder(held), NewEntry(message="m", level="l" * 33))
    assert messages(yard, held) == []


def test_a_nul_in_a_message_does_not_cost_the_line(yard):
    held = yard.running()
    log(yard, holder(held), "a\0b", NewEntry(message="data", data='"\\u0000"'))
    assert messages(yard, held) == ["a\ufffdb", "data"]


def test_one_type_may_be_asked_for(yard):
    held = yard.running()
    lines = [
        NewEntry(message=str(n), type="progress" if n % 2 else "log", level="info" if n < 3 else "warn")
        for n in range(5)
    ]
    log(yard, holder(held), *lines)
    assert messages(yard, held, type="progress") == ["1", "3"]
    assert messages(yard, held, type="log", level="warn") == ["4"]
    assert {entry.type for entry in yard.store.look(logs.of_run, 1, held.run.id).rows} == {"log", "progress"}
    with pytest.raises(Invalid):
        log(yard, holder(held), NewEntry(message="m", type="t" * 129))


def test_added_lines_know_their_numbers(yard):
    held = yard.running()
    log(yard, holder(held), "before")
    request = AppendRequest(writer=holder(held), entries=(NewEntry(message="a"), NewEntry(message="b")))
    ((one, two),) = yard.store.transact(logs.add, [request])
    found = yard.store.look(logs.of_run, 1, held.run.id).rows
    assert [one.seq, two.seq] == [entry.seq for entry in found[1:]]


def test_the_place_of_a_time_in_a_log(yard, clock):
    held = yard.running()
    assert yard.store.look(logs.seq_at, held.run.id, clock.now()) == 0
    log(yard, holder(held), "a", "b")
    then = clock.now()
    clock.forward(seconds=1)
    log(yard, holder(held), "c")
    assert messages(yard, held, after=yard.store.look(logs.seq_at, held.run.id, then)) == ["c"]
    assert messages(yard, held, after=yard.store.look(logs.seq_at, held.run.id, then - 1)) == ["a", "b", "c"]
    assert messages(yard, held, after=yard.store.look(logs.seq_at, held.run.id, clock.now())) == []


def test_long_lines_make_short_pages(yard):
    held = yard.running()
    data = '"' + "x" * (sizes.DOCUMENT - 2) + '"'
    for number in range(12):
        log(yard, holder(held), NewEntry(message=str(number), data=data, type="big"))
    for asked in ({}, {"type": "big"}):
        first = yard.store.look(logs.of_run, 1, held.run.id, limit=50, **asked)
        assert [line.message for line in first.rows] == [str(number) for number in range(7)]
        assert messages(yard, held, after=first.more, **asked) == ["7", "8", "9", "10", "11"]
    followed = yard.store.look(following.lines, held.run.id, 0, 50)
    assert followed.more
    assert len(followed.lines) < 12
    assert followed.lines[-1].seq == followed.upto
