"""Deliveries of code hosts, and the runs they begin."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runyard.domain.agents import AgentProfile
from runyard.domain.errors import JobDisabled, NotFound
from runyard.domain.repositories import Repository, Seen
from runyard.engine import agent_runs, agents, hooks, jobs, origins, projects, repositories
from runyard.engine.hooks import Delivery, Occasion, Taken
from runyard.settings import Settings
from runyard.storage.port import Store
from runyard.storage.statements import agent_runs as agent_runs_sql
from tests.support.yard import Yard

HERE = Seen(full_name="acme/app", host_id="7", default_branch="main")
PUSH = Occasion(trigger="push", branch="main", payload={"ref": "refs/heads/main", "commit": {"sha": "abc"}})
OPENED = Occasion(
    trigger="pull_request", event="opened", branch="main", payload={"pull_request": {"number": 42, "title": "A"}}
)


def connected(store: Store, full_name: str = "acme/app", provider: str = "github") -> Repository:
    """A repository of project 1."""
    url = "https://git.example.com/app.git" if provider == "git" else None
    new = origins.asked(Settings(), provider=provider, full_name=full_name, url=url)
    return store.transact(repositories.connect, 1, new)


@pytest.fixture
def repository(yard: Yard) -> Repository:
    return connected(yard.store)


def deliver(yard: Yard, repository: Repository, number: str = "d1", **said: Any) -> Taken:
    """Deliver a push, or what is said."""
    asked: dict[str, Any] = {"event": "push", "occasion": PUSH, "seen": HERE, **said}
    return yard.store.transact(hooks.take, repository.id, Delivery(id=number, **asked))


def made(taken: Taken) -> list[str]:
    return [one.run for one in taken.outcome.made]


def test_a_push_begins_a_run_of_each_deployed_agent_that_is_meant(yard: Yard, repository: Repository):
    meant = yard.agent("a", repository_id=repository.id, triggers={"push": {}})
    usual = yard.agent("b", repository_id=repository.id, template="code-reviewer")
    yard.agent("c", repository_id=repository.id, triggers={"pull_request": {}})
    yard.agent("d", repository_id=repository.id, triggers={"push": {"branches": ["release/*"]}})
    yard.agent("e", repository_id=repository.id, triggers={})
    yard.agent("f", triggers={"push": {}})
    paused = yard.agent("g", repository_id=repository.id, triggers={"push": {}})
    yard.store.transact(agents.move, 1, paused.id, "pause")
    taken = deliver(yard, repository)
    assert taken.word == "runs"
    assert {one.agent for one in taken.outcome.made} == {meant.id, usual.id}
    run = yard.run(made(taken)[0])
    assert (run.trigger, run.created_by) == ("push", f"hook:{repository.id}")
    assert json.loads(run.payload) == {
        "ref": "refs/heads/main",
        "commit": {"sha": "abc"},
        "repository": {"id": repository.id, "full_name": "acme/app", "default_branch": "main"},
        "event": "push",
        "delivery": "d1",
    }
    row = yard.store.look(agent_runs_sql.get, [run.id])[run.id]
    assert (row.repository_id, row.trigger, row.event) == (repository.id, "push", None)


def test_a_pull_request_fills_what_its_run_is_about(yard: Yard, repository: Repository):
    yard.agent(repository_id=repository.id, triggers={"pull_request": {"events": ["opened"]}})
    (run_id,) = made(deliver(yard, repository, event="pull_request", occasion=OPENED))
    row = yard.store.look(agent_runs_sql.get, [run_id])[run_id]
    assert (row.trigger, row.event, row.pr_number) == ("pull_request", "opened", 42)
    assert agent_runs.facts_in(row).repository == repository.id
    closed = Occasion(trigger="pull_request", event="closed")
    assert deliver(yard, repository, "d2", event="pull_request", occasion=closed).outcome.ignored == hooks.NOBODY


def test_a_redelivery_is_answered_with_the_runs_of_the_first(yard: Yard, repository: Repository):
    yard.agent(repository_id=repository.id, triggers={"push": {}})
    first = deliver(yard, repository)
    yard.clock.forward(minutes=5)
    again = deliver(yard, repository)
    assert (again.duplicate, first.duplicate) == (True, False)
    assert (again.outcome, again.at) == (first.outcome, first.at)
    other = deliver(yard, repository, "d2")
    assert made(other) != made(first)
    elsewhere = connected(yard.store, "acme/other")
    assert not deliver(yard, elsewhere, seen=Seen(full_name="acme/other")).duplicate


def test_of_two_servers_that_get_a_delivery_at_once_one_makes_its_runs(two_servers: tuple[Store, Store]):
    first, second = two_servers
    repository = connected(first)
    profile = AgentProfile(repository_id=repository.id, triggers={"push": {}})
    first.transact(agents.create, 1, agents.NewAgent(name="a", profile=profile))
    with ThreadPoolExecutor(8) as pool:
        for number in range(10):
            delivery = Delivery(id=f"d{number}", event="push", occasion=PUSH, seen=HERE)
            asked = [
                pool.submit(server.transact, hooks.take, repository.id, delivery)
                for server in (first, second)
                for _ in range(4)
            ]
            answers: list[Taken] = [one.result() for one in asked]
            assert len({tuple(made(one)) for one in answers}) == 1
            assert [one.duplicate for one in answers].count(False) == 1
    assert first.look(lambda tx: tx.rows("SELECT COUNT(*) FROM runs")) == [(10,)]


def test_what_begins_no_runs_is_kept_with_the_reason(yard: Yard, repository: Repository):
    yard.agent(repository_id=repository.id, triggers={"push": {}})
    ping = deliver(yard, repository, "d1", event="ping", occasion=None)
    tag = deliver(yard, repository, "d2", occasion=None, ignored="tags begin no runs")
    assert (ping.word, tag.word, tag.outcome.ignored) == ("pong", "ignored", "tags begin no runs")
    yard.clock.forward(seconds=1)
    run = deliver(yard, repository, "d3")
    found = yard.store.look(hooks.received, 1, repository.id)
    assert [one.delivery for one in found] == ["d3", "d2", "d1"]
    assert found[0] == run
    before = (found[0].at, found[0].delivery)
    assert [one.delivery for one in yard.store.look(hooks.received, 1, repository.id, before=before, limit=1)] == ["d2"]
    with pytest.raises(NotFound):
        yard.store.look(hooks.received, 2, repository.id)


def test_a_repository_that_is_not_connected_takes_nothing(yard: Yard, repository: Repository):
    yard.store.transact(projects.ensure_default)
    assert yard.store.look(hooks.secret_of, repository.id) is None
    yard.store.transact(repositories.rotate_secret, 1, repository.id, str.upper)
    assert yard.store.look(hooks.secret_of, repository.id)
    yard.store.transact(repositories.disconnect, 1, repository.id)
    assert yard.store.look(hooks.secret_of, repository.id) is None
    with pytest.raises(NotFound):
        deliver(yard, repository)


def test_a_project_that_is_deleted_takes_nothing(yard: Yard):
    other = yard.store.transact(projects.create, slug="other", name="Other")
    new = origins.asked(Settings(), provider="github", full_name="acme/app")
    repository = yard.store.transact(repositories.connect, other.id, new)
    yard.store.transact(repositories.rotate_secret, other.id, repository.id, str)
    assert yard.store.look(hooks.secret_of, repository.id)
    yard.store.transact(projects.delete, other.id)
    assert yard.store.look(hooks.secret_of, repository.id) is None


def test_what_the_host_says_of_the_repository_is_noted_and_a_new_name_taken_over(yard: Yard, repository: Repository):
    deliver(yard, repository, "d1", seen=Seen(full_name="Acme/App", host_id="7", language="Go", private=True))
    one = yard.store.look(repositories.get, 1, repository.id)
    assert (one.full_name, one.language, one.private, one.host_id) == ("Acme/App", "Go", 1, "7")
    assert one.synced_at == yard.clock.now()
    taken = deliver(yard, repository, "d2", seen=Seen(full_name="acme/renamed", host_id="7"))
    assert taken.outcome.ignored == hooks.NOBODY
    one = yard.store.look(repositories.get, 1, repository.id)
    assert (one.full_name, one.url) == ("acme/renamed", "https://github.com/acme/renamed.git")


@pytest.mark.parametrize("known", [True, False])
def test_a_delivery_about_another_repository_changes_nothing(yard: Yard, repository: Repository, known: bool):
    yard.agent(repository_id=repository.id, triggers={"push": {}})
    if known:
        deliver(yard, repository)
    before = yard.store.look(repositories.get, 1, repository.id)
    other = deliver(yard, repository, "d2", seen=Seen(full_name="acme/other", host_id="8", private=True))
    assert "acme/other" in (other.outcome.ignored or "")
    assert yard.store.look(repositories.get, 1, repository.id) == before
    yard.store.transact(repositories.rotate_secret, 1, repository.id, str)
    assert deliver(yard, repository, "d3", seen=Seen(full_name="acme/app", host_id="9")).word == "runs"


def test_where_the_name_is_our_own_the_host_may_call_it_otherwise(yard: Yard):
    repository = connected(yard.store, "our/label", "git")
    yard.agent(repository_id=repository.id, triggers={"push": {}})
    taken = deliver(yard, repository, seen=Seen(full_name="theirs/app", host_id="1"))
    assert json.loads(yard.run(made(taken)[0]).payload)["repository"]["full_name"] == "our/label"
    assert yard.store.look(repositories.get, 1, repository.id).full_name == "our/label"


def test_an_agent_that_takes_no_run_keeps_no_other_from_it(yard: Yard, repository: Repository):
    one = yard.agent("a", repository_id=repository.id, triggers={"push": {}})
    other = yard.agent("b", repository_id=repository.id, triggers={"push": {}})
    yard.store.transact(jobs.update, 1, one.id, enabled=False)
    taken = deliver(yard, repository)
    assert [made.agent for made in taken.outcome.made] == [other.id]
    (refused,) = taken.outcome.refused
    assert (refused.agent, "disabled" in refused.reason) == (one.id, True)


def test_a_delivery_that_all_refuse_may_be_delivered_again(yard: Yard, repository: Repository):
    one = yard.agent(repository_id=repository.id, triggers={"push": {}})
    yard.store.transact(jobs.update, 1, one.id, enabled=False)
    with pytest.raises(JobDisabled):
        deliver(yard, repository)
    assert yard.store.look(hooks.received, 1, repository.id) == []
    yard.store.transact(jobs.update, 1, one.id, enabled=True)
    assert deliver(yard, repository).word == "runs"


def test_a_delivery_makes_a_bounded_number_of_runs(yard: Yard, repository: Repository, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hooks, "MOST", 2)
    yard.agent("no", repository_id=repository.id, triggers={})
    for name in ("a", "b", "c"):
        yard.agent(name, repository_id=repository.id, triggers={"push": {}})
    taken = deliver(yard, repository)
    assert (len(made(taken)), taken.outcome.left_out) == (2, 1)


def test_receipts_are_kept_for_a_month(yard: Yard, repository: Repository):
    deliver(yard, repository, "d1", event="ping", occasion=None)
    yard.clock.forward(hours=24 * 29)
    deliver(yard, repository, "d2", event="ping", occasion=None)
    assert yard.store.transact(hooks.prune) == 0
    yard.clock.forward(hours=24)
    yard.clock.forward(seconds=1)
    assert yard.store.transact(hooks.prune) == 1
    assert [one.delivery for one in yard.store.look(hooks.received, 1, repository.id)] == ["d2"]
