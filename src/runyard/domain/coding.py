"""Coding: tasks that change a repository, and their runs, which agents work on in sandboxes or outside. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from runyard.domain.policy import SECOND, Policy
from runyard.domain.records import Json, Run
from runyard.domain.states import FINAL, RUN_MOVES, RunState

EXECUTOR = "sandbox"
"""Who takes runs of coding tasks."""
INSIDE, OUTSIDE = "default", "outside"
"""The queues of runs that a sandbox is opened for, and of those that somebody works on by other means."""
POLICY = Policy(max_attempts=1, dead_letter=False, lease=60 * SECOND, lost_leases=3, idempotency_window=None)
"""An agent is not asked twice by itself; a run whose server went away goes to another sandbox."""
CONNECT_TOKEN = "sandbox_connect_token"  # noqa: S105 (its name)
"""What of a run's state is never told: it opens the sandbox."""
SANDBOX, ADDRESS, KID = "sandbox_id", "sandbox_url", "sandbox_jwt_kid"
"""The parts of a run's state that say which sandbox it has, where that is, and which key it knows callers by."""
SERVERS = frozenset({SANDBOX, ADDRESS, CONNECT_TOKEN, KID})
"""Parts of a run's state that the server sets, and people who run it."""
SETTLED = frozenset({"github_credential_source", "pr_authorship_mode"})
"""Parts that are set with the run, if at all."""
RESUMED = "resume_from_run_id"
"""The part that says which run of the task it goes on from."""
MODES = ("interactive", "background")
"""How agents work: with a person at it, or by themselves."""
TITLE = 255


class CodingTask(msgspec.Struct, frozen=True, gc=False):
    """What stands beside a task that changes a repository. Built from rows by position."""

    task_id: str
    project_id: int
    number: int | None
    """Counts the project's coding tasks, from 0; None of a task that was not made as one."""
    titled: int
    """1 when somebody chose the title; else it was taken from the description."""
    product: str
    """Where the task came from."""
    repository: str | None
    """`owner/name`, lowercase."""
    integration: int | None
    output_schema: Json | None
    """What the output of its runs must look like, as JSON Schema."""
    creator: str | None
    """The id of the key that made it."""
    creator_number: int
    created_at: int
    updated_at: int
    deleted_at: int | None
    """When it was put out of sight; its runs are out of sight with it."""
    latest_run_id: str | None
    latest_state: RunState | None


class CodingRun(msgspec.Struct, frozen=True, gc=False):
    """What stands beside a run of such a task. Built from rows by position."""

    run_id: str
    project_id: int
    task_id: str
    number: int
    """Its attempt at the task."""
    sandboxed: int
    """1 when the server opens a sandbox for it; 0 when somebody works on it outside."""
    stage: str | None
    """A free label of how far the work is."""
    branch: str | None
    state: Json
    """An object that server and agent share."""
    sealed: str | None
    """The connect token of its sandbox, sealed."""
    created_at: int
    updated_at: int
    entries: int
    """How many lines its log was given as they were."""
    relayed: int
    """1 once what happens in its sandbox is streamed from there: then its log says nothing new. 2 when that is over."""
    ingested: int
    """The number of the last event that the sandbox pushed, 0 before the first."""
    streamed_at: int | None
    """When the sandbox said that nothing more will come."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact as the run's manifest has it."""

    artifact_id: str
    name: str
    kind: str
    source: str
    content_type: str
    size: int
    sha256: str
    path: str
    metadata: Json | None
    at: int


class CodingSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a coding task as it is shown."""

    run: Run
    row: CodingRun
    manifest: tuple[Entry, ...] = ()

    @property
    def updated_at(self) -> int:
        """When anything of it was written last."""
        return max(self.run.updated_at, self.row.updated_at)


class TaskSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A coding task as it is shown: with its title and text, and its latest run."""

    row: CodingTask
    title: str
    description: str
    project: str = ""
    """The name of its project."""
    creator: str | None = None
    """The name of the key that made it."""
    updated_at: int = 0
    latest: CodingSeen | None = None


# -- where a run may be brought without a lease ---------------------------------------------------------------------

WANTED = (
    RunState.DRAFT,
    RunState.QUEUED,
    RunState.RUNNING,
    RunState.COMPLETED,
    RunState.FAILED,
    RunState.CANCELED,
)
"""The states that whoever works on a run outside may say it is in."""
SAME: Mapping[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.SCHEDULED, RunState.QUEUED, RunState.CLAIMED, RunState.NEEDS_ATTENTION}),
    RunState.RUNNING: frozenset({RunState.RUNNING, RunState.WAITING, RunState.PAUSED}),
}
"""States that count as one of those: saying that it is in it changes nothing."""
VERBS = frozenset(
    {
        "publish",
        "run_now",
        "claim",
        "start",
        "complete",
        "fail",
        "force_fail",
        "cancel",
        "release",
        "resume",
        "requeue",
        "wake",
        "withdraw",
    }
)
"""What somebody without a lease may do to bring it there."""


@lru_cache(maxsize=256)
def way(state: RunState, wanted: RunState) -> tuple[str, ...]:
    """The verbs that bring a run from one state into another, as few as possible; none where it is there or has ended.

    The first end is the last one: what is said of an ended run later is passed over.
    """
    if state in FINAL or state is wanted or state in SAME.get(wanted, ()):
        return ()
    if wanted is RunState.CANCELED:
        return ("cancel",)
    ways: deque[tuple[RunState, tuple[str, ...]]] = deque([(state, ())])
    seen = {state}
    while ways:
        here, verbs = ways.popleft()
        if here is wanted:
            return verbs
        for (source, verb), to in RUN_MOVES.items():
            if source is here and verb in VERBS and to not in seen:
                seen.add(to)
                ways.append((to, (*verbs, verb)))
    return ()


# -- objects that several write ------------------------------------------------------------------------------------


def merged(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    removed: Iterable[str] = (),
    appended: Mapping[str, Any] | None = None,
    kept: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """The object after others wrote parts of it: first what is removed goes, then what is new takes its place.

    What is appended goes behind the list of that name, as one value or as the values of a list. Names that are to be
    kept are passed over everywhere.
    """
    gone = set(removed) - kept
    found = {name: value for name, value in old.items() if name not in gone}
    found |= {name: value for name, value in new.items() if name not in kept}
    for name, value in (appended or {}).items():
        if name not in kept:
            before = found.get(name)
            found[name] = [
                *(before if isinstance(before, list) else []),
                *(value if isinstance(value, list) else [value]),
            ]
    return found


# -- names ---------------------------------------------------------------------------------------------------------


def title_of(description: str) -> str:
    """A title for a task that was given none: the beginning of its description, or a word that says there is none."""
    line = next((line.strip() for line in description.splitlines() if line.strip()), "")
    return line if len(line) <= TITLE else line[: TITLE - 1].rstrip() + "…"


def prefix_of(project: str) -> str:
    """What the project's task numbers stand behind: its first three capitals, or else letters and digits."""
    capitals = re.findall(r"[A-Z]", project)
    if len(capitals) >= 3:
        return "".join(capitals[:3])
    return "".join(re.findall(r"[A-Za-z0-9]", project)[:3]).upper() or "TSK"


def safe_name(name: str) -> str:
    """The last part of a path, as a file may be called."""
    last = name.replace("\\", "/").rpartition("/")[2].strip()
    return last if last not in ("", ".", "..") else "artifact"


def number_of(creator: str) -> int:
    """A number for those who know people by numbers: the same for one key at all times, below 2**48."""
    return int.from_bytes(blake2b(creator.encode(), digest_size=6).digest())


def named_uuid(name: str) -> str:
    """An id in the form of a UUID (version 8) for what has a name alone, the same at all times."""
    digits = blake2b(name.encode(), digest_size=16).hexdigest()
    digits = f"{digits[:12]}8{digits[13:16]}8{digits[17:]}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def entry_id(artifact_id: str) -> str:
    """The artifact's id as manifests have it: 32 hexadecimal digits, of which the first eight tell files apart."""
    digits = artifact_id.replace("-", "")
    return digits[16:] + digits[:16]
