"""Profiles of tasks are kept in one form, and decide at once who is given the task's queued run."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.profiles import Coordinator, Participants, Profile, Reviewer, Runtime, Sandbox, Worker
from runyard.engine.tasks import profiles
from tests.support.judging import end
from tests.support.yard import PERSON, SECOND, Yard


def put(yard: Yard, task_id: str, **parts: Any) -> Profile:
    return yard.store.transact(profiles.put, 1, task_id, Profile(**parts), PERSON).profile


def delete(yard: Yard, task_id: str) -> None:
    yard.store.transact(profiles.delete, 1, task_id, PERSON)


def test_a_task_without_a_profile_has_the_usual_one(yard: Yard):
    task = yard.task()
    assert yard.store.look(profiles.get, 1, task.id).profile == Profile()
    with pytest.raises(NotFound):
        delete(yard, task.id)
    with pytest.raises(NotFound):
        yard.store.look(profiles.get, 2, task.id)


def test_a_profile_takes_the_place_of_the_one_before(yard: Yard):
    task = yard.task()
    began = yard.clock.now()
    first = put(yard, task.id, worker=Worker(mode="select", agent_name="coder"))
    assert (first.created_at, first.updated_at) == (began, began)
    yard.clock.forward(seconds=5)
    second = put(yard, task.id, runtime=Runtime(mode="evidence"))
    assert (second.created_at, second.updated_at) == (began, began + 5 * SECOND)
    assert second.worker == Worker()
    assert yard.store.look(profiles.get, 1, task.id).profile == second
    delete(yard, task.id)
    assert yard.store.look(profiles.get, 1, task.id).profile == Profile()
    lines = yard.timeline(task)[1:]
    assert [line.type for line in lines] == ["task.execution_profile_updated"] * 2 + ["task.execution_profile_deleted"]
    assert '"worker_mode":"select"' in lines[0].payload
    assert yard.task_now(task).active_at == yard.clock.now()


def test_it_is_kept_in_one_form():
    names = (" b ", "a", "", "b", "\u00e4")
    tidied = profiles.tidied(
        Profile(
            coordinator=Coordinator(mode=" GUIDED ", agent_name=" lead ", guidance="  go\nslowly  "),  # type: ignore[arg-type]
            worker=Worker(allowed_agent_names=names, agent_name=" a "),
            review=Reviewer(preferred_peer_ids=names),
            sandbox=Sandbox(mode="REF", sandbox_ref=" box "),  # type: ignore[arg-type]
            runtime=Runtime(mode=""),  # type: ignore[arg-type]
        )
    )
    assert tidied.coordinator == Coordinator(mode="guided", agent_name="lead", guidance="go\nslowly")
    assert tidied.worker == Worker(allowed_agent_names=("a", "b", "\u00e4"), agent_name="a")
    assert tidied.review.preferred_peer_ids == ("a", "b", "\u00e4")
    assert (tidied.sandbox, tidied.runtime) == (Sandbox(mode="ref", sandbox_ref="box"), Runtime())
    assert profiles.tidied(tidied) == tidied


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ({"worker": Worker(mode="some")}, "worker.mode"),  # type: ignore[arg-type]
        ({"worker": Worker(agent_name="x" * 129)}, "128"),
        ({"worker": Worker(allowed_agent_names=("a\tb",))}, "tabs"),
        ({"worker": Worker(agent_name="a", allowed_agent_names=("b",))}, "worker.allowed_agent_names"),
        ({"review": Reviewer(agent_name="a", allowed_agent_names=("b",))}, "review.allowed_agent_names"),
        ({"review": Reviewer(required_capabilities=("a b",))}, "review.required_capabilities"),
        ({"participants": Participants(preferred_capabilities=("a,b",))}, "blanks and commas"),
        ({"coordinator": Coordinator(guidance="x" * 8193)}, "8192"),
        ({"sandbox": Sandbox(mode="ref")}, "sandbox_ref"),
        ({"sandbox": Sandbox(mode="none", sandbox_ref="box")}, "sandbox_ref"),
        ({"review": Reviewer(allowed_channel_ids=tuple(str(one) for one in range(257)))}, "256"),
    ],
)
def test_what_a_profile_cannot_say(parts: dict[str, Any], word: str):
    with pytest.raises(Invalid, match=word):
        profiles.tidied(Profile(**parts))


def test_what_decides_is_bounded_so_that_it_can_be_found_by_index(yard: Yard):
    task = yard.task()
    names = tuple(f"{one:0128d}" for one in range(13))
    put(yard, task.id, worker=Worker(allowed_agent_names=names), review=Reviewer(allowed_peer_ids=names))
    yard.queue(task)
    more = tuple(f"{one:0128d}" for one in range(20))
    for part in ({"worker": Worker(allowed_agent_names=more)}, {"review": Reviewer(preferred_peer_ids=more)}):
        with pytest.raises(Invalid, match="2000"):
            put(yard, task.id, **part)


def test_while_somebody_has_a_run_the_profile_stays(yard: Yard):
    task = yard.task()
    put(yard, task.id)
    row = yard.queue(task)
    session = yard.session()
    yard.claim_next(session)
    with pytest.raises(Conflict, match="claimed"):
        put(yard, task.id)
    with pytest.raises(Conflict, match="claimed"):
        delete(yard, task.id)
    yard.after(seconds=301)
    put(yard, task.id)
    end(yard, row)
    delete(yard, task.id)


def test_a_queued_run_follows_the_profile_at_once(yard: Yard):
    task = yard.task()
    yard.queue(task)
    put(yard, task.id, worker=Worker(agent_name="tester", required_capabilities=("go",)))
    coder, tester = yard.session("coder"), yard.session("tester", capabilities=("go",))
    assert yard.claim_next(coder) is None
    put(yard, task.id, worker=Worker(agent_name="coder"))
    assert yard.claim_next(tester) is None
    delete(yard, task.id)
    assert yard.claim_next(tester) is not None
