"""The environment a managed run's program starts with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from runyard.domain.records import Run
from runyard.engine.managed import Equipment

INLINE = 64 << 10
"""Bytes of a payload or a checkpoint that fit into the environment; larger ones are fetched."""
ERROR = 8 << 10


def environment(
    run: Run,
    equipment: Equipment,
    *,
    url: str,
    token: str,
    secrets: Mapping[str, str],
    variables: Mapping[str, str],
) -> dict[str, str]:
    """All that the program is told; secrets and variables are open."""
    told = {
        **variables,
        **{f"STRAIT_SECRET_{name}": value for name, value in secrets.items()},
        "STRAIT_RUN_ID": run.id,
        "STRAIT_JOB_SLUG": run.job_name or "",
        "STRAIT_ATTEMPT": str(run.attempt),
        "STRAIT_API_URL": url,
        "STRAIT_SDK_TOKEN": token,
        "STRAIT_MEMORY_LIMIT_MB": str(equipment.preset.memory_mb),
    }
    if len(run.payload.encode()) <= INLINE:
        told["STRAIT_PAYLOAD"] = run.payload
    else:
        told["STRAIT_PAYLOAD_MODE"] = "fetch"
    return told | _again(run, equipment) if run.attempt > 1 else told


def _again(run: Run, equipment: Equipment) -> dict[str, str]:
    """What a later attempt is told of the ones before."""
    told = {}
    kept = equipment.checkpoint
    if kept is not None and len(kept.state.encode()) <= INLINE:
        told["STRAIT_LAST_CHECKPOINT"] = kept.state
        at = datetime.fromtimestamp(kept.at / 1_000_000, UTC).replace(microsecond=0)
        told["STRAIT_CHECKPOINT_AT"] = at.isoformat().replace("+00:00", "Z")
    if run.error is not None:
        told["STRAIT_PREVIOUS_ERROR"] = _message(run.error)
    return told


def _message(error: str) -> str:
    said: Any = msgspec.json.decode(error)
    text = str(said.get("message", error)) if isinstance(said, dict) else str(said)
    return text.replace("\0", "\ufffd").encode()[:ERROR].decode(errors="ignore")
