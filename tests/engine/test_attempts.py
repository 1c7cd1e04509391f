"""Attempts of a run, page by page."""

from __future__ import annotations

import pytest

from runyard.domain.errors import NotFound
from runyard.engine import attempts


def test_every_try_is_listed_oldest_first(yard):
    held = yard.running()
    yard.fail(held)
    yard.after(hours=1)
    yard.release(yard.claim_one())
    yard.complete(yard.claim_one())
    page = yard.store.look(attempts.of_run, 1, held.run.id)
    assert [(one.epoch, one.attempt, one.outcome) for one in page.rows] == [
        (1, 1, "failed"),
        (2, 2, "released"),
        (3, 2, "completed"),
    ]
    first = yard.store.look(attempts.of_run, 1, held.run.id, limit=2)
    rest = yard.store.look(attempts.of_run, 1, held.run.id, limit=2, after=first.more)
    assert first.rows + rest.rows == page.rows
    assert rest.more is None


def test_another_projects_run_has_no_attempts(yard):
    held = yard.running()
    with pytest.raises(NotFound):
        yard.store.look(attempts.of_run, 2, held.run.id)
