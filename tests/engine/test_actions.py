"""Actions: what agents did to the world outside."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.errors import Conflict, DomainError, Invalid, LeaseLost, NotFound, TooLarge
from runyard.domain.findings import Action
from runyard.engine import actions, projects
from runyard.engine.actions import NewAction
from runyard.engine.claims import Granted
from runyard.engine.fences import Writer
from tests.support.yard import Yard


def act(yard: Yard, granted: Granted, **said: Any) -> Action:
    """Record an action under the lease."""
    writer = Writer(project_id=yard.project_id, run_id=granted.run.id, token=granted.lease.token)
    new = NewAction(**{"type": "comment", "description": "Wrote a comment"} | said)
    return yard.store.transact(actions.add, writer, new)


def test_actions_are_kept_in_the_order_told(yard: Yard):
    granted = yard.running()
    act(yard, granted, target="#42", url="https://example.org/42", details='{"lines":3}')
    act(yard, granted, type="label", result="failure")
    part = yard.store.look(actions.of_run, yard.project_id, granted.run.id)
    assert [(one.type, one.result, one.attempt, one.details) for one in part.rows] == [
        ("comment", "success", 1, '{"lines":3}'),
        ("label", "failure", 1, None),
    ]
    assert part.more is None
    assert yard.last(granted.run)["type"] == "label"
    first = yard.store.look(actions.of_run, yard.project_id, granted.run.id, limit=1)
    assert [one.type for one in first.rows] == ["comment"]
    rest = yard.store.look(actions.of_run, yard.project_id, granted.run.id, after=first.more or "")
    assert [one.type for one in rest.rows] == ["label"]


@pytest.mark.parametrize(
    ("wrong", "refused"),
    [
        ({"type": ""}, Invalid),
        ({"type": "t" * 65}, Invalid),
        ({"description": ""}, Invalid),
        ({"description": "a\0"}, Invalid),
        ({"url": "javascript:alert(1)"}, Invalid),
        ({"result": "perhaps"}, Invalid),
        ({"details": '"' + "d" * (64 << 10) + '"'}, TooLarge),
    ],
)
def test_what_cannot_be_kept_is_refused(yard: Yard, wrong: dict[str, Any], refused: type[DomainError]):
    granted = yard.running()
    with pytest.raises(refused):
        act(yard, granted, **wrong)
    assert yard.store.look(actions.of_run, yard.project_id, granted.run.id).rows == []


def test_only_who_holds_the_run_may_tell(yard: Yard):
    granted = yard.running()
    other = yard.store.transact(projects.create, slug="other", name="Other").id
    with pytest.raises(NotFound):
        yard.store.look(actions.of_run, other, granted.run.id)
    yard.release(granted)
    with pytest.raises(LeaseLost):
        act(yard, granted)


def test_a_run_has_so_many_actions_and_no_more(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(actions, "MOST", 2)
    granted = yard.running()
    act(yard, granted)
    act(yard, granted)
    with pytest.raises(Conflict, match="2 actions"):
        act(yard, granted)
