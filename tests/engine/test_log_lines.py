"""A run's log by gravity and time."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.errors import NotFound
from runyard.domain.levels import LEVELS, WORDS, level_of
from runyard.domain.records import Run
from runyard.engine import log_lines, logs
from tests.support.writers import anyone, log
from tests.support.yard import Yard


def messages(yard: Yard, run: Run, **said: Any) -> list[str]:
    """The messages of the lines that are found."""
    return [line.message for line in yard.store.look(log_lines.of_run, yard.project_id, run.id, **said)]


def test_a_level_finds_every_word_for_it_and_info_whatever_is_no_other(yard: Yard):
    run = yard.create()
    words = [*(word for some in WORDS.values() for word in some), "info", "INFO", "notice", "", "Warning", "ERROR"]
    log(yard, anyone(run), *(logs.NewEntry(message=word, level=word) for word in words))
    for level in LEVELS:
        assert messages(yard, run, level=level) == [word for word in words if level_of(word) == level]
    assert messages(yard, run, level="warn") == ["warn", "warning", "Warning"]
    assert messages(yard, run) == words


def test_a_poller_that_passes_the_last_time_it_saw_gets_no_line_twice(yard: Yard):
    run = yard.create()
    start = 1_700_000_000_123_000
    times = [start, start + 1, start + 999, start + 1000, start + 1999, start + 2000]
    log(yard, anyone(run), *(logs.NewEntry(message=str(at - start), at=at) for at in times))
    assert messages(yard, run, since=start - 1) == ["0", "1", "999", "1000", "1999", "2000"]
    for same in (start, start + 1, start + 999):
        assert messages(yard, run, since=same) == ["1000", "1999", "2000"]
    assert messages(yard, run, since=start + 1000) == ["2000"]
    assert messages(yard, run, since=start + 2000) == []


def test_a_limit_is_taken_from_the_start_of_what_matches(yard: Yard):
    run = yard.create()
    log(yard, anyone(run), *(logs.NewEntry(message=str(n), level="warn" if n % 2 else "info") for n in range(300)))
    assert messages(yard, run) == [str(n) for n in range(100)]
    assert messages(yard, run, level="warn", limit=3) == ["1", "3", "5"]
    assert len(messages(yard, run, limit=1000)) == 300


def test_long_lines_end_an_answer_early_and_one_is_always_there(yard: Yard):
    run = yard.create()
    data = '{"x":"' + "x" * (900 << 10) + '"}'
    for number in range(12):
        log(yard, anyone(run), logs.NewEntry(message=str(number) + "m" * (1000 << 10), data=data))
    found = messages(yard, run)
    assert 1 <= len(found) < 12
    assert [text[0] for text in found] == [str(number) for number in range(len(found))]


def test_another_projects_log_is_not_found(yard: Yard):
    run = yard.create()
    with pytest.raises(NotFound):
        yard.store.look(log_lines.of_run, 2, run.id)
    assert messages(yard, run) == []
