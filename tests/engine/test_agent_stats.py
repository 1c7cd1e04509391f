"""Statistics of agents: whatever becomes of runs, they are what a look at everything that was ever there comes to."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runyard.domain.agents import DAY, TALLIED
from runyard.domain.errors import DomainError
from runyard.domain.findings import NewFinding
from runyard.domain.states import FINAL, RunState
from runyard.domain.watching import PERIODS, Wanted, Watch, rounded
from runyard.engine import agent_lists, agent_stats, fences, findings, jobs, retention
from runyard.engine.agent_stats import Spell, Sums
from runyard.engine.agents import Agent
from runyard.engine.claims import Granted
from runyard.storage.port import Tx
from runyard.storage.statements import agent_days
from tests.engine.test_agent_lists import repository
from tests.support.plans import plan
from tests.support.stores import Shelf
from tests.support.yard import SECOND, Yard, all_runs

HOUR = 3600 * SECOND
UNSUCCESSFUL = {
    RunState.FAILED,
    RunState.TIMED_OUT,
    RunState.CRASHED,
    RunState.SYSTEM_FAILED,
    RunState.EXPIRED,
    RunState.DEAD_LETTER,
}


@dataclass(frozen=True)
class Fact:
    """A run as its own rows have it: nothing here was ever added up."""

    agent_id: str
    repository_id: str | None
    effective_at: int
    state: RunState
    duration_ms: int | None
    severities: Counter[str]


def facts(tx: Tx) -> dict[str, Fact]:
    """Every run of an agent that is there, from its row, its attempts, its findings and its agent's profile."""
    began: dict[str, int] = {}
    for run_id, at in tx.rows("SELECT run_id, started_at FROM attempts WHERE started_at IS NOT NULL"):
        began[run_id] = min(at, began.get(run_id, at))
    found: dict[str, Counter[str]] = {}
    for run_id, severity in tx.rows("SELECT run_id, severity FROM findings WHERE current = 1"):
        found.setdefault(run_id, Counter())[severity] += 1
    about: dict[str, str | None] = dict(tx.rows("SELECT job_id, repository_id FROM agents"))
    told = {}
    for run in all_runs(tx):
        if run.job_id is None or run.job_id not in about:
            continue
        times = [at for at in (began.get(run.id), run.started_at) if at is not None]
        start = min(times) if times else None
        duration = None
        if start is not None and run.finished_at is not None:
            duration = (run.finished_at - start) // 1000
        told[run.id] = Fact(
            agent_id=run.job_id,
            repository_id=about[run.job_id],
            effective_at=run.created_at if start is None else start,
            state=run.state,
            duration_ms=duration,
            severities=found.get(run.id, Counter()),
        )
    return told


def lasting(yard: Yard, **profile: Any) -> Agent:
    """An agent whose runs may be worked on for days."""
    agent = yard.agent(**profile)
    policy = {"lease": DAY // 2, "timeout": DAY, "max_attempts": 2}
    yard.store.transact(jobs.update, 1, agent.id, policy=policy)
    return agent


@dataclass
class Life:
    """Runs of two agents, one of them with a repository, and whatever becomes of them."""

    yard: Yard
    agents: list[Agent] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    held: dict[str, Granted] = field(default_factory=dict)
    gone: dict[str, Fact] = field(default_factory=dict)
    """What runs were that were deleted by age since."""

    def __post_init__(self) -> None:
        about = repository(self.yard, "owner/repo")
        self.agents = [lasting(self.yard, repository_id=about), lasting(self.yard)]

    def do(self, step: tuple[str, int, int]) -> None:
        """Do one thing to the run of that number, if it can be done."""
        what, which, amount = step
        if what == "ask":
            self.runs.append(self.yard.ask_agent(self.agents[which % 2]).id)
        elif what == "pass":
            self.yard.after(seconds=amount * 1800)
        elif self.runs:
            with suppress(DomainError):
                getattr(self, what)(self.runs[which % len(self.runs)], amount)

    def claim(self, run_id: str, amount: int) -> None:
        for granted in self.yard.claim():
            self.held[granted.run.id] = granted

    def start(self, run_id: str, amount: int) -> None:
        self.yard.start(self.held[run_id]) if run_id in self.held else self.claim(run_id, amount)

    def work(self, run_id: str, amount: int) -> None:
        """Claim and start what is in front."""
        for granted in self.yard.claim():
            self.held[granted.run.id] = granted
            self.yard.start(granted)

    def complete(self, run_id: str, amount: int) -> None:
        if run_id in self.held:
            self.yard.complete(self.held[run_id])

    def fail(self, run_id: str, amount: int) -> None:
        if run_id in self.held:
            if self.yard.state(run_id) is RunState.CLAIMED:
                self.yard.start(self.held[run_id])
            self.yard.fail(self.held[run_id], retryable=[True, False, None][amount % 3])

    def release(self, run_id: str, amount: int) -> None:
        if run_id in self.held:
            self.yard.release(self.held[run_id])

    def park(self, run_id: str, amount: int) -> None:
        if run_id in self.held:
            self.yard.park(self.held[run_id], ["decision", "event"][amount % 2])

    def pause(self, run_id: str, amount: int) -> None:
        self.yard.pause(run_id)

    def resume(self, run_id: str, amount: int) -> None:
        self.yard.resume(run_id)

    def cancel(self, run_id: str, amount: int) -> None:
        self.yard.cancel(run_id)

    def retry(self, run_id: str, amount: int) -> None:
        self.runs.append(self.yard.retry(run_id).id)

    def replay(self, run_id: str, amount: int) -> None:
        self.runs.append(self.yard.replay(run_id).id)

    def requeue(self, run_id: str, amount: int) -> None:
        self.yard.requeue(run_id)

    def discard(self, run_id: str, amount: int) -> None:
        self.yard.discard(run_id)

    def tell(self, run_id: str, amount: int) -> None:
        """Tell findings, some of them not for the first time."""
        writer = fences.Writer(project_id=1, run_id=run_id)
        severities: tuple[Any, ...] = ("error", "warning", "info")
        told = tuple(
            NewFinding(severity=severities[number % 3], type="t", message=str(number)) for number in range(amount % 7)
        )
        self.yard.store.transact(findings.add, writer, findings.Findings(findings=told))

    def forget(self, run_id: str, amount: int) -> None:
        """Delete a run that has ended, as if by age."""
        told = self.yard.store.look(facts)
        ended = [run_id for run_id in self.runs if run_id in told and told[run_id].state in FINAL]
        if ended:
            gone = ended[amount % len(ended)]
            self.yard.store.transact(retention.delete_runs, [gone])
            self.gone[gone] = told[gone]

    def check(self) -> None:
        """Statistics and totals must be what all runs come to that ever were, and all that still are."""
        there = self.yard.store.look(facts)
        now = self.yard.clock.now()
        about = self.agents[0].profile.repository_id
        for agent_id in (None, *(agent.id for agent in self.agents)):
            for repository_id in (None, about):
                kept, gone = (
                    [
                        one
                        for one in some
                        if agent_id in {None, one.agent_id} and repository_id in {None, one.repository_id}
                    ]
                    for some in (there.values(), self.gone.values())
                )
                watch = Watch(project_id=1, agent_id=agent_id, repository_id=repository_id)
                for period in PERIODS:
                    assert self.yard.store.look(agent_stats.over, watch, period) == recomputed(
                        [*kept, *gone], period, now
                    )
                wanted = Wanted(project_id=1, agent_id=agent_id, repository_id=repository_id)
                assert self.yard.store.look(agent_lists.page, wanted, offset=0, limit=1).total == len(kept)


def recomputed(mine: list[Fact], period: str, now: int) -> Spell:
    """The sums of a period, run by run."""
    first = now // DAY - PERIODS[period] + 1
    return Spell(
        first=first,
        days=[
            summed([one for one in mine if one.effective_at // DAY == day])
            for day in range(first, first + PERIODS[period])
        ],
    )


def summed(mine: list[Fact]) -> Sums:
    """What these runs come to."""
    durations = [one.duration_ms for one in mine if one.duration_ms is not None]
    severities: Counter[str] = sum((one.severities for one in mine), Counter())
    return Sums(
        total=len(mine),
        succeeded=sum(one.state is RunState.COMPLETED for one in mine),
        failed=sum(one.state in UNSUCCESSFUL for one in mine),
        duration_ms=sum(durations),
        durations=len(durations),
        errors=severities["error"],
        warnings=severities["warning"],
        infos=severities["info"],
    )


VERBS = (
    *("ask", "work", "pass") * 3,
    *("claim", "start", "complete", "complete", "fail", "fail", "release", "park", "pause", "resume", "cancel"),
    *("retry", "replay", "requeue", "discard", "tell", "tell", "forget", "forget"),
)
EXAMPLES = {"sqlite": 60, "postgres": 20}
STEPS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 11), st.integers(0, 60)), min_size=10, max_size=60)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_statistics_are_what_all_runs_come_to(engine: str, shelf: Shelf):
    @settings(max_examples=EXAMPLES[engine], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=STEPS)
    def lived(steps: list[tuple[str, int, int]]) -> None:
        life = Life(Yard(shelf.empty(engine), shelf.clock))
        for step in steps:
            life.do(step)
        life.check()

    lived()


def over(yard: Yard, period: str = "week", **watch: Any) -> Spell:
    """A period of the project's runs."""
    return yard.store.look(agent_stats.over, Watch(project_id=yard.project_id, **watch), period)


def at_noon(yard: Yard) -> None:
    """Go to noon of the next day, in UTC."""
    now = yard.clock.now()
    yard.clock.forward(micros=(now // DAY + 1) * DAY + DAY // 2 - now)


def test_a_run_that_ends_after_midnight_counts_for_the_day_on_which_it_began(yard: Yard):
    at_noon(yard)
    yard.ask_agent(lasting(yard))
    yard.clock.forward(hours=11)
    granted = yard.claim_one()
    yard.start(granted)
    yard.clock.forward(hours=2)
    assert [day.total for day in over(yard).days[-2:]] == [1, 0]
    yard.complete(granted)
    yesterday, today = over(yard).days[-2:]
    assert (yesterday.total, yesterday.succeeded, yesterday.duration_ms) == (1, 1, 7_200_000)
    assert today == Sums()
    assert over(yard, "day").whole == Sums(), "today alone"


def test_a_window_has_as_many_days_as_its_period_and_forgets_what_was_before(yard: Yard):
    at_noon(yard)
    yard.cancel(yard.ask_agent())
    for days in range(31):
        counted = {period: over(yard, period).whole.total for period in PERIODS}
        assert counted == {"day": int(days < 1), "week": int(days < 7), "month": int(days < 30)}, days
        assert {period: len(over(yard, period).days) for period in PERIODS} == PERIODS
        yard.clock.forward(hours=24)


def test_nothing_is_told_of_another_projects_agents_and_repositories(yard: Yard):
    agent = yard.agent(repository_id=repository(yard, "owner/mine"))
    yard.ask_agent(agent)
    other = Yard(yard.store, yard.clock, project_id=2)
    for watch in ({}, {"agent_id": agent.id}, {"repository_id": agent.profile.repository_id}, {"repository_id": ""}):
        assert over(other, **watch).whole == Sums()
        assert over(yard, **watch).whole.total == int("" not in watch.values())


def test_rates_and_means_are_rounded_half_up_and_exactly():
    assert Sums(total=156, succeeded=150, failed=6).success_rate == 0.962, "the contract's own sample"
    assert Sums(total=3, succeeded=0, failed=0).success_rate == 0
    assert Sums(succeeded=1, failed=1999).success_rate == 0.001, "exactly 0.0005"
    assert Sums(succeeded=10**15 - 1, failed=1).success_rate == 1.0
    assert Sums(duration_ms=5, durations=2).mean_duration_ms == 3
    assert Sums().mean_duration_ms == 0


@given(st.integers(0, 10**18), st.integers(1, 10**18), st.integers(0, 4))
def test_rounding_is_what_fractions_say(part: int, whole: int, places: int):
    exact = Fraction(part, whole) * 10**places
    assert rounded(part, whole, places) == int(exact + Fraction(1, 2))


def test_sums_have_the_order_in_which_they_are_kept():
    assert Sums.__struct_fields__ == TALLIED


def test_statistics_are_read_from_sums_by_an_index_alone(shelf: Shelf):
    said = {"project_id": 1, "agent_id": "a", "repository_id": "r", "trigger": "t", "first": 0, "last": 9}
    indexes = {
        (): ("USING PRIMARY KEY", "agent_days_pkey"),
        ("agent_id",): ("agent_days_job", "agent_days_"),
        ("repository_id",): ("agent_days_repository", "agent_days_"),
        ("agent_id", "repository_id"): ("agent_days_", "agent_days_"),
    }
    for names, (in_sqlite, in_postgres) in indexes.items():
        text = agent_days.text(TALLIED, names)
        found = plan(shelf.bare("sqlite"), text, **said)
        assert in_sqlite in found, found
        assert "SCAN" not in found, found
        found = plan(shelf.bare("postgres"), text, **said)
        assert in_postgres in found, found
        assert "Seq Scan" not in found, found
