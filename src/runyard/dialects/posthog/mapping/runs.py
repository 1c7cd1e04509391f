"""Runs, both ways (contract §3, §4)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.forms import Field
from runyard.dialects.posthog.mapping.values import STATUS, WANTED, instant_or_none
from runyard.dialects.posthog.wire.runs import TaskRunDetail
from runyard.domain.canonical import decoded
from runyard.domain.coding import CONNECT_TOKEN, MODES, CodingSeen
from runyard.domain.states import RunState
from runyard.engine.coding.changes import Change
from runyard.engine.coding.runs import NewCodingRun
from runyard.web.entries import entry_out, instant

_json = msgspec.json.Encoder()
STATUSES = tuple(WANTED)
PROVIDERS = {"claude": "anthropic", "codex": "openai"}
BOOT = (
    "sandbox_environment_id",
    "runtime_adapter",
    "model",
    "reasoning_effort",
    "initial_permission_mode",
    "pr_authorship_mode",
    "run_source",
)
"""What may be said of a new run beside its state, and is kept there (contract §4)."""
_free = Field(forms.text(blank=True), null=True)
CREATE: forms.Form = {
    "status": Field(forms.choice(*STATUSES), default="not_started"),
    "environment": Field(forms.choice("local", "cloud"), default="cloud"),
    "stage": Field(forms.text(longest=100), null=True, default=None),
    "branch": Field(forms.text(longest=255), null=True, default=None),
    "error_message": Field(forms.text(blank=True, trim=False), null=True, default=None),
    "output": Field(forms.anything(), null=True, default=None),
    "state": Field(forms.anything(), default={}),
    "mode": Field(forms.choice(*MODES)),
    **dict.fromkeys(BOOT, _free),
    "runtime_adapter": Field(forms.choice("claude", "codex"), null=True),
    "pr_authorship_mode": Field(forms.choice("user", "bot"), null=True),
}
UPDATE: forms.Form = {
    "status": Field(forms.choice(*STATUSES)),
    "branch": Field(forms.text(longest=255), null=True),
    "stage": Field(forms.text(longest=100), null=True),
    "output": Field(forms.anything(), null=True),
    "state": Field(forms.anything()),
    "error_message": Field(forms.text(blank=True, trim=False), null=True),
    "state_remove_keys": Field(forms.listed(forms.text(), least=1)),
    "state_append": Field(forms.mapping()),
    "environment": Field(forms.choice("local")),
}
OUTPUT: forms.Form = {"output": Field(forms.anything(), default={}, null=True)}


def new_run(said: dict[str, Any]) -> NewCodingRun:
    """A run to make, as it was asked for; what is said of how it begins is copied into its state."""
    given = said["state"]
    state = dict(given) if isinstance(given, dict) else {}
    state["mode"] = said.get("mode", state.get("mode", "background"))
    state |= {name: said[name] for name in BOOT if said.get(name) is not None}
    output = said["output"]
    return NewCodingRun(
        queued=said["status"] == "queued",
        sandboxed=said["environment"] == "cloud",
        stage=said["stage"],
        branch=said["branch"],
        error=said["error_message"],
        output=_json.encode(output).decode() if output is not None else None,
        state=state,
    )


def first_state(said: dict[str, Any]) -> RunState | None:
    """The state a new run is brought into after it was made, where that is neither made nor queued."""
    wanted = WANTED[said["status"]]
    return None if wanted in (RunState.DRAFT, RunState.QUEUED) else wanted


def change(said: dict[str, Any], *, trusted: bool) -> Change:
    """What to change of a run; a shared state that is no object says nothing."""
    state = said.get("state")
    return Change(
        state=WANTED[said["status"]] if "status" in said else UNSET,
        stage=said.get("stage", UNSET),
        branch=said.get("branch", UNSET),
        error=said.get("error_message", UNSET),
        output=said.get("output", UNSET),
        shared=state if isinstance(state, dict) else {},
        removed=tuple(said.get("state_remove_keys", ())),
        appended=said.get("state_append", {}),
        outside="environment" in said,
        trusted=trusted,
    )


def run_out(seen: CodingSeen, log_url: str) -> TaskRunDetail:
    """The run as the dialect shows it."""
    run, row = seen.run, seen.row
    state: dict[str, Any] = decoded(row.state)
    state.pop(CONNECT_TOKEN, None)
    adapter = _word(state.get("runtime_adapter"), ("claude", "codex"))
    return TaskRunDetail(
        id=run.id,
        task=row.task_id,
        stage=row.stage,
        branch=row.branch,
        status=STATUS[run.state],
        environment="cloud" if row.sandboxed else "local",
        log_url=log_url,
        error_message=error_message(run.error),
        output=msgspec.Raw(run.output.encode()) if run.output is not None else None,
        state=state,
        artifacts=[entry_out(entry) for entry in seen.manifest],
        created_at=instant(run.created_at),
        updated_at=instant(seen.updated_at),
        completed_at=instant_or_none(run.finished_at),
        runtime_adapter=adapter,
        provider=_word(state.get("provider"), ("anthropic", "openai")) or PROVIDERS.get(adapter or ""),
        model=_word(state.get("model")),
        reasoning_effort=_word(state.get("reasoning_effort")),
    )


def _word(value: Any, words: tuple[str, ...] | None = None) -> str | None:
    return value if isinstance(value, str) and (words is None or value in words) else None


def error_message(error: str | None) -> str | None:
    """What is said of why a run failed."""
    if error is None:
        return None
    said = decoded(error)
    return str(said.get("message", "")) if isinstance(said, dict) else str(said)
