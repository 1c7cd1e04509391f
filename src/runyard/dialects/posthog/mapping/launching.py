"""How runs are launched and started (contract §11)."""

from __future__ import annotations

import re
from typing import Any

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.forms import Field, Path
from runyard.dialects.posthog.wire.launching import ARTIFACT
from runyard.domain.coding import MODES
from runyard.engine.coding.launching import ARTIFACTS, REASON
from runyard.engine.coding.runs import NewCodingRun

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
STATE = (
    "mode",
    "pending_user_message",
    ARTIFACTS,
    "sandbox_environment_id",
    "runtime_adapter",
    "model",
    "reasoning_effort",
    "initial_permission_mode",
    "pr_authorship_mode",
    "run_source",
)
"""What is said of a launch and kept in the run's state."""


def _uuid(value: Any, path: Path) -> str:
    found = value.strip().lower() if isinstance(value, str) else ""
    if _UUID(found) is None:
        forms.wrong("invalid", "Must be a valid UUID.", path)
    return found


_free = Field(forms.text(blank=True), null=True)
LAUNCH: forms.Form = {
    "mode": Field(forms.choice(*MODES), default="background"),
    "branch": Field(forms.text(longest=255), null=True, default=None),
    "resume_from_run_id": Field(_uuid, null=True, default=None),
    "pending_user_message": Field(forms.text(trim=False), null=True),
    ARTIFACTS: Field(forms.listed(forms.text(longest=ARTIFACT))),
    "sandbox_environment_id": Field(_uuid, null=True),
    "runtime_adapter": Field(forms.choice("claude", "codex"), null=True),
    **dict.fromkeys(("model", "reasoning_effort", "initial_permission_mode", "run_source"), _free),
    "pr_authorship_mode": Field(forms.choice("user", "bot"), null=True),
}
START: forms.Form = {
    "pending_user_message": Field(forms.text(blank=True, trim=False), null=True),
    ARTIFACTS: Field(forms.listed(forms.text(longest=ARTIFACT))),
}
CANCEL: forms.Form = {"reason": Field(forms.text(longest=REASON, blank=True), null=True, default=None)}


def new_run(said: dict[str, Any]) -> NewCodingRun:
    """The run to launch."""
    return NewCodingRun(branch=said["branch"], state=state(said))


def state(said: dict[str, Any]) -> dict[str, Any]:
    """What of it goes into the run's state: all that was said and is not empty."""
    return {name: said[name] for name in STATE if said.get(name)}
