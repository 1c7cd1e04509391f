"""Tasks, sessions and where they work and talk, in the SDK: it says and understands what the native API does."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

import msgspec
import pytest

from runyard.dialects.native.wire import (
    bridges,
    channels,
    inbox,
    profiles,
    reviews,
    scheduler,
    sessions,
    task_claims,
    task_operating,
    task_runs,
    task_verbs,
    tasks,
    timelines,
    workspaces,
)
from runyard.sdk import Client, models, room_fields, task_fields
from runyard.sdk.calls import channels as channel_calls
from runyard.sdk.calls import reviews as review_calls
from runyard.sdk.calls import session_leases
from runyard.sdk.calls import sessions as session_calls
from runyard.sdk.calls import task_runs as run_calls
from tests.sdk.test_client import ClientOf, Recorder

ANSWERS: dict[Any, str] = {
    tasks: "Task TaskNode TaskTree",
    task_runs: "TaskRun Who",
    task_verbs: "AskedRun TaskDependency",
    task_claims: "TaskClaim TaskClaimOut",
    timelines: "TaskEvent",
    profiles: "TaskProfile",
    task_operating: "RunSession TaskRunDetail ForceResult ForceResults Succession Inspection",
    reviews: "Review ReviewClaim Judged",
    inbox: "Triage InboxItem InboxGroup Inbox Latency QueueDepth ActiveRun TaskStats",
    scheduler: "Scheduler Drained QueuedRun Backlog",
    sessions: "Permissions Session SessionDetail SessionEvent Prompt Taken Work Situation",
    channels: "Channel SeenChannel Message Received",
    workspaces: "Workspace Persona",
    bridges: "Bridge BridgeTarget ResolvedTarget Subscription",
}
TASK = {"id": "t", "title": "Write", "status": "ready"}
RUN = {"id": "r", "task_id": "t", "state": "claimed", "output": {"n": 1}}


def names(struct: Any) -> set[str]:
    """The fields of a shape."""
    return {field.encode_name for field in msgspec.structs.fields(struct)}


def test_every_field_of_an_answer_is_known() -> None:
    for wire, said in ANSWERS.items():
        for name in said.split():
            assert names(getattr(wire, name)) == names(getattr(models, name)), name
    assert names(task_operating.Finding) == names(models.TaskTrouble)


@pytest.mark.parametrize(
    ("mine", "theirs", "besides"),
    [
        (task_fields.TaskFields, tasks.TaskIn, {"title"}),
        (task_fields.TaskChanges, tasks.TaskPatch, set()),
        (task_fields.RunWishes, task_verbs.RunWish, set()),
        (task_fields.ProfileFields, profiles.TaskProfileIn, set()),
        (task_fields.SessionFields, sessions.SessionIn, set()),
        (task_fields.SpawnFields, sessions.SpawnIn, set()),
        (task_fields.PermissionFields, sessions.Permissions, set()),
        (task_fields.WorkspaceChanges, workspaces.WorkspacePatch, set()),
        (task_fields.WorkspaceChanges, workspaces.WorkspaceIn, {"root_dir"}),
        (room_fields.PersonaFields, workspaces.PersonaIn, set()),
        (room_fields.PersonaFields, workspaces.NewPersona, {"name", "workspace_id"}),
        (room_fields.BridgeFields, bridges.BridgeIn, {"name"}),
        (room_fields.BridgeChanges, bridges.BridgePatch, set()),
        (room_fields.SubscriptionFields, bridges.SubscriptionIn, set()),
        (room_fields.MessageFields, channels.MessageIn, set()),
    ],
)
def test_what_may_be_said_is_what_is_understood(mine: type, theirs: Any, besides: set[str]) -> None:
    assert set(get_type_hints(mine)) | besides == names(theirs)


@pytest.mark.parametrize(
    ("build", "theirs", "path"),
    [
        (review_calls.request, reviews.ReviewIn, {"run_id"}),
        (review_calls.claim, reviews.ReviewClaimIn, set()),
        (review_calls.verdict, reviews.VerdictIn, {"review_id"}),
        (run_calls.end, task_operating.EndIn, {"run_id"}),
        (run_calls.force_fail_many, task_operating.ForceFailManyIn, set()),
        (session_leases.claim, task_claims.TaskClaimIn, set()),
        (session_leases.complete, task_claims.TaskCompleteIn, {"run_id"}),
        (session_leases.fail, task_claims.TaskFailIn, {"run_id"}),
        (session_leases.release, task_claims.TaskReleaseIn, {"run_id"}),
        (session_leases.heartbeat, task_claims.LeaseHeartbeatIn, {"run_id"}),
        (session_calls.prompt, sessions.PromptIn, {"session_id"}),
        (session_calls.take_prompts, sessions.TakeIn, {"session_id"}),
        (session_calls.receive, channels.ReceiveIn, {"session_id"}),
        (channel_calls.describe, channels.ChannelIn, set()),
    ],
)
def test_arguments_are_what_is_understood(build: Any, theirs: Any, path: set[str]) -> None:
    assert set(inspect.signature(build).parameters) - path == names(theirs)


def test_a_session_takes_a_run_and_reports_on_it(client_of: ClientOf) -> None:
    claim = {"claim": {"task": TASK, "run": RUN, "seq": 7}}
    server = Recorder(claim, RUN, RUN, {"claim": None})
    client: Client = client_of(server)
    taken = client.sessions.claim("s", wait_seconds=20, capabilities=("go",))
    assert server.body == {"session_id": "s", "capabilities": ["go"], "wait_seconds": 20}
    assert "idempotency-key" not in server.last.headers, "a claim is never answered from memory"
    assert taken is not None
    assert (taken.task.has_ended, taken.run.output, taken.run.error, taken.seq) == (False, {"n": 1}, None, 7)
    client.sessions.heartbeat("s", taken.run.id, lease_seconds=60)
    assert (server.last.url.path[-21:], "idempotency-key" in server.last.headers) == ("task-runs/r/heartbeat", False)
    client.sessions.complete("s", taken.run.id, {"n": 2})
    assert server.body == {"session_id": "s", "output": {"n": 2}}
    assert server.last.headers["idempotency-key"]
    assert client.sessions.claim("s") is None


def test_what_is_taken_away_is_said_so(client_of: ClientOf) -> None:
    server = Recorder(TASK, {"data": [TASK], "next_cursor": None})
    client: Client = client_of(server)
    client.tasks.update("t", owner=None, priority=3)
    assert (server.last.method, server.body) == ("PATCH", {"owner": None, "priority": 3})
    assert [one.id for one in client.tasks.list(status="ready", query="writ", limit=5)] == ["t"]
    assert dict(server.last.url.params) == {"status": "ready", "query": "writ", "limit": "5"}
