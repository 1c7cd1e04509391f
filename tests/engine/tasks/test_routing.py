"""Reviews are handed to sessions: to whom they may be, to whom they suit best, each to one."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from runyard.domain.profiles import Participants, Profile, Reviewer
from runyard.domain.reviews import Review, ReviewOutcome, ReviewStatus, Verdict
from runyard.domain.sessions import Session
from runyard.domain.tasks import Task
from runyard.engine import workspaces
from runyard.engine.sessions import Claimed, IdentityStale
from runyard.engine.tasks import profiles, reviews, routing, settling, verdicts
from runyard.engine.tasks.reviews import NewReview
from runyard.engine.tasks.routing import Ask
from runyard.storage.postgres import PostgresStore
from tests.support.judging import ended
from tests.support.stores import Clock
from tests.support.yard import PERSON, Yard


def asked(yard: Yard, task: Task | None = None, *, by: Session | None = None, **review: Any) -> Review:
    """A review of a run of a task with this profile."""
    task = task or yard.task()
    if review:
        yard.store.transact(profiles.put, 1, task.id, Profile(review=Reviewer(**review)), PERSON)
    row = ended(yard, task, by=by)
    return yard.store.transact(reviews.request, 1, row.run_id, NewReview(), PERSON).review


def claim(yard: Yard, session: Session, *, project_id: int = 1, **offered: Any) -> Review | None:
    who = Claimed(session_id=session.id, agent=None)
    return yard.store.transact(routing.claim, Ask(project_id=project_id, who=who, **offered))


def given(yard: Yard, session: Session, **offered: Any) -> str | None:
    """What the session is given, which it judges at once."""
    review = claim(yard, session, **offered)
    if review is None:
        return None
    verdict = Verdict(outcome=ReviewOutcome.APPROVED, confidence=1, reason="fine", delivery_id=review.id)
    yard.store.transact(verdicts.submit, 1, review.id, verdict, PERSON)
    return review.id


def now(yard: Yard, review: Review) -> Review:
    return yard.store.look(reviews.find, 1, review.id)


def test_a_session_is_bound_to_what_it_is_given(yard: Yard):
    review = asked(yard)
    assert (review.status, review.session_id) == (ReviewStatus.REQUESTED, None)
    session = yard.session("reviewer", channel="desk")
    found = claim(yard, session, peer_id="peer-1")
    assert found == now(yard, review)
    assert (found.status, found.session_id, found.agent) == (ReviewStatus.IN_REVIEW, session.id, "reviewer")
    assert (found.peer_id, found.channel_id, found.started_at) == ("peer-1", "desk", yard.clock.now())
    line = yard.timeline(review.task_id)[-1]
    assert (line.type, line.actor_ref, line.run_id) == ("task.run_review_bound", session.id, review.run_id)
    assert claim(yard, session) == found
    assert claim(yard, yard.session("reviewer")) is None
    assert yard.timeline(review.task_id)[-1] == line


def test_the_oldest_goes_first(yard: Yard):
    waiting = [asked(yard).id for _ in range(3)]
    session = yard.session()
    assert [given(yard, session) for _ in range(4)] == [*waiting, None]


def test_a_session_never_judges_its_own_work(yard: Yard):
    worker, other = yard.session("coder"), yard.session("coder")
    own = [asked(yard, by=worker, agent_name="coder") for _ in range(2)]
    assert claim(yard, worker) is None
    assert given(yard, other) == own[0].id
    others = asked(yard, agent_name="coder")
    assert given(yard, worker) == others.id


@pytest.mark.parametrize(
    ("asks", "session", "offers", "may"),
    [
        ({"agent_name": "judge"}, {"agent": "judge"}, {}, True),
        ({"agent_name": "judge"}, {"agent": "coder"}, {}, False),
        ({"allowed_agent_names": ("a", "judge")}, {"agent": "judge"}, {}, True),
        ({"allowed_agent_names": ("a",)}, {"agent": "judge"}, {}, False),
        ({"allowed_channel_ids": ("desk",)}, {"channel": "desk"}, {}, True),
        ({"allowed_channel_ids": ("desk",)}, {}, {}, False),
        ({"allowed_peer_ids": ("p",)}, {}, {"peer_id": "p"}, True),
        ({"allowed_peer_ids": ("p",)}, {}, {}, False),
        ({"required_capabilities": ("go", "py")}, {"capabilities": ("go",)}, {"capabilities": frozenset({"py"})}, True),
        ({"required_capabilities": ("go", "py")}, {"capabilities": ("go",)}, {}, False),
    ],
)
def test_who_may_judge(yard: Yard, asks: dict[str, Any], session: dict[str, Any], offers: dict[str, Any], may: bool):
    asked(yard, **asks)
    made = yard.session(**{"agent": "reviewer", **session})
    assert (claim(yard, made, **offers) is not None) is may


def test_participants_bound_reviewers_too(yard: Yard):
    task = yard.task()
    profile = Profile(
        review=Reviewer(allowed_agent_names=("a", "b")),
        participants=Participants(allowed_agent_names=("b", "doer"), required_capabilities=("go",)),
    )
    ended(yard, task)
    yard.store.transact(profiles.put, 1, task.id, profile, PERSON)
    (row,) = yard.store.look(lambda tx: tx.rows("SELECT run_id FROM task_runs"))
    yard.store.transact(reviews.request, 1, row[0], NewReview(), PERSON)
    assert claim(yard, yard.session("a"), capabilities=frozenset({"go"})) is None
    assert claim(yard, yard.session("b")) is None
    assert claim(yard, yard.session("b"), capabilities=frozenset({"go"})) is not None


def test_what_suits_best_goes_before_what_is_older(yard: Yard):
    plain = asked(yard)
    skilled = asked(yard, preferred_capabilities=("go",))
    more = asked(yard, preferred_capabilities=("go", "py"))
    peer = asked(yard, preferred_peer_ids=("p",))
    channel = asked(yard, preferred_channel_ids=("desk",))
    agent = asked(yard, preferred_agent_names=("judge",), preferred_capabilities=("none",))
    others = asked(yard, preferred_agent_names=("somebody",))
    session = yard.session("judge", channel="desk", capabilities=("go", "py"))
    order = [agent, channel, peer, more, skilled, plain, others]
    assert [given(yard, session, peer_id="p") for _ in order] == [one.id for one in order]


def test_a_session_judges_in_its_own_workspace(yard: Yard):
    made = yard.store.transact(workspaces.create, 1, workspaces.NewWorkspace(root_dir="/a"))
    outside, inside = asked(yard), asked(yard, yard.task(workspace_id=made.id))
    at_home, elsewhere = yard.session(workspace_id=made.id), yard.session()
    assert [given(yard, at_home), given(yard, at_home)] == [inside.id, None]
    assert [given(yard, elsewhere), given(yard, elsewhere)] == [outside.id, None]


def test_a_changed_profile_is_followed_by_reviews_that_wait(yard: Yard):
    review = asked(yard, agent_name="judge")
    assert claim(yard, yard.session("reviewer")) is None
    yard.store.transact(profiles.delete, 1, review.task_id, PERSON)
    assert claim(yard, yard.session("reviewer")) is not None
    other = asked(yard)
    yard.store.transact(profiles.put, 1, other.task_id, Profile(review=Reviewer(agent_name="judge")), PERSON)
    assert claim(yard, yard.session("reviewer")) is None


def test_a_session_that_stops_leaves_its_review_to_others(yard: Yard):
    review = asked(yard)
    session = yard.session()
    claim(yard, session)
    woken = yard.store.transact(lambda tx: (settling.end(tx, [session.id], PERSON), set(tx.topics))[1])
    assert routing.topic(1) in woken
    freed = now(yard, review)
    assert (freed.status, freed.session_id, freed.agent, freed.routed_at) == (ReviewStatus.REQUESTED, None, None, None)
    with pytest.raises(IdentityStale):
        claim(yard, session)
    assert claim(yard, yard.session()) is not None


def test_another_projects_session_is_nobody_here(yard: Yard):
    asked(yard)
    with pytest.raises(IdentityStale):
        claim(yard, yard.session(), project_id=2)


def test_many_that_ask_at_once_are_given_each_another_one(
    two_servers: tuple[PostgresStore, PostgresStore], clock: Clock
):
    yard = Yard(two_servers[0], clock)
    waiting = {asked(yard).id for _ in range(6)}
    sessions = [yard.session(f"judge-{one}") for one in range(8)]
    found: list[str | None] = []

    def ask(place: int) -> None:
        who = Claimed(session_id=sessions[place].id, agent=None)
        review = two_servers[place % 2].transact(routing.claim, Ask(project_id=1, who=who))
        found.append(review.id if review is not None else None)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    given_out = [one for one in found if one is not None]
    assert len(given_out) == len(set(given_out))
    # Who found everything in the hands of others asks again.
    found += [given(yard, session) for session in sessions]
    assert waiting <= set(found)
