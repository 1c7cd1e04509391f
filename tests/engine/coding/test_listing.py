"""Lists of coding tasks: newest first, by any filter, by number and from a place on."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.states import RunState
from runyard.engine.coding import listing
from runyard.engine.coding.listing import Place, Wanted
from tests.engine.coding.coding_yard import CodingYard


def numbered(coding: CodingYard, *, offset: int = 0, limit: int = 100, **wanted: Any) -> tuple[list[str], int]:
    """The titles on a page, and how many tasks there are."""
    page = coding.store.look(listing.numbered, coding.project_id, Wanted(**wanted), offset=offset, limit=limit)
    return [seen.title for seen in page.rows], page.total


def walked(coding: CodingYard, *, limit: int = 2, **wanted: Any) -> list[str]:
    """The titles on all pages, one after the other."""
    found: list[str] = []
    after: Place | None = None
    while True:
        page = coding.store.look(listing.page, coding.project_id, Wanted(**wanted), after=after, limit=limit)
        assert len(page.rows) <= limit
        found += [seen.title for seen in page.rows]
        if page.after is None:
            return found
        after = page.after


@pytest.fixture
def filled(coding: CodingYard) -> CodingYard:
    """Five tasks, the fourth of another kind of everything."""
    for n in range(5):
        task = coding.task(
            f"t{n}", repository="acme/web" if n != 3 else "other/we_b", product="slack" if n == 3 else "x"
        )
        coding.run(task, RunState.COMPLETED if n == 3 else RunState.QUEUED, stage="plan" if n == 3 else "build")
    return coding


@pytest.mark.parametrize(
    "wanted",
    [
        {"product": "slack"},
        {"owner": "OTHER"},
        {"repository": "other/WE_B"},
        {"repository": "we_b"},
        {"stage": "plan"},
        {"states": frozenset({RunState.COMPLETED, RunState.FAILED})},
        {"text": "T3"},
        {"text": "t3", "owner": "other", "stage": "plan", "product": "slack", "creator_number": None},
    ],
)
def test_each_filter_finds_what_it_means(filled: CodingYard, wanted: dict[str, Any]) -> None:
    assert numbered(filled, **wanted) == (["t3"], 1)
    assert walked(filled, **wanted) == ["t3"]


@pytest.mark.parametrize("wanted", [{}, {"text": "t"}])
def test_pages_follow_each_other_newest_first(filled: CodingYard, wanted: dict[str, Any]) -> None:
    newest = [f"t{n}" for n in (4, 3, 2, 1, 0)]
    assert walked(filled, **wanted) == newest
    assert numbered(filled, offset=2, limit=2, **wanted) == (newest[2:4], 5)
    assert numbered(filled, offset=9, **wanted) == ([], 5)


def test_the_latest_run_says_how_a_task_stands(coding: CodingYard) -> None:
    task = coding.task("one")
    first = coding.run(task, RunState.RUNNING)
    second = coding.run(task, RunState.COMPLETED)
    assert numbered(coding, states=frozenset({RunState.COMPLETED})) == (["one"], 1)
    coding.change(first, RunState.FAILED)
    assert numbered(coding, states=frozenset({RunState.FAILED})) == ([], 0)
    coding.reopen(second)
    assert numbered(coding, states=frozenset({RunState.QUEUED})) == (["one"], 1)


@pytest.mark.parametrize(
    "wanted", [{"states": frozenset()}, {"product": "a\0b"}, {"repository": "%"}, {"owner": "acme/web"}, {"owner": ""}]
)
def test_what_nothing_can_be_is_found_nowhere(filled: CodingYard, wanted: dict[str, Any]) -> None:
    assert numbered(filled, **wanted) == ([], 0)


def test_letters_of_all_scripts_are_found_in_either_case(coding: CodingYard) -> None:
    coding.task("ÄRGER", description="x" * listing.LONGEST + "far behind")
    coding.task("плохо", description="ΣΊΣΥΦΟΣ")
    assert numbered(coding, text="ärger") == (["ÄRGER"], 1)
    assert numbered(coding, text="ПЛОХО") == (["плохо"], 1)
    assert numbered(coding, text="σίσυφος") == (["плохо"], 1)
    # So much of a description is looked at and no more.
    assert numbered(coding, text="far behind") == ([], 0)


def test_a_search_looks_at_so_many_tasks_and_goes_on_from_there(
    filled: CodingYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "EXAMINED", 2)
    monkeypatch.setattr(listing, "SEARCHED", 2)
    assert numbered(filled, text="t") == (["t4", "t3"], 2)
    page = filled.store.look(listing.page, filled.project_id, Wanted(text="t1"), limit=5)
    assert (page.rows, page.after is not None) == ([], True)
    assert walked(filled, text="t1") == ["t1"]
