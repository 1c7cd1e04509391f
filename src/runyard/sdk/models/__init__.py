"""What the server answers, typed. Fields a newer server adds are ignored; those an older one lacks have a default.

Values of the caller (payloads, outputs, checkpoints …) are decoded when first looked at: `raw_…` holds their text.
"""

from runyard.sdk.models.agents import Agent, AgentHealth, AgentRuns, AgentTemplate, AgentTemplates
from runyard.sdk.models.approvals import Approval, Decision
from runyard.sdk.models.assignments import AssignedCommit, AssignedPullRequest, AssignedRepository, Assignment
from runyard.sdk.models.debug import DebugBundle, Sample
from runyard.sdk.models.findings import Action, Counted, Finding
from runyard.sdk.models.jobs import Job, JobVersion
from runyard.sdk.models.model import NULL, Model, Page
from runyard.sdk.models.projects import Key, Project
from runyard.sdk.models.reports import (
    ApprovalAsk,
    Claim,
    ClaimsOut,
    CompleteReport,
    FailReport,
    Failure,
    HeartbeatReport,
    ReleaseReport,
    Result,
    ResultError,
    ResultsOut,
    StartReport,
    WaitReport,
)
from runyard.sdk.models.repositories import DeliveredRun, ReceivedDelivery, RefusedRun, Repository, RepositoryHook
from runyard.sdk.models.runs import (
    FOR_A_PERSON,
    TERMINAL,
    Attempt,
    Bulk,
    DeadGroup,
    Explanation,
    Lease,
    Lineage,
    Run,
    RunsOut,
    UsageTotals,
    Why,
)
from runyard.sdk.models.secrets import Environment, Secret
from runyard.sdk.models.streams import Chunk, Done, Event, LogEntry, Resync
from runyard.sdk.models.triggers import EventWait, Schedule, Triggered
from runyard.sdk.models.webhooks import ProjectWebhook, WebhookDelivery, WebhookTry
from runyard.sdk.models.work import Artifact, Checkpoint, ChunksOut, LogsOut, Output, StateEntry, ToolCall, Usage

__all__ = [
    "FOR_A_PERSON",
    "NULL",
    "TERMINAL",
    "Action",
    "Agent",
    "AgentHealth",
    "AgentRuns",
    "AgentTemplate",
    "AgentTemplates",
    "Approval",
    "ApprovalAsk",
    "Artifact",
    "AssignedCommit",
    "AssignedPullRequest",
    "AssignedRepository",
    "Assignment",
    "Attempt",
    "Bulk",
    "Checkpoint",
    "Chunk",
    "ChunksOut",
    "Claim",
    "ClaimsOut",
    "CompleteReport",
    "Counted",
    "DeadGroup",
    "DebugBundle",
    "Decision",
    "DeliveredRun",
    "Done",
    "Environment",
    "Event",
    "EventWait",
    "Explanation",
    "FailReport",
    "Failure",
    "Finding",
    "HeartbeatReport",
    "Job",
    "JobVersion",
    "Key",
    "Lease",
    "Lineage",
    "LogEntry",
    "LogsOut",
    "Model",
    "Output",
    "Page",
    "Project",
    "ProjectWebhook",
    "ReceivedDelivery",
    "RefusedRun",
    "ReleaseReport",
    "Repository",
    "RepositoryHook",
    "Result",
    "ResultError",
    "ResultsOut",
    "Resync",
    "Run",
    "RunsOut",
    "Sample",
    "Schedule",
    "Secret",
    "StartReport",
    "StateEntry",
    "ToolCall",
    "Triggered",
    "Usage",
    "UsageTotals",
    "WaitReport",
    "WebhookDelivery",
    "WebhookTry",
    "Why",
]
