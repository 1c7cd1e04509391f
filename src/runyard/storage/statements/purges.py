"""SQL of purges: what is left of deleted jobs and projects, taken away in slices."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.storage.port import Insert, Tx
from runyard.storage.statements import runs

ADD = Insert(
    "purges",
    {"project_id": "bigint", "job_id": "text", "at": "bigint"},
    "ON CONFLICT (project_id, job_id) DO NOTHING",
)
NOTE_JOB = Insert(
    "deleted_jobs",
    {"job_id": "text", "project_id": "bigint", "at": "bigint"},
    "ON CONFLICT (job_id) DO NOTHING",
)
NEXT_JOBS = "SELECT project_id, job_id FROM deleted_jobs ORDER BY at LIMIT :n {skip_locked}"
JOBS_DONE = "DELETE FROM deleted_jobs WHERE job_id {among ids}"
JOBS_LEFT = "SELECT 1 FROM deleted_jobs WHERE project_id = :project_id LIMIT 1"
NEXT = "SELECT project_id, job_id FROM purges ORDER BY at LIMIT 1 {skip_locked}"
DONE = "DELETE FROM purges WHERE project_id = :project_id AND job_id = :job_id"
LIVE_OF_JOB = "SELECT id FROM runs WHERE job_id = :job_id AND finished_at IS NULL ORDER BY id LIMIT :n"
ENDED_OF_JOB = "SELECT id FROM runs WHERE job_id = :job_id AND finished_at IS NOT NULL ORDER BY finished_at LIMIT :n"
OF_STATE = "SELECT id FROM runs WHERE project_id = :project_id AND state = :state ORDER BY id DESC NULLS LAST LIMIT :n"
JOBS = "SELECT id FROM jobs WHERE project_id = :project_id ORDER BY id LIMIT :n"
LIVE = "SELECT 1 FROM runs WHERE project_id = :project_id AND state = :state LIMIT 1"


class Part(msgspec.Struct, frozen=True):
    """A table whose rows belong to a project or a job, and the columns that tell them apart."""

    table: str
    key: str
    owner: str = "project_id"
    below: str = ""
    """The table of what its rows belong to, where that is what belongs to the owner."""

    @property
    def delete(self) -> str:
        """Deletes at most `n` of the owner's rows."""
        mine = f"{self.owner} = :owner"
        if self.below:
            mine = f"{self.owner} IN (SELECT id FROM {self.below} WHERE project_id = :owner)"
        return (
            f"DELETE FROM {self.table} WHERE ({self.key}) IN "
            f"(SELECT {self.key} FROM {self.table} WHERE {mine} LIMIT :n)"
        )


OF_JOB = (
    # There are few of these, and so they are gone with the first slice, at once.
    Part("job_secrets", "job_id, name", "job_id"),
    Part("schedules", "job_id", "job_id"),
    Part("agents", "job_id", "job_id"),
    Part("job_versions", "job_id, version", "job_id"),
    Part("debounced", "job_id, name", "job_id"),
    Part("buffered", "job_id, name, id", "job_id"),
    Part("buffers", "job_id, name", "job_id"),
    Part("payload_marks", "job_id, hash", "job_id"),
    Part("agent_days", "project_id, day, job_id, repository_id, trigger", "job_id"),
)
"""What goes with a job; nothing of it is found without the job."""
OF_PROJECT = (
    Part("environments", "id"),
    Part("event_waits", "id"),
    Part("endpoints", "project_id, url"),
    Part("repositories", "id"),
    Part("hook_receipts", "repository_id, delivery"),
    Part("deliveries", "id", "webhook_id", "webhooks"),
    Part("webhooks", "id"),
    Part("batches", "id"),
    Part("bulks", "id"),
    Part("replies", "project_id, key_hash, route"),
    Part("idempotency_keys", "project_id, scope, name"),
    Part("lanes", "id"),
    Part("rates", "project_id, name"),
    Part("claimers", "project_id, executor, worker, queues, jobs, capabilities"),
    Part("cap_changes", "job_id"),
    Part("zone_changes", "project_id"),
    # What belongs to a task is found by the task, for which there are indexes.
    Part("task_events", "seq", "task_id", "tasks"),
    Part("task_runs", "run_id", "task_id", "tasks"),
    Part("task_dependencies", "task_id, depends_on_id", "task_id", "tasks"),
    Part("task_texts", "project_id, task_id"),
    Part("reviews", "id", "task_id", "tasks"),
    Part("subscriptions", "id", "task_id", "tasks"),
    Part("triage", "project_id, actor_kind, actor_ref, task_id"),
    Part("triage_sums", "project_id, actor_kind, actor_ref, workspace_id, owner_kind, owner_ref, lane"),
    Part("tasks", "id"),
    Part("task_sums", "project_id, workspace_id, owner_kind, owner_ref, channel, origin_kind"),
    Part(
        "task_run_sums",
        "project_id, workspace_id, owner_kind, owner_ref, channel, origin_kind, run_channel, run_origin_kind",
    ),
    Part("schedulers", "project_id"),
    Part("coding_tasks", "task_id"),
    Part("coding_numbers", "project_id"),
    Part("transcripts_kept", "task_id"),
    Part("forcings", "project_id, agent, task_id, minute"),
    Part("bridges", "id"),
    Part("session_prompts", "id", "session_id", "sessions"),
    Part("session_events", "session_id, number", "session_id", "sessions"),
    Part("channel_reads", "session_id, channel", "session_id", "sessions"),
    Part("sessions", "id"),
    Part("channel_messages", "id"),
    Part("channels", "project_id, name"),
    Part("personas", "project_id, workspace_id, name"),
    Part("workspaces", "id"),
    Part("events", "project_id, seq"),
    Part("api_keys", "id"),
)


def add(tx: Tx, project_id: int, job_id: str) -> None:
    """Remember that a job's history, or ('') everything of a project, is to go."""
    tx.insert(ADD, [(project_id, job_id, tx.now)])


def note_jobs(tx: Tx, project_id: int, job_ids: Sequence[str]) -> None:
    """Remember that there may be something left of these deleted jobs."""
    tx.insert(NOTE_JOB, [(job_id, project_id, tx.now) for job_id in job_ids])


def next_jobs(tx: Tx, n: int) -> list[tuple[int, str]]:
    """(project, job) of those that were noted first and that nobody else works on, locked."""
    return [(row[0], row[1]) for row in tx.rows(NEXT_JOBS, n=n)]


def jobs_done(tx: Tx, job_ids: Sequence[str]) -> None:
    """Nothing is left of these jobs."""
    tx.run(JOBS_DONE, ids=list(job_ids))


def jobs_left(tx: Tx, project_id: int) -> bool:
    """Whether there may be something left of a deleted job of the project."""
    return tx.row(JOBS_LEFT, project_id=project_id) is not None


def next_one(tx: Tx) -> tuple[int, str] | None:
    """The oldest that nobody else works on, locked."""
    row = tx.row(NEXT)
    return (row[0], row[1]) if row is not None else None


def done(tx: Tx, project_id: int, job_id: str) -> None:
    """Nothing is left of it."""
    tx.run(DONE, project_id=project_id, job_id=job_id)


def runs_of_job(tx: Tx, job_id: str, n: int) -> list[Run]:
    """Some runs of the job, those that have not ended first, locked."""
    ids = [row[0] for row in tx.rows(LIVE_OF_JOB, job_id=job_id, n=n)]
    ids = ids or [row[0] for row in tx.rows(ENDED_OF_JOB, job_id=job_id, n=n)]
    return list(runs.lock(tx, ids).values())


def runs_of_project(tx: Tx, project_id: int, n: int) -> list[Run]:
    """Some runs of the project, locked."""
    ids: list[str] = []
    for state in RunState:
        if len(ids) < n:
            ids += [row[0] for row in tx.rows(OF_STATE, project_id=project_id, state=state.value, n=n - len(ids))]
    return list(runs.lock(tx, ids).values())


def jobs(tx: Tx, project_id: int, n: int) -> list[str]:
    """Some jobs of the project."""
    return [row[0] for row in tx.rows(JOBS, project_id=project_id, n=n)]


def is_busy(tx: Tx, project_id: int, states: Sequence[str]) -> bool:
    """Whether a run of the project is in one of these states."""
    return any(tx.row(LIVE, project_id=project_id, state=state) is not None for state in states)


def delete(tx: Tx, part: Part, owner: int | str, n: int) -> int:
    """Delete at most so many rows of one table; how many went."""
    return tx.run(part.delete, owner=owner, n=n)
