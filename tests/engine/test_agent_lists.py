"""Lists of runs of agents: the right ones, in order, in numbered pages with exact totals, along indexes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from runyard.domain.agents import DAY, AgentRun, Phase
from runyard.domain.errors import NotFound
from runyard.domain.records import Run
from runyard.domain.watching import Wanted
from runyard.engine import agent_lists, agent_runs, retention
from runyard.engine.agent_lists import AgentRunPage, Stretch, stretches
from runyard.storage.sql import for_postgres, for_sqlite
from runyard.storage.statements import agent_days
from runyard.storage.statements import agent_lists as sql
from runyard.storage.statements import agent_runs as rows_sql
from tests.support.yard import Yard

DONE = (Phase.FAILED, Phase.TIMED_OUT)
HOUR = 3600 * 1_000_000


def repository(yard: Yard, name: str) -> str:
    """A connected repository."""
    made, now = yard.store.look(lambda tx: (tx.new_id(), tx.now))
    text = (
        "INSERT INTO repositories (id, project_id, provider, full_name, default_branch, private, created_at, "
        "updated_at) VALUES (:id, :project_id, 'local', :name, 'main', 0, :now, :now)"
    )
    yard.store.transact(lambda tx: tx.run(text, id=made, project_id=yard.project_id, name=name, now=now))
    return made


def page(yard: Yard, *, offset: int = 0, limit: int = 100, **wanted: Any) -> AgentRunPage:
    """A page of the project's runs of agents."""
    return yard.store.look(agent_lists.page, Wanted(project_id=yard.project_id, **wanted), offset=offset, limit=limit)


def ids(found: AgentRunPage) -> list[str]:
    """The ids on a page."""
    return [one.row.run_id for one in found.runs]


def everything(yard: Yard) -> list[AgentRun]:
    """The rows of all runs of the project, in the order of lists."""
    found = yard.store.look(lambda tx: tx.rows(f"SELECT {rows_sql.COLUMNS} FROM agent_runs"))
    rows = [row for row in map(rows_sql.from_row, found) if row.project_id == yard.project_id]
    return sorted(rows, key=lambda row: (row.effective_at, row.run_id), reverse=True)


def meets(row: AgentRun, wanted: Wanted) -> bool:
    """Whether a run meets all that is wanted."""
    return all(
        (
            wanted.agent_id in {None, row.job_id},
            wanted.repository_id in {None, row.repository_id},
            wanted.trigger in {None, row.trigger},
            wanted.pr_number in {None, row.pr_number},
            wanted.phases is None or row.phase in wanted.phases,
            wanted.since is None or row.effective_at > wanted.since,
            wanted.until is None or row.effective_at < wanted.until,
        )
    )


def live(yard: Yard, dice: random.Random, count: int) -> dict[str, Sequence[Any]]:
    """Runs of several agents over several days, in all phases; what lists may be narrowed by."""
    repositories = [repository(yard, f"owner/{name}") for name in "ab"]
    agents = [yard.agent("one", repository_id=repositories[0]), yard.agent("two"), yard.agent("three")]
    for _ in range(count):
        payload = dice.choice([{}, {"pr_number": dice.randint(1, 3)}, {"repository": dice.choice(repositories)}])
        run = yard.ask_agent(dice.choice(agents), payload, trigger=dice.choice(["manual", "push", "schedule"]))
        act(yard, dice, run)
        if dice.random() < 0.5:
            yard.clock.forward(hours=dice.choice([0, 1, 7, 24, 24 * 9]))
    return {
        "agent_id": [None, *(agent.id for agent in agents)],
        "repository_id": [None, *repositories],
        "trigger": [None, "push", "manual"],
        "pr_number": [None, None, None, 1],
        "phases": [None, (Phase.QUEUED,), (Phase.SUCCEEDED,), DONE, (Phase.RUNNING, Phase.DECIDING)],
    }


def act(yard: Yard, dice: random.Random, run: Run) -> None:
    """Let something become of the run."""
    what = dice.choice(["leave", "start", "complete", "fail", "decide", "cancel"])
    if what == "leave":
        return
    if what == "cancel":
        yard.cancel(run)
        return
    granted = yard.claim_one()
    yard.start(granted)
    match what:
        case "complete":
            yard.complete(granted)
        case "fail":
            yard.fail(granted, retryable=dice.random() < 0.3)
        case "decide":
            yard.park(granted, "decision")


@pytest.mark.parametrize("seed", range(3))
def test_every_page_of_every_list_holds_what_a_look_at_all_runs_finds(yard: Yard, seed: int):
    dice = random.Random(seed)
    choices = live(yard, dice, 60)
    rows = everything(yard)
    times = [row.effective_at for row in rows]
    edges = [None, *times, *(at // DAY * DAY for at in times), times[0] + 1, times[-1] - 1, 0]
    for _ in range(150):
        said: dict[str, Any] = {name: dice.choice(values) for name, values in choices.items()}
        said |= {"since": dice.choice([None, dice.choice(edges)]), "until": dice.choice([None, dice.choice(edges)])}
        wanted = Wanted(project_id=1, **said)
        right = [row.run_id for row in rows if meets(row, wanted)]
        size = dice.choice([1, 3, 20])
        for offset in range(0, len(right) + size + 1, size):
            found = page(yard, offset=offset, limit=size, **said)
            assert (ids(found), found.total) == (right[offset : offset + size], len(right)), (said, offset)


def test_runs_that_were_deleted_by_age_are_on_no_page(yard: Yard):
    agent = yard.agent()
    old = yard.ask_agent(agent)
    yard.cancel(old)
    yard.clock.forward(hours=24 * 40)
    new = yard.ask_agent(agent)
    yard.store.transact(retention.delete_runs, [old.id])
    found = page(yard, agent_id=agent.id)
    assert (ids(found), found.total) == ([new.id], 1)


def test_of_runs_that_began_in_the_same_moment_the_later_id_stands_first(yard: Yard):
    agent = yard.agent()
    made = [yard.ask_agent(agent) for _ in range(5)]
    assert ids(page(yard)) == sorted((run.id for run in made), reverse=True)


def test_a_run_moves_to_the_front_when_it_begins(yard: Yard):
    agent = yard.agent()
    first = yard.ask_agent(agent)
    yard.clock.forward(seconds=1)
    second = yard.ask_agent(agent)
    assert ids(page(yard)) == [second.id, first.id]
    yard.clock.forward(seconds=1)
    yard.start(yard.claim_one())
    assert ids(page(yard)) == [first.id, second.id]


def test_other_projects_agents_and_repositories_have_no_runs_here(yard: Yard):
    other = Yard(yard.store, yard.clock, project_id=2)
    agent = yard.agent(repository_id=repository(yard, "owner/mine"))
    yard.ask_agent(agent)
    repository_id = agent.profile.repository_id
    assert page(yard, agent_id=agent.id, repository_id=repository_id).total == 1
    for said in ({}, {"agent_id": agent.id}, {"repository_id": repository_id}, {"agent_id": ""}, {"repository_id": ""}):
        assert page(other, **said) == AgentRunPage(runs=[], total=0)
    assert page(yard, repository_id="").total == 0, "runs without repository are of no repository that has no name"


def test_a_run_is_shown_with_the_names_of_its_agent_and_repository_and_what_it_used(yard: Yard):
    agent = yard.agent("Code Reviewer", template="code-reviewer", repository_id=repository(yard, "owner/repo"))
    run = yard.ask_agent(agent)
    (only,) = page(yard).runs
    assert (only.agent.id, only.agent.name, only.agent.template) == (agent.id, "Code Reviewer", "code-reviewer")
    assert only.repository is not None
    assert only.repository.full_name == "owner/repo"
    assert (only.spent.id, only.spent.input_tokens) == (run.id, 0)


def test_a_run_that_is_of_no_agent_is_found_and_not_listed(yard: Yard):
    ad_hoc, of_job = yard.create(), yard.create(job=yard.job("build").name)
    assert page(yard).total == 0
    for run, name in ((ad_hoc, ""), (of_job, "build")):
        found, watched = yard.store.look(agent_lists.find, 1, run.id)
        assert (found.id, watched.row.phase, watched.agent.name) == (run.id, Phase.QUEUED, name)
        assert (watched.agent.id, watched.repository) == (run.job_id, None)
        assert agent_runs.facts_in(watched.row).commit is None
    with pytest.raises(NotFound):
        yard.store.look(agent_lists.find, 2, ad_hoc.id)


def test_days_without_any_are_passed_over_unless_an_index_has_nothing_else():
    days = [(100, 3), (99, 2), (90, 5), (80, 1)]
    assert stretches(days, 0, 4, whole=False) == [Stretch(first=99, last=100, offset=0, n=4)]
    assert stretches(days, 4, 5, whole=False) == [
        Stretch(first=99, last=99, offset=1, n=1),
        Stretch(first=90, last=90, offset=0, n=4),
    ]
    assert stretches(days, 2, 100, whole=True) == [Stretch(first=80, last=100, offset=2, n=9)]
    assert stretches(days, 11, 5, whole=False) == []


INDEXES = {
    (): "agent_runs_project",
    ("agent_id",): "agent_runs_job",
    ("repository_id",): "agent_runs_repository",
    ("trigger",): "agent_runs_trigger",
    ("pr_number",): "agent_runs_pr",
    ("agent_id", "pr_number"): "agent_runs_pr",
    ("agent_id", "repository_id", "trigger", "pr_number", "phase"): "agent_runs_pr",
    ("phase",): "agent_runs_phase",
    ("agent_id", "phase"): "agent_runs_job_phase",
    ("agent_id", "trigger"): "agent_runs_job",
    ("repository_id", "phase"): "agent_runs_repository",
    ("repository_id", "trigger"): "agent_runs_repository",
    ("agent_id", "repository_id"): "agent_runs_",
}
PARAMS = {"project_id": 1, "agent_id": "a", "repository_id": "r", "trigger": "push", "pr_number": 1}
PARAMS |= {"low": 0, "high": 10, "n": 5, "offset": 5, "reach": 10, "phase0": "failed", "phase1": "timed_out"}
PARAMS |= {"phases": '["failed"]', "first": 0, "last": 9}


def texts(names: tuple[str, ...]) -> list[str]:
    """The statements of a list narrowed so."""
    plain = tuple(name for name in names if name != "phase")
    phases = [1, 2] if "phase" in names else [0]
    return [*(sql.ids_text(plain, number) for number in phases), sql.count_text(plain, phases[0])]


def test_sqlite_reads_every_list_from_its_index_in_order(shelf):
    store = shelf.empty("sqlite")

    def plan_of(text: str) -> str:
        text = "EXPLAIN QUERY PLAN " + for_sqlite(text)
        return " ".join(row[3] for row in store.look(lambda tx: tx.rows(text, **PARAMS)))

    for names, index in INDEXES.items():
        for text in texts(names):
            plan = plan_of(text)
            assert f"INDEX {index}" in plan, (names, plan)
            assert "SCAN agent_runs" not in plan, (names, plan)
            if "UNION" not in text:
                assert "TEMP B-TREE" not in plan, (names, plan)
    for names in ((), ("agent_id",), ("repository_id",), ("agent_id", "trigger"), ("trigger",)):
        plan = plan_of(agent_days.text(("total",), names))
        assert "SCAN" not in plan, (names, plan)
        assert "TEMP B-TREE" not in plan, (names, plan)
    assert "SEARCH agent_runs USING COVERING INDEX" in plan_of(sql.OLDEST)
    assert "SEARCH agent_runs USING COVERING INDEX" in plan_of(sql.NEWEST)


def test_postgresql_reads_every_list_from_its_index_in_order(untouched, shelf):
    store, place = untouched
    yard = Yard(store, shelf.clock)
    agent = yard.agent(repository_id=repository(yard, "owner/repo"))
    for _ in range(300):
        yard.ask_agent(agent, {"pr_number": 1})
        yard.clock.forward(hours=1)
    said = PARAMS | {"agent_id": agent.id, "repository_id": agent.profile.repository_id, "trigger": "manual"}
    said |= {"low": shelf.clock.now() - 100 * HOUR, "high": shelf.clock.now(), "phases": ["queued"], "last": 10**6}
    said["phase0"] = "queued"
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("ANALYZE; SET enable_seqscan = off; SET enable_bitmapscan = off")

        def plan_of(text: str) -> str:
            return " ".join(row[0] for row in connection.execute("EXPLAIN " + for_postgres(text), said))

        for names in INDEXES:
            for text in texts(names):
                plan = plan_of(text)
                assert f"using {'agent_runs_pr ' if 'pr_number' in names else 'agent_runs_'}" in plan, (names, plan)
                assert "Index Cond" in plan, (names, plan)
                if "UNION" not in text:
                    assert "Sort" not in plan, (names, plan)
        for names in ((), ("agent_id",), ("repository_id",), ("trigger",)):
            plan = plan_of(agent_days.text(("total",), names))
            assert "Seq Scan" not in plan, (names, plan)
