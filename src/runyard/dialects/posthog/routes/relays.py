"""What agents say in chat threads (contract §8)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.errors import NotNow
from runyard.dialects.posthog.forms import Field
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.people import own
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.wire.relays import RelayMessageRequest, RelayMessageResponse
from runyard.domain.errors import Unavailable
from runyard.domain.threads import chosen
from runyard.engine.coding import runs, threads
from runyard.web.call import Call

TEXT = 10_000
MESSAGE: forms.Form = {
    "text": Field(forms.text(longest=TEXT), required=True),
    "text_parts": Field(forms.listed(forms.text(longest=TEXT, blank=True)), default=None, null=True),
    "message_id": Field(forms.text(longest=128, blank=True), null=True),
    "trace_id": Field(forms.text(blank=True), null=True),
}


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""
    return [relay_message]


@post(
    RUN + "/relay_message",
    needs="task:write",
    operation_id="tasks_runs_relay_message_create",
    tags=["task-runs"],
    status_code=200,
    body=RelayMessageRequest,
)
async def relay_message(call: Call, project_id: str, task_id: str, id: str) -> RelayMessageResponse:
    """Queue what the agent says for the run's chat thread, where it has one."""
    task, run = own(task_id, "task"), own(id, "run")
    await call.read(runs.find, call.project_id, task, run)
    said = await forms.body(call, MESSAGE)
    text = chosen(said["text"], said["text_parts"])
    try:
        relay_id = await call.write(threads.say, call.project_id, task, run, text)
    except Unavailable as error:
        raise NotNow(f"the message could not be queued: {error.detail}") from None
    if relay_id is None:
        return RelayMessageResponse(status="skipped")
    return RelayMessageResponse(status="accepted", relay_id=relay_id)
