"""Coding tasks, sandboxes and threads in the SDK: what it says and understands is what the native API has."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

import httpx2
import msgspec
import pytest

from runyard.dialects.native.wire import coding, sandboxes, threads
from runyard.sdk import Client, coding_fields, models
from runyard.sdk.calls import coding as calls
from tests.sdk.test_client import ClientOf, Recorder

ANSWERS: dict[Any, str] = {
    coding: "CodingTask CodingRun CodingFile CodingAnswer CodingToken",
    sandboxes: "Sandbox Sandboxes",
    threads: "Thread Relay",
}
TASK = {"id": "t", "title": "Mend it"}
RUN = {"run_id": "r", "task_id": "t", "state": "queued", "shared": {"mode": "interactive"}, "output": None}


def names(struct: Any) -> set[str]:
    """The fields of a shape."""
    return {field.encode_name for field in msgspec.structs.fields(struct)}


def test_every_field_of_an_answer_is_known() -> None:
    for wire, said in ANSWERS.items():
        for name in said.split():
            assert names(getattr(wire, name)) == names(getattr(models, name)), name


@pytest.mark.parametrize(
    ("mine", "theirs", "besides"),
    [
        (coding_fields.CodingTaskFields, coding.CodingTaskIn, {"description"}),
        (coding_fields.CodingTaskChanges, coding.CodingTaskPatch, set()),
        (coding_fields.CodingRunFields, coding.CodingRunIn, set()),
        (coding_fields.CodingRunChanges, coding.CodingRunPatch, set()),
    ],
)
def test_what_may_be_said_is_what_is_understood(mine: type, theirs: Any, besides: set[str]) -> None:
    assert set(get_type_hints(mine)) | besides == names(theirs)


def test_arguments_are_what_is_understood() -> None:
    assert set(inspect.signature(calls.start_run).parameters) - {"run_id"} == names(coding.CodingRunStart)
    assert set(inspect.signature(calls.say).parameters) - {"run_id"} == names(coding.CodingMessageIn)
    # There is no other service yet.
    assert set(inspect.signature(calls.set_thread).parameters) | {"service"} == names(threads.PutThread) | {"run_id"}
    assert coding_fields.Told == coding.Told


def test_a_task_is_run_taken_outside_and_reopened(client_of: ClientOf) -> None:
    server = Recorder(TASK, RUN, RUN, RUN, {"data": [TASK], "next_cursor": None})
    client: Client = client_of(server)
    made = client.coding_tasks.create("Mend it", repository="acme/shop")
    assert (made.title, server.body) == ("Mend it", {"description": "Mend it", "repository": "acme/shop"})
    run = client.coding_tasks.run(made.id, branch="mend", shared={"mode": "interactive"})
    assert (run.shared, run.output, run.error) == ({"mode": "interactive"}, None, None)
    assert server.body == {"branch": "mend", "shared": {"mode": "interactive"}}
    client.coding_runs.update(run.run_id, outside=True, stage=None)
    assert (server.last.method, server.body) == ("PATCH", {"outside": True, "stage": None})
    client.coding_runs.reopen(run.run_id)
    assert server.last.url.path.endswith("/coding-runs/r/reopen")
    assert [one.id for one in client.coding_tasks.list(state=["queued", "running"], text="mend")] == ["t"]
    assert dict(server.last.url.params) == {"state": "queued,running", "query": "mend"}


def test_a_message_is_sent_again_under_the_name_it_had(client_of: ClientOf) -> None:
    answer = {"stop_reason": "end_turn", "message": "done", "error": None}
    server = Recorder(httpx2.Response(502, json={"detail": "broke off", "code": "agent_failed"}), answer, {})
    client: Client = client_of(server)
    assert client.coding_runs.say("r", "go on").message == "done"
    first, second = (msgspec.json.decode(request.content) for request in server.requests)
    assert first == second == {"text": "go on", "message_id": first["message_id"]}
    assert server.last.extensions["timeout"]["read"] > 600
    client.coding_runs.interrupt("r")
    assert server.last.url.path.endswith("/coding-runs/r/interrupt")
