"""What is said to the agents of coding runs, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.dialects.native.mapping.values import lenient_id, when
from runyard.dialects.native.wire import coding as wire
from runyard.domain.coding import Entry
from runyard.domain.errors import Invalid
from runyard.web.entries import entry_out
from runyard.web.errors import AgentFailed
from runyard.web.signed_tokens import expiry


class _Fault(msgspec.Struct, frozen=True):
    message: str = ""


class _Result(msgspec.Struct, frozen=True):
    stop_reason: str = msgspec.field(name="stopReason", default="")
    message: str | None = msgspec.field(name="assistant_message", default=None)
    error: str | None = None
    reason: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: _Fault | None = None


_answer = msgspec.json.Decoder(_Answer).decode
_result = msgspec.json.Decoder(_Result).decode


def message(data: wire.CodingMessageIn, manifest: Sequence[Entry]) -> dict[str, Any]:
    """The message as the agent gets it. Raises `Invalid` for files that the run does not have."""
    said: dict[str, Any] = {"content": data.text}
    if data.message_id is not None:
        said["messageId"] = data.message_id
    if data.steer:
        said["steer"] = True
    if data.artifact_ids:
        entries = {entry.artifact_id: entry for entry in manifest}
        wanted = list(dict.fromkeys(map(lenient_id, data.artifact_ids)))
        missing = [one for one in wanted if one not in entries]
        if missing:
            raise Invalid(f"the run has no files with these ids: {', '.join(missing)}; its `manifest` lists them")
        said["artifacts"] = [entry_out(entries[one]) for one in wanted]
    return said


def done(body: bytes) -> msgspec.Raw:
    """What came of a command. Raises `AgentFailed` when the agent refused it, or says what is no answer."""
    try:
        said = _answer(body)
    except msgspec.ValidationError:
        raise AgentFailed("the agent server answered with something that is no JSON-RPC answer") from None
    if said.error is not None:
        raise AgentFailed(f"the agent refused: {said.error.message or 'it does not say why'}")
    return said.result


def answer_out(body: bytes) -> wire.CodingAnswer:
    """How the turn ended. Raises `AgentFailed`."""
    try:
        result = _result(done(body))
    except msgspec.ValidationError as error:
        raise AgentFailed(f"the agent server does not say how the turn ended: {error}") from None
    return wire.CodingAnswer(
        stop_reason=result.stop_reason, message=result.message, error=result.error or result.reason
    )


def token_out(token: str, url: str | None) -> wire.CodingToken:
    """A token, and where it is good."""
    return wire.CodingToken(token=token, expires_at=when(expiry(token)), url=url)
