"""What the server in a sandbox is started with: its words and its environment."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import runyard
from runyard.domain.coding import MODES
from runyard.engine.coding.sandboxes import Equipment
from runyard.sandbox.workshops import HOME, REPOSITORY
from runyard.settings import Settings

_NAMED = {
    "POSTHOG_CODE_RUNTIME_ADAPTER": "runtime_adapter",
    "POSTHOG_CODE_MODEL": "model",
    "POSTHOG_CODE_REASONING_EFFORT": "reasoning_effort",
}


def words(equipment: Equipment, settings: Settings, *, port: int, place: str) -> list[str]:
    """The command line of the server that works on the run; `place` is its workshop as it sees it."""
    own = settings.sandbox_server_command
    command = shlex.split(own) if own else [sys.executable, "-P", "-m", "runyard", "agent-server"]
    mode = equipment.state.get("mode")
    return [
        *command,
        *("--taskId", equipment.seen.row.task_id, "--runId", equipment.seen.run.id, "--port", str(port)),
        *("--mode", mode if mode in MODES else "background"),
        *("--repositoryPath", f"{place}/{REPOSITORY}"),
    ]


def environment(
    equipment: Equipment, settings: Settings, *, url: str, token: str, key: str, sandbox: str, place: str
) -> dict[str, str]:
    """All that the server is told, besides how programs are found."""
    run = equipment.seen.run
    given = dict(one.partition("=")[::2] for one in settings.sandbox_variables)
    told = {
        **given,
        "HOME": f"{place}/{HOME}",
        "JWT_PUBLIC_KEY": key,
        "POSTHOG_API_URL": url,
        "POSTHOG_PERSONAL_API_KEY": token,
        "POSTHOG_PROJECT_ID": str(run.project_id),
        "POSTHOG_SANDBOX_ID": sandbox,
        **_chosen(equipment.state),
    }
    if equipment.resumes:
        told["POSTHOG_RESUME_RUN_ID"] = run.id
    if settings.sandbox_keep_changes:
        told["RUNYARD_KEEP_CHANGES"] = "1"
    if settings.sandbox_agent_command:
        told["RUNYARD_AGENT_COMMAND"] = settings.sandbox_agent_command
    return told


def _chosen(state: Mapping[str, Any]) -> dict[str, str]:
    """What the run says of its agent; what no environment can hold is passed over."""
    said = {name: state.get(key) for name, key in _NAMED.items()}
    return {name: value for name, value in said.items() if isinstance(value, str) and value and "\0" not in value}


def readable() -> tuple[str, ...]:
    """The folders that our own server needs to be run from, beside those of the system."""
    package = Path(runyard.__file__).parent
    prefixes = dict.fromkeys([sys.prefix, sys.base_prefix, str(Path(sys.base_prefix).resolve())])
    found = [one for one in prefixes if not Path(one).is_relative_to("/usr")]
    if not any(package.is_relative_to(one) for one in [*found, "/usr"]):
        found.append(str(package))
    return tuple(found)
