"""Agents: how they are made, stand, are changed and go."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import psycopg
import pytest

from runyard.domain import health as scores
from runyard.domain.agents import DAY, AgentProfile, AgentState
from runyard.domain.errors import Conflict, IllegalMove, Invalid, NotFound
from runyard.engine import agent_health, agent_queries, agents, copies, jobs, retention, schedules
from runyard.engine.agent_queries import Wanted
from runyard.engine.agents import Agent, AgentPatch, NewAgent
from runyard.storage.port import Tx
from runyard.storage.sql import for_postgres, for_sqlite
from runyard.storage.statements import agent_queries as queries_sql
from runyard.storage.statements import agents as sql
from tests.support.yard import Yard

HOUR = 3600


def found(yard: Yard, agent: Agent) -> Agent:
    """The agent as it stands."""
    return yard.store.look(agents.find, 1, agent.id)


def patched(yard: Yard, agent: Agent, **patch: Any) -> Agent:
    """The agent, changed."""
    return yard.store.transact(agents.update, 1, agent.id, AgentPatch(**patch))


def moved(yard: Yard, agent: Agent, verb: str) -> Agent:
    """The agent after a verb."""
    return yard.store.transact(agents.move, 1, agent.id, verb)


def due(yard: Yard, agent: Agent) -> bool:
    """Whether the agent's job has a schedule."""
    return yard.store.look(schedules.of_job, found(yard, agent).job) is not None


def repository(yard: Yard, name: str = "acme/app", *, path: str | None = None, project_id: int = 1) -> str:
    """A connected repository."""

    def made(tx: Tx) -> str:
        made_id = tx.new_id()
        tx.run(
            "INSERT INTO repositories (id, project_id, provider, full_name, path, default_branch, private, created_at, "
            "updated_at) VALUES (:id, :project_id, 'local', :name, :path, 'main', 0, :now, :now)",
            id=made_id,
            project_id=project_id,
            name=name,
            path=path,
            now=tx.now,
        )
        return made_id

    return yard.store.transact(made)


def test_the_agent_of_a_template_is_made_once(yard: Yard):
    for _ in range(2):
        yard.store.transact(agents.ensure, 1, "code-reviewer")
    rows = yard.store.look(lambda tx: tx.rows(f"SELECT {sql.COLUMNS} FROM agents"))
    (row,) = map(sql.from_row, rows)
    assert (row.template, row.state) == ("code-reviewer", AgentState.DEPLOYED)
    made = yard.store.look(agents.find, 1, row.job_id)
    assert (made.name, made.job.name, made.spec.executor, made.spec.queue) == (
        "code-reviewer",
        "code-reviewer",
        "agent",
        "code-reviewer",
    )


def test_an_agent_that_was_deleted_is_not_made_again(yard: Yard):
    yard.store.transact(agents.ensure, 1, "code-reviewer")
    yard.store.transact(agents.delete, 1, "code-reviewer")
    yard.store.transact(agents.ensure, 1, "code-reviewer")
    assert yard.store.look(agent_queries.page, 1, Wanted(), offset=0, limit=10).total == 0


def test_two_agents_may_have_one_name(yard: Yard):
    first, second, third = yard.agent("Näme / of it"), yard.agent("Näme / of it"), yard.agent("名前")
    assert first.name == second.name == "Näme / of it"
    assert (first.job.name, second.job.name, third.job.name) == ("n-me-of-it", "n-me-of-it-2", "agent")
    assert yard.store.look(agents.find, 1, "n-me-of-it-2").id == second.id


def test_wrong_agents_are_refused_with_what_there_is(yard: Yard):
    elsewhere = repository(yard, "acme/secret", project_id=2)
    repository(yard, "acme/app")
    for profile, words in (
        ({"template": "barista"}, "code-reviewer, security-scanner"),
        ({"repository_id": elsewhere}, "connected are: acme/app"),
        ({"triggers": {"schedule": "never"}}, "never"),
        ({"triggers": {"schedule": {"cron": "0 9 * * 1", "timezone": "Mars"}}}, "time zone"),
        ({"triggers": {"push": "main"}}, "push"),
        ({"config": {"x": "y" * 70_000}}, "64 KiB"),
    ):
        with pytest.raises(Invalid, match=words):
            yard.agent(**profile)
    for name in ("", " ", "x" * 256, "a\0b"):
        with pytest.raises(Invalid):
            yard.agent(name)
    assert yard.store.look(agent_queries.page, 1, Wanted(), offset=0, limit=10).total == 0


def test_only_a_deployed_agent_takes_runs_whoever_asks(yard: Yard):
    agent = yard.agent()
    moved(yard, agent, "pause")
    for ask in (lambda: yard.ask_agent(agent), lambda: yard.create(job=agent.id)):
        with pytest.raises(Conflict, match="paused"):
            ask()
    with pytest.raises(IllegalMove):
        moved(yard, agent, "pause")
    moved(yard, agent, "resume")
    run = yard.ask_agent(agent)
    with pytest.raises(IllegalMove):
        moved(yard, agent, "resume")
    moved(yard, agent, "archive")
    assert moved(yard, agent, "archive").row.state is AgentState.ARCHIVED
    with pytest.raises(Conflict, match="archived"):
        yard.ask_agent(agent)
    for verb in ("pause", "resume"):
        with pytest.raises(IllegalMove):
            moved(yard, agent, verb)
    # What it was asked before goes on.
    assert yard.claim_one().run.id == run.id


def test_a_paused_agent_retries_and_an_archived_one_does_not(yard: Yard):
    agent = yard.agent()
    run = yard.ask_agent(agent)
    yard.cancel(run)
    moved(yard, agent, "pause")
    again = yard.store.transact(copies.retry, 1, run.id)
    assert yard.claim_one().run.id == again.id
    moved(yard, agent, "archive")
    with pytest.raises(Conflict):
        yard.store.transact(copies.retry, 1, run.id)


def test_an_agent_is_asked_with_an_object(yard: Yard):
    agent = yard.agent()
    for payload in ("[1]", "null", '"x"'):
        with pytest.raises(Invalid, match="object"):
            yard.store.transact(agents.ask, 1, agent.id, payload=payload)
    run = yard.store.transact(agents.ask, 1, agent.id, payload='{"n": 1.10}', config={"style": "short"})
    assert run.payload == '{"n": 1.10}'
    assert json.loads(run.metadata or "{}") == {"config": {"style": "short"}}


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        ("/srv/code/app", True),
        ("/srv/code", True),
        ("/srv/code/../code/app", True),
        ("/srv/code/../secret", False),
        ("/srv/codex", False),
        ("/etc", False),
        ("app", False),
        ("", False),
        (7, False),
    ],
)
def test_a_folder_outside_the_roots_is_refused(yard: Yard, path: Any, fine: bool):
    agent, free = yard.agent(template="code-reviewer"), yard.agent()
    payload = json.dumps({"path": path})
    if not fine:
        with pytest.raises(Invalid, match=r"path|outside"):
            yard.store.transact(agents.ask, 1, agent.id, payload=payload, roots=["/srv/code/"])
    else:
        yard.store.transact(agents.ask, 1, agent.id, payload=payload, roots=["/srv/code/"])
    # What a path is to an executor of one's own, only that knows.
    yard.store.transact(agents.ask, 1, free.id, payload=payload, roots=["/srv/code/"])


def test_the_folder_of_the_repository_is_held_to_the_roots_too(yard: Yard):
    agent = yard.agent(template="code-reviewer", repository_id=repository(yard, path="/elsewhere/app"))
    with pytest.raises(Invalid, match="outside"):
        yard.store.transact(agents.ask, 1, agent.id, roots=["/srv/code"])
    yard.store.transact(agents.ask, 1, agent.id, payload='{"p\\u0061th": "/srv/code/app"}', roots=["/srv/code"])
    with pytest.raises(Invalid, match="outside"):
        yard.store.transact(agents.ask, 1, agent.id, payload='{"p\\u0061th": "/etc"}', roots=["/srv/code"])


def test_what_is_not_named_stays(yard: Yard):
    agent = yard.agent("Old", config={"a": 1, "b": 2}, triggers={"push": {"branches": ["main"]}})
    yard.clock.forward(minutes=1)
    after = patched(yard, agent, name="New")
    assert (after.name, after.profile, after.job.name) == ("New", agent.profile, agent.job.name)
    assert after.row.updated_at == yard.clock.now() > agent.row.updated_at
    after = patched(yard, agent, config={"c": 3}, description="Better")
    assert (after.profile.config, after.spec.description, after.name) == ({"c": 3}, "Better", "New")
    after = patched(yard, agent, triggers=["push", "pull_request.opened"])
    assert after.profile.triggers == {"push": {"branches": ["main"]}, "pull_request": ["opened"]}
    assert found(yard, agent) == after
    yard.clock.forward(minutes=1)
    assert patched(yard, agent) == patched(yard, agent, name="New") == after


def test_a_status_that_no_verb_leads_to_is_bad_input(yard: Yard):
    agent = yard.agent()
    assert patched(yard, agent, state=AgentState.DEPLOYED).row == agent.row
    assert patched(yard, agent, state=AgentState.PAUSED).row.state is AgentState.PAUSED
    assert patched(yard, agent, state=AgentState.DEPLOYED).row.state is AgentState.DEPLOYED
    moved(yard, agent, "archive")
    with pytest.raises(Invalid, match="archived"):
        patched(yard, agent, state=AgentState.DEPLOYED)


def test_a_refused_change_changes_nothing(yard: Yard):
    agent = yard.agent(config={"a": 1})
    for patch in ({"name": " "}, {"triggers": {"schedule": "x"}}, {"triggers": [""]}, {"description": "x" * 5000}):
        with pytest.raises(Invalid):
            patched(yard, agent, config={"b": 2}, **patch)
    assert found(yard, agent) == agent


def test_a_schedule_makes_runs_while_the_agent_is_deployed(yard: Yard):
    agent = yard.agent(triggers={"schedule": {"cron": "0 * * * *", "timezone": "Asia/Kathmandu"}}, config={"a": 1})
    assert (agent.spec.cron and agent.spec.cron.expression, agent.spec.timezone) == ("0 * * * *", "Asia/Kathmandu")

    def ticks() -> int:
        yard.clock.forward(hours=1)
        yard.store.transact(schedules.fire)
        return len(yard.claim(10))

    assert ticks() == 1
    moved(yard, agent, "pause")
    assert not due(yard, agent)
    # Even where something plans the job anew.
    yard.store.transact(jobs.update, 1, agent.id, spec={"priority": 1})
    assert due(yard, agent)
    assert ticks() == 0
    moved(yard, agent, "resume")
    assert ticks() == 1
    patched(yard, agent, name="Other")
    assert due(yard, agent)
    patched(yard, agent, triggers={"push": True})
    assert not due(yard, agent)
    assert found(yard, agent).spec.timezone is None


def test_a_deleted_agent_is_gone_and_its_runs_go_on(yard: Yard):
    agent = yard.agent("Mine", triggers={"schedule": "0 * * * *"})
    run = yard.ask_agent(agent)
    yard.store.transact(agents.delete, 1, agent.id)
    for op in (agents.find, agent_queries.detail, agent_health.health):
        with pytest.raises(NotFound):
            yard.store.look(op, 1, agent.id)
    for act in (
        lambda: yard.ask_agent(agent),
        lambda: moved(yard, agent, "resume"),
        lambda: patched(yard, agent, name="x"),
        lambda: yard.store.transact(agents.delete, 1, agent.id),
    ):
        with pytest.raises(NotFound):
            act()
    assert yard.store.look(agent_queries.page, 1, Wanted(), offset=0, limit=10).total == 0
    job = yard.store.look(jobs.get, 1, agent.id)
    assert not job.enabled
    yard.store.transact(jobs.update, 1, agent.id, enabled=True)
    with pytest.raises(Conflict, match="deleted"):
        yard.create(job=agent.id)
    granted = yard.claim_one()
    assert (granted.run.id, granted.run.job_name) == (run.id, "mine")
    yard.complete(granted)
    with pytest.raises(Conflict):
        yard.store.transact(copies.retry, 1, run.id)
    assert yard.agent("Mine").job.name == "mine"


def test_an_agent_goes_with_its_job(yard: Yard):
    agent = yard.agent()
    yard.store.transact(jobs.delete, 1, agent.id)
    assert yard.store.look(agent_queries.page, 1, Wanted(), offset=0, limit=10).total == 0
    with pytest.raises(NotFound):
        found(yard, agent)


def test_a_clone_of_an_agents_job_is_no_agent(yard: Yard):
    agent = yard.agent(triggers={"push": True})
    clone = yard.store.transact(jobs.clone, 1, agent.id, name="copy")
    with pytest.raises(NotFound):
        yard.store.look(agents.find, 1, clone.id)
    assert yard.create(job="copy").agent is None


def test_a_job_without_profile_is_no_agent(yard: Yard):
    job = yard.job("plain")
    for op in (agents.find, agent_queries.detail, agent_health.health):
        with pytest.raises(NotFound):
            yard.store.look(op, 1, job.id)


def test_lists_are_filtered_and_counted(yard: Yard):
    where = repository(yard)
    made = []
    for profile in ({}, {"template": "code-reviewer"}, {"template": "code-reviewer", "repository_id": where}):
        made.append(yard.agent(**profile))
        yard.clock.forward(seconds=1)
    moved(yard, made[1], "pause")
    yard.store.transact(agents.create, 2, NewAgent(name="stranger"))

    def shown(offset: int = 0, limit: int = 10, **wanted: Any) -> tuple[list[int], int]:
        page = yard.store.look(agent_queries.page, 1, Wanted(**wanted), offset=offset, limit=limit)
        return [made.index(next(one for one in made if one.id == row.agent.id)) for row in page.rows], page.total

    assert shown() == ([2, 1, 0], 3)
    assert shown(1, 1) == ([1], 3)
    assert shown(10**9, 1) == ([], 3)
    assert shown(template="code-reviewer") == ([2, 1], 2)
    assert shown(template="code-reviewer", states=("paused",)) == ([1], 1)
    assert shown(repository_id=where) == ([2], 1)
    assert shown(repository_id="") == ([], 0)
    first = yard.store.look(agent_queries.page_before, 1, Wanted(), before=None, limit=2)
    place = (first[-1].agent.row.created_at, first[-1].agent.id)
    rest = yard.store.look(agent_queries.page_before, 1, Wanted(), before=place, limit=2)
    assert [one.agent.id for one in [*first, *rest]] == [made[2].id, made[1].id, made[0].id]


def test_an_agent_tells_how_its_runs_did(yard: Yard):
    agent, other = yard.agent(), yard.agent()
    yard.ask_agent(other)
    yard.complete(yard.claim_one())
    outcomes = ["ok", "ok", "fail", "live"]
    runs = []
    for outcome in outcomes:
        runs.append(yard.ask_agent(agent))
        granted = yard.claim_one()
        yard.start(granted)
        yard.clock.forward(seconds=10)
        if outcome == "ok":
            yard.complete(granted)
        elif outcome == "fail":
            yard.fail(granted, retryable=False)
    detail = yard.store.look(agent_queries.detail, 1, agent.id)
    sums = detail.standing.sums
    assert (sums.total, sums.succeeded, sums.failed, sums.average_ms) == (4, 2, 1, 10_000)
    assert (sums.success_rate(100), sums.success_rate(1000)) == (67, 667)
    assert [row.run_id for row in detail.recent] == [run.id for run in reversed(runs)]
    last = yard.run(runs[-1]).started_at
    assert detail.standing.last_run_at == last
    (row,) = yard.store.look(agent_queries.page, 1, Wanted(), offset=0, limit=1).rows
    assert (row.agent.id, row.sums, row.last_run_at) in [(agent.id, sums, last), (other.id, row.sums, row.last_run_at)]


def test_an_agent_remembers_its_runs_when_they_are_deleted_by_age(yard: Yard):
    agent = yard.agent()
    run = yard.ask_agent(agent)
    yard.complete(yard.claim_one())
    yard.store.transact(retention.delete_runs, [run.id])
    shown = yard.store.look(agent_queries.standing, 1, agent.id)
    assert (shown.sums.total, shown.last_run_at) == (1, run.created_at // DAY * DAY)


def test_a_new_agent_is_well(yard: Yard):
    agent = yard.agent()
    assert yard.store.look(agent_health.health, 1, agent.id) == scores.Health(
        overall=100, reliability=100, efficiency=100, cost=100, activity=100, grade="A"
    )


def test_health_follows_what_the_runs_did(yard: Yard):
    agent = yard.agent()
    for good in (True, False):
        yard.ask_agent(agent)
        granted = yard.claim_one()
        yard.start(granted)
        yard.clock.forward(seconds=30)
        if good:
            yard.complete(granted)
        else:
            yard.fail(granted, retryable=False)
    seen = yard.store.look(agent_health.health, 1, agent.id)
    # 30 s of the 300 s that an attempt without a timeout is reckoned to take.
    assert (seen.reliability, seen.efficiency, seen.cost, seen.activity) == (50, 90, 100, 100)
    assert (seen.overall, seen.grade) == (73, "C")
    yard.clock.forward(hours=24 * 18)
    tired = yard.store.look(agent_health.health, 1, agent.id)
    assert (tired.reliability, tired.activity) == (50, round(100 * 12 / 23, 1))
    yard.clock.forward(hours=24 * 30)
    idle = yard.store.look(agent_health.health, 1, agent.id)
    assert (idle.reliability, idle.efficiency, idle.activity, idle.grade) == (100, 100, 0, "B")


@pytest.mark.parametrize(
    ("changes", "overall", "grade"),
    [
        ({}, 100, "A"),
        ({"succeeded": 9, "failed": 1}, 95, "A"),
        ({"succeeded": 0, "failed": 1}, 50, "F"),
        ({"duration_ms": 5_000, "durations": 1}, 90, "A"),
        ({"duration_ms": 90_000, "durations": 1}, 80, "B"),
        ({"cost": 3_000_000, "costs": 2}, 85, "B"),
        ({"idle_days": 7}, 100, "A"),
        ({"idle_days": 400}, 85, "B"),
        ({"succeeded": 2, "failed": 1}, 83.3, "B"),
    ],
)
def test_the_formula_of_health(changes: dict[str, int], overall: float, grade: str):
    none = scores.Facts(
        succeeded=0, failed=0, duration_ms=0, durations=0, timeout_ms=10_000, cost=0, costs=0, idle_days=0
    )
    seen = scores.health(msgspec.structs.replace(none, **changes))
    assert (seen.overall, seen.grade) == (overall, grade)


def test_profiles_of_two_agents_are_their_own(yard: Yard):
    first = yard.agent(config={"a": 1})
    second = yard.agent(config={"a": 2})
    patched(yard, first, config={"a": 3})
    assert (found(yard, first).profile, found(yard, second).profile) == (
        AgentProfile(config={"a": 3}),
        AgentProfile(config={"a": 2}),
    )


FILTERS = (Wanted(), Wanted(states=("paused",)), Wanted(template="x"), Wanted(template="x", repository_id="r"))


def texts() -> list[str]:
    """The statements by which agents are listed, and told how their runs did."""
    pages = [queries_sql.page_text(wanted, before=before) for wanted in FILTERS for before in (True, False)]
    counts = [queries_sql.count_text(wanted) for wanted in FILTERS]
    return [
        *pages,
        *counts,
        queries_sql.SUMS,
        queries_sql.LAST_DAY,
        queries_sql.LAST,
        queries_sql.RECENT,
        queries_sql.COSTS,
    ]


PARAMS = {
    "project_id": 1,
    "template": "x",
    "repository_id": "r",
    "at": 9,
    "id": "x",
    "n": 5,
    "offset": 0,
    "first": 0,
    "last": 9,
}
PARAMS |= {"job_id": "a", "since": 0}


def test_sqlite_reads_agents_from_indexes(shelf: Any) -> None:
    store = shelf.empty("sqlite")
    said = PARAMS | {"states": '["paused"]', "ids": '["a"]'}
    for text in texts():
        told = "EXPLAIN QUERY PLAN " + for_sqlite(text)
        plan = " ".join(row[3] for row in store.look(lambda tx, told=told: tx.rows(told, **said)))
        assert "SCAN" not in plan.replace("SCAN json_each", ""), (text, plan)
        assert "TEMP B-TREE" not in plan or "repository_id" in text, (text, plan)


def test_postgresql_reads_agents_from_indexes(untouched: Any, shelf: Any) -> None:
    store, place = untouched
    yard = Yard(store, shelf.clock)
    for _ in range(50):
        yard.ask_agent(yard.agent())
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("ANALYZE; SET enable_seqscan = off; SET enable_bitmapscan = off")
        for text in texts():
            told = "EXPLAIN " + for_postgres(text)
            said = PARAMS | {"states": ["paused"], "ids": ["a"]}
            plan = " ".join(row[0] for row in connection.execute(told, said))
            assert "Seq Scan" not in plan, (text, plan)
            assert "Sort" not in plan or "repository_id" in text or "GROUP BY" in text, (text, plan)


def test_an_agent_without_template_takes_the_job_that_workers_declared_under_its_name(yard: Yard) -> None:
    job = yard.job("echo", queue="fast")
    agent = yard.agent("Echo")
    assert (agent.id, agent.name, agent.job.name, agent.spec.queue) == (job.id, "Echo", "echo", "fast")
    run = yard.ask_agent(agent)
    assert yard.claim_one(jobs=("echo",)).run.id == run.id


@pytest.mark.parametrize("taken", ["agent", "template", "other executor"])
def test_an_agent_takes_no_job_that_is_somebody_elses(yard: Yard, taken: str) -> None:
    if taken == "agent":
        first = yard.agent("echo").job
    else:
        first = yard.job("echo", executor="ours" if taken == "other executor" else "worker")
    agent = yard.agent("echo", template="code-reviewer" if taken == "template" else None)
    assert (agent.id == first.id, agent.job.name) == (False, "echo-2")
