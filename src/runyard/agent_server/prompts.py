"""What the agent is told: words of people, files that come with them, and what this run is to do with its work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from runyard.agent_server.commands import CommandFailed
from runyard.agent_server.control import Control, ControlError
from runyard.agent_server.launch import Launch

MAX_ATTACHMENT = 30 << 20
FOLDER = ".posthog/attachments"


def text(said: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": said}


def plain(blocks: list[dict[str, Any]]) -> str:
    """The text in blocks, for who reads along."""
    return "\n".join(str(block.get("text") or "") for block in blocks if block.get("type") == "text")


def instructions(launch: Launch, run: dict[str, Any]) -> str:
    """What the agent is to do with its changes; nothing when nobody said."""
    state = run.get("state") if isinstance(run.get("state"), dict) else {}
    assert isinstance(state, dict)
    base = launch.base_branch or state.get("pr_base_branch")
    onto = f" against the branch {base}" if isinstance(base, str) and base else ""
    if launch.create_pr is False:
        return "Do not push, and do not open pull requests: leave your changes in the working folder."
    if launch.auto_publish or (launch.auto_publish is None and state.get("auto_publish") is True):
        return (
            "When the work is done, commit it on a branch of its own, push that, "
            f"and open a draft pull request{onto}, without being asked."
        )
    if launch.create_pr:
        return f"You may push a branch of your own and open a draft pull request{onto} when you are asked to."
    return f"Pull requests are opened{onto}." if onto else ""


async def attached(launch: Launch, control: Control, artifacts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Links to the run's files, which are fetched into the folder. Raises `CommandFailed`."""
    blocks = []
    for artifact in artifacts:
        path = artifact.get("storage_path")
        name = re.sub(r"[^\w.+-]", "_", Path(str(artifact.get("name") or "artifact")).name).lstrip(".") or "artifact"
        key = re.sub(r"[^\w-]", "_", str(artifact.get("id") or "")) or "file"
        if not isinstance(path, str) or not path:
            raise CommandFailed(f"The artifact {name} has no storage_path")
        try:
            content = await control.artifact(path)
        except ControlError as error:
            raise CommandFailed(f"The artifact {name} cannot be fetched: {error}") from None
        if len(content) > MAX_ATTACHMENT:
            raise CommandFailed(f"The artifact {name} is larger than {MAX_ATTACHMENT} bytes")
        place = launch.folder / FOLDER / launch.run_id / key[:64] / name[:200]
        if not place.resolve().is_relative_to(launch.folder):
            raise CommandFailed(f"{FOLDER} leads out of the working folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        link = {"type": "resource_link", "uri": place.as_uri(), "name": name, "size": len(content)}
        kind = artifact.get("content_type")
        blocks.append({**link, "mimeType": kind} if isinstance(kind, str) and kind else link)
    return blocks
