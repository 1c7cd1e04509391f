"""Commands for agents, held to what each method takes (contract §7.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.errors import Refused
from runyard.dialects.posthog.forms import Field, Path, Read, wrong
from runyard.domain.coding import Entry, entry_id
from runyard.web.entries import entry_out
from runyard.web.talking import CANCEL, MESSAGE

METHODS = (MESSAGE, CANCEL, "close", "permission_response", "set_config_option")
WHAT = "params"
MOST_IDS = 100
"""How many artifacts one message may name."""


def _identity(value: Any, path: Path) -> Any:
    # A number with a point is kept as it was written.
    if isinstance(value, bool) or not isinstance(value, str | int | msgspec.Raw):
        wrong("invalid_input", "A request's id is a string, a number or null.", path)
    return value


def _said(value: Any, path: Path) -> str:
    if not isinstance(value, str):
        wrong("invalid_input", "Not a valid string.", path)
    if not value:
        wrong("blank", "This field may not be blank.", path)
    return value


def _text(value: Any, path: Path) -> str:
    if not isinstance(value, str):
        wrong("invalid_input", "Not a valid string.", path)
    return value


def _content(value: Any, path: Path) -> Any:
    if isinstance(value, list):
        return forms.listed(forms.mapping(), least=1)(value, path)
    if not _said(value, path).strip():
        wrong("blank", "This field may not be blank.", path)
    return value


def _answers(value: Any, path: Path) -> Any:
    return {name: _text(one, (*path, name)) for name, one in forms.mapping()(value, path).items()}


def _needed(read: Read) -> Field:
    return Field(read, required=True)


COMMAND: forms.Form = {
    "jsonrpc": _needed(forms.choice("2.0")),
    "method": _needed(forms.choice(*METHODS)),
    WHAT: Field(forms.mapping(), default={}),
    "id": Field(_identity, default=None, null=True),
}
PARAMS: Mapping[str, forms.Form] = {
    MESSAGE: {
        "content": Field(_content),
        "artifact_ids": Field(forms.listed(_said, least=1, most=MOST_IDS)),
        "artifacts": Field(forms.listed(forms.mapping(), least=1)),
        "messageId": Field(_said),
        "steer": Field(forms.flag()),
    },
    "permission_response": {
        "requestId": _needed(_said),
        "optionId": _needed(_said),
        "customInput": Field(_text),
        "answers": Field(_answers),
    },
    "set_config_option": {"configId": _needed(_said), "value": _needed(_said)},
}


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it was asked for."""

    method: str
    params: dict[str, Any]
    id: Any = None


def command(said: dict[str, Any]) -> Command:
    """What was asked for, its parameters held to its method and otherwise as they were. Raises `FieldError`."""
    method, params = said["method"], said[WHAT]
    found = forms.fill(PARAMS.get(method, {}), params, (WHAT,))
    if method == MESSAGE and found.keys().isdisjoint(("content", "artifact_ids", "artifacts")):
        wrong("required", "A message has `content`, or names artifacts by `artifact_ids`.", (WHAT, "content"))
    return Command(method=method, params=params, id=said["id"])


def forwarded(asked: Command, manifest: Sequence[Entry]) -> dict[str, Any]:
    """The parameters as the agent gets them: artifacts in the place of their ids. Raises `Refused` for unknown ids."""
    ids = asked.params.get("artifact_ids") if asked.method == MESSAGE else None
    if ids is None:
        return asked.params
    entries = {entry_id(entry.artifact_id): entry for entry in manifest}
    wanted = forms.names(ids)
    missing = [one for one in wanted if one not in entries]
    if missing:
        raise Refused("the run has no artifacts with some of these ids", missing_artifact_ids=missing)
    rest = {name: value for name, value in asked.params.items() if name != "artifact_ids"}
    return {**rest, "artifacts": [*rest.get("artifacts", []), *(entry_out(entries[one]) for one in wanted)]}
