"""Agents: jobs with a profile. What they are made of, how they stand, and how their runs do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from runyard.domain.errors import IllegalMove
from runyard.domain.records import Json, Run
from runyard.domain.states import LEASED, RunState

EXECUTOR = "agent"
"""Who takes the runs of agents that are made from a template: the agents that come with the server."""
CONFIG = "config"
"""Where the metadata of an agent's run holds the configuration that counts for it."""
DAY = 86_400 * 1_000_000


class AgentProfile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What makes a job an agent."""

    template: str | None = None
    """A slug of `domain.templates`; without one its runs wait for a worker that takes the job."""
    repository_id: str | None = None
    triggers: dict[str, Any] | None = None
    """What begins runs, a type of trigger and what narrows it (`domain.hooks`); None is what its template says."""
    config: dict[str, Any] = {}


class AgentState(StrEnum):
    """Where an agent stands; only one that is deployed takes runs."""

    DRAFT = "draft"
    BUILT = "built"
    PENDING = "pending"
    DEPLOYED = "deployed"
    PAUSED = "paused"
    FAILED = "failed"
    ARCHIVED = "archived"


AGENT_MOVES: dict[tuple[AgentState, str], AgentState] = {  # (from, verb): to
    **{(state, "archive"): AgentState.ARCHIVED for state in AgentState},
    (AgentState.DEPLOYED, "pause"): AgentState.PAUSED,
    (AgentState.PAUSED, "resume"): AgentState.DEPLOYED,
}


def agent_moved(state: AgentState, verb: str) -> AgentState:
    """The state after the verb. Raises `IllegalMove`."""
    to = AGENT_MOVES.get((state, verb))
    if to is None:
        raise IllegalMove(f"an agent that is {state} cannot {verb}", state=state.value)
    return to


class AgentRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a job is as an agent, as far as agents are listed by it."""

    job_id: str
    project_id: int
    template: str | None
    repository_id: str | None
    state: AgentState
    created_at: int
    updated_at: int
    deleted_at: int | None = None


class Phase(StrEnum):
    """How a run of an agent stands, as those who watch agents tell runs apart."""

    QUEUED = "queued"
    RUNNING = "running"
    DECIDING = "deciding"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"


_PHASES = {
    **dict.fromkeys(LEASED - {RunState.CLAIMED} | {RunState.WAITING, RunState.PAUSED}, Phase.RUNNING),
    RunState.COMPLETED: Phase.SUCCEEDED,
    RunState.TIMED_OUT: Phase.TIMED_OUT,
    RunState.CANCELED: Phase.CANCELED,
    **dict.fromkeys(
        {RunState.FAILED, RunState.CRASHED, RunState.SYSTEM_FAILED, RunState.EXPIRED, RunState.DEAD_LETTER},
        Phase.FAILED,
    ),
}


def phase_of(run: Run, *, begun: bool) -> Phase:
    """How the run stands. One that has `begun` and waits for its next try or for its turn to go on is running."""
    if run.state is RunState.WAITING and run.waiting_for is not None and run.waiting_for.kind == "decision":
        return Phase.DECIDING
    return _PHASES.get(run.state, Phase.RUNNING if begun else Phase.QUEUED)


TRIGGERS = frozenset({"manual", "push", "pull_request", "schedule", "webhook", "retry", "api"})
_TRIGGER_OF = {"cron": "schedule", "replay": "retry"}


def trigger_of(word: str) -> str:
    """What began a run, in the words for agents."""
    word = _TRIGGER_OF.get(word, word)
    return word if word in TRIGGERS else "api"


class AgentRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of an agent as people watch it; findings are those of the last attempt that told any."""

    run_id: str
    project_id: int
    job_id: str
    repository_id: str | None
    phase: Phase
    created_at: int
    began_at: int | None
    """When work began first; it stays when the run is tried again or goes on after a wait."""
    ended_at: int | None
    effective_at: int
    """When it began, or was made while it has not: what lists go by, and whose day it counts for."""
    trigger: str
    event: str | None
    pr_number: int | None
    facts: Json | None
    """`RunFacts` as JSON."""
    errors: int = 0
    warnings: int = 0
    infos: int = 0
    findings_attempt: int | None = None
    """The attempt whose findings count; None before any were told."""
    files_reviewed: int | None = None
    lines_analyzed: int | None = None
    summary: str | None = None

    @property
    def has_results(self) -> bool:
        """Whether its executor reported what it found, if only that it found nothing."""
        return self.findings_attempt is not None

    @property
    def findings(self) -> int:
        """How many findings count."""
        return self.errors + self.warnings + self.infos

    @property
    def duration(self) -> int | None:
        """From begin to end, in milliseconds."""
        if self.began_at is None or self.ended_at is None:
            return None
        return max(0, self.ended_at - self.began_at) // 1000


def followed(row: AgentRun, before: Run, run: Run) -> AgentRun:
    """The row as it stands after its run moved."""
    # A try that failed may have said only then when it began; the run that waits for the next one has forgotten it.
    times = (row.began_at, before.started_at, run.started_at)
    began = next((time for time in times if time is not None), None)
    reopened = row.ended_at is not None and run.finished_at is None and row.has_results
    return msgspec.structs.replace(
        row,
        # Attempts are counted from one again: what the last one found must not pass for what the next one finds.
        findings_attempt=0 if reopened else row.findings_attempt,
        phase=phase_of(run, begun=began is not None),
        began_at=began,
        ended_at=run.finished_at,
        effective_at=row.created_at if began is None else began,
    )


Tally = tuple[int, ...]
TALLIED = ("total", "succeeded", "failed", "duration_ms", "durations", "errors", "warnings", "infos")
"""What is summed over the runs of a day, in this order, before the counts of what is kept in each phase."""
KEPT = tuple(Phase)


def tally(row: AgentRun) -> Tally:
    """What the run adds to the sums of its day."""
    return (*_lasting(row), *(int(row.phase is phase) for phase in KEPT))


def _lasting(row: AgentRun) -> Tally:
    duration = row.duration
    return (
        1,
        int(row.phase is Phase.SUCCEEDED),
        int(row.phase in {Phase.FAILED, Phase.TIMED_OUT}),
        duration or 0,
        int(duration is not None),
        row.errors,
        row.warnings,
        row.infos,
    )


def parting(row: AgentRun) -> Tally:
    """What changes in the sums of its day when the run is deleted by age: it is kept no longer, and stays counted."""
    return (*(0 for _ in TALLIED), *(-int(row.phase is phase) for phase in KEPT))


EVER = -1
"""Stands for all days together, where sums are kept by day."""


def day_of(row: AgentRun) -> int:
    """The day it counts for, since 1970 in UTC."""
    return row.effective_at // DAY


class PullRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The pull request a run is about."""

    number: int
    title: str | None = None
    author: str | None = None
    url: str | None = None


class Commit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The commit a run is about."""

    sha: str
    message: str | None = None


class RunFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run's payload says of its occasion."""

    pull_request: PullRequest | None = None
    commit: Commit | None = None
    repository: str | None = None
    """Id or full name of the repository."""

    @property
    def pr_number(self) -> int | None:
        """The number of the pull request."""
        return None if self.pull_request is None else self.pull_request.number


_LARGEST = 2**53


def facts_of(payload: Mapping[str, Any]) -> RunFacts:
    """The pull request, commit and repository that a payload names; what makes no sense there is not taken."""
    return RunFacts(
        pull_request=_pull_request(payload),
        commit=_commit(payload.get("commit")),
        repository=_repository(payload.get("repository")),
    )


def _pull_request(payload: Mapping[str, Any]) -> PullRequest | None:
    said = payload.get("pull_request")
    said = said if isinstance(said, dict) else {"number": said}
    number = said.get("number", payload.get("pr_number"))
    if number is None:
        number = payload.get("pr_number")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < _LARGEST:
        return None
    author = said.get("author", said.get("user"))
    author = author.get("login") if isinstance(author, dict) else author
    url = said.get("html_url", said.get("url"))
    return PullRequest(number=number, title=_text(said.get("title")), author=_text(author), url=_url(url))


def _commit(said: object) -> Commit | None:
    if isinstance(said, str):
        said = {"sha": said}
    if not isinstance(said, dict):
        return None
    sha = _text(said.get("sha", said.get("id")))
    return None if not sha else Commit(sha=sha, message=_text(said.get("message")))


def _repository(said: object) -> str | None:
    if isinstance(said, dict):
        said = said.get("id") if isinstance(said.get("id"), str) else said.get("full_name", said.get("name"))
    return _text(said)


def _text(said: object) -> str | None:
    return said[:1000] if isinstance(said, str) and said and "\0" not in said else None


def _url(said: object) -> str | None:
    found = _text(said)
    return found if found is not None and found.startswith(("https://", "http://")) and " " not in found else None
