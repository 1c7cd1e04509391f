"""What the worker does for the agents of the tests."""

from __future__ import annotations

from typing import Any

from runyard.sdk import Context, NonRetryable, Worker
from runyard.sdk.fields import FindingFields

FINDING: FindingFields = {
    "severity": "warning",
    "type": "style",
    "file": "a.py",
    "line": 3,
    "message": "Too long",
    "suggestion": "Break the line",
}


def echo(context: Context, payload: Any) -> Any:
    """Give back what it got."""
    context.log("got it", "warning", size=len(payload))
    return {"got": payload}


def broken(context: Context, payload: Any) -> Any:
    """Fail."""
    raise NonRetryable("it cannot be done")


def careful(context: Context, payload: Any) -> Any:
    """Ask a person first."""
    decision = context.approval(
        "merge", action="merge", description="Merge pull request 42", risk="high", changes=["main: 3 commits"]
    )
    return {"approved": decision.approved, "comment": decision.comment}


def thoughtful(context: Context, payload: Any) -> Any:
    """Leave something in every record."""
    context.observe("a pull request was opened")
    context.think("look at what changed")
    context.tool_call("grep", input={"q": "x"}, output=[1], status="ok", duration_ms=3)
    context.usage(model="gpt-4o", provider="openai", input_tokens=100, output_tokens=20)
    context.findings([FINDING], files_reviewed=2, lines_analyzed=100)
    context.action("comment", "Commented on the pull request", target="#42", url="https://example.com/c/1")
    return {"ok": True}


def patient(context: Context, payload: Any) -> Any:
    """Work until somebody says stop."""
    context.cancelled.wait(60)
    return {"stopped": True}


AGENTS = {"Echo": echo, "Broken": broken, "Careful": careful, "Thoughtful": thoughtful, "Patient": patient}
"""Who works for the agents of these names."""


def register(worker: Worker) -> None:
    """Take the runs of these agents: their jobs have their names in small letters."""
    for name, handler in AGENTS.items():
        worker.job(name.lower())(handler)
