"""What a run begins with: the first prompt, and the settings that were asked for (contract §10.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from runyard.agent_server import prompts, resume
from runyard.agent_server.agent import Agent
from runyard.agent_server.launch import Launch
from runyard.agent_server.resume import Past
from runyard.agent_server.rpc import PeerGone, RpcError

CONTINUE = "Continue where you left off."


class FollowUp(Struct, frozen=True, kw_only=True):
    """A message that waits for the first turn to be over."""

    content: str
    id: str | None = None


class Beginning(Struct, frozen=True, kw_only=True):
    """What the agent is told first, and what is done with it afterwards."""

    message: str | None = None
    message_id: str | None = None
    artifact_ids: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    """Told to the agent, and shown to nobody."""
    follow_ups: tuple[FollowUp, ...] = ()
    remove_keys: tuple[str, ...] = ()


def state(run: dict[str, Any]) -> dict[str, Any]:
    """The state of a run; what is no object is an empty one."""
    found = run.get("state")
    return found if isinstance(found, dict) else {}


def beginning(launch: Launch, task: dict[str, Any], run: dict[str, Any], *, resumes: bool) -> Beginning:
    """What this run begins with."""
    known = state(run)
    artifacts = known.get("pending_user_artifact_ids")
    ids = tuple(one for one in artifacts if isinstance(one, str)) if isinstance(artifacts, list) else ()
    pending = _said(known.get("pending_user_message"))
    message = pending or _said(known.get("initial_prompt_override"))
    if message is None and not ids and known.get("prewarmed") is not True:
        message = CONTINUE if resumes else _said(task.get("description"))
    extra = []
    if message is not None or ids:
        extra = [said for said in (prompts.instructions(launch, run), _schema(task)) if said]
    return Beginning(
        message=message,
        message_id=_said(known.get("pending_user_message_id")) if pending or ids else None,
        artifact_ids=ids,
        extra=tuple(extra),
        follow_ups=tuple(_follow_ups(known.get("pending_followup_messages"))),
        remove_keys=tuple(sorted(name for name in known if name.startswith("pending_"))),
    )


def blocks(begin: Beginning, past: Past | None) -> list[dict[str, Any]]:
    """The first prompt; who does not remember the past is told it."""
    message = begin.message or ""
    told = resume.prompt(past, message) if past is not None else message
    return [prompts.text(said) for said in (told, *begin.extra) if said]


async def choose(agent: Agent, category: str, wanted: str) -> str | None:
    """Choose among what the agent offers; why that cannot be, if it cannot."""
    for option in agent.config_options:
        if option.get("category") == category and wanted in _values(option):
            try:
                await agent.set_option(str(option.get("id")), wanted)
            except (RpcError, PeerGone) as error:
                return f"The agent does not take {wanted}: {error}"
            return None
    return f"The agent offers no choice of {category.replace('_', ' ')} {wanted}"


def structured(answer: str) -> dict[str, Any]:
    """The JSON object in an answer: all of it, or its last block of code. Raises `ValueError`."""
    blocks = re.findall(r"```(?:json)?\s*\n(.*?)```", answer, re.DOTALL)
    for text in (answer, *reversed(blocks)):
        try:
            return msgspec.json.decode(text.encode(), type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            continue
    raise ValueError("the answer is not the JSON object that the task asks for")


def _schema(task: dict[str, Any]) -> str:
    schema = task.get("json_schema")
    if not isinstance(schema, dict):
        return ""
    text = msgspec.json.encode(schema).decode()
    return f"End with an answer that is one JSON object, and nothing else, which fits:\n{text}"


def _said(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _follow_ups(value: Any) -> Iterator[FollowUp]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict) and (content := _said(one.get("content"))):
            yield FollowUp(content=content, id=_said(one.get("id")))


def _values(option: dict[str, Any]) -> set[str]:
    """The values of a choice, which may stand in groups."""
    found = set()
    for one in option.get("options") or ():
        if isinstance(one, dict):
            found |= _values(one) if "options" in one else {str(one.get("value"))}
    return found
