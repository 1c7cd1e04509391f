"""What a task says of itself, as options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from cyclopts import Parameter

from runyard.cli.arguments import json_value, present
from runyard.cli.failures import usage

if TYPE_CHECKING:
    from runyard.sdk.task_fields import OwnerFields

KINDS = ("human", "agent_session", "automation", "extension", "network_peer", "pool")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What may be said of a task, besides its title; an empty text takes away."""

    description: Annotated[str | None, Parameter(help="What is to be done, at length.")] = None
    priority: Annotated[int | None, Parameter(help="0 to 10, higher first (4).")] = None
    max_attempts: Annotated[int | None, Parameter(help="How many runs it may have at most, 1 to 10 (3).")] = None
    approval: Annotated[
        Literal["none", "manual"] | None, Parameter(help="Whether somebody must approve it before it is worked on.")
    ] = None
    auto_enqueue: Annotated[
        bool | None,
        Parameter(negative="--no-auto-enqueue", help="Whether a run is queued as soon as what blocks it is gone."),
    ] = None
    owner: Annotated[
        str | None, Parameter(help="Whose it is, as KIND:REF; pool:AGENT is any of its sessions, '' nobody.")
    ] = None
    channel: Annotated[str | None, Parameter(help="Only sessions of this channel are given it; '' stands for any.")] = (
        None
    )
    metadata: Annotated[str | None, Parameter(help="JSON to keep with it, @FILE, or - for input.")] = None


NOTHING = Details()


def fields(given: Details) -> dict[str, Any]:
    """What was given, by the names of the API; None takes away. Raises a usage `Failure`."""
    texts = {"description": given.description, "channel": given.channel}
    said: dict[str, Any] = {name: text or None for name, text in texts.items() if text is not None}
    if given.owner is not None:
        said["owner"] = _owner(given.owner) if given.owner else None
    if given.metadata is not None:
        said["metadata"] = json_value(given.metadata, "--metadata")
    return said | present(
        priority=given.priority,
        max_attempts=given.max_attempts,
        approval_policy=given.approval,
        auto_enqueue=given.auto_enqueue,
    )


def _owner(text: str) -> OwnerFields:
    kind, _, ref = text.partition(":")
    if kind not in KINDS or not ref:
        raise usage(f"{text!r} is no owner", f"Write KIND:REF, where KIND is one of {', '.join(KINDS)}.")
    return cast("OwnerFields", {"kind": kind, "ref": ref})
