"""What holds for every operation of the contract: it works, asks for its scope, and refuses what it cannot take."""

from __future__ import annotations

import pytest

from runyard.dialects.agh.mapping.values import shown
from tests.dialects.agh.client import Agh, refused
from tests.dialects.agh.contract import AghContract
from tests.dialects.agh.recipes import RECIPES, Ask, followed, send, success
from tests.support.contract import Operation
from tests.support.stand import MAX_BODY
from tests.support.verbs import NOTHING, Json

BLANK = "0" * 32
ON_TASKS = [f"task-{BLANK}", "nothing", "a" * 300, "%C3%BC", "%00", "{}", "%20", "task-", BLANK, f"TASK-{BLANK}"]
ON_OTHERS = [
    *(f"{prefix}-{BLANK}" for prefix in ("run", "review", "task", "sess", "RUN", "")),
    *("run-" + "g" * 32, "run-" + "1" * 31, "run-" + "1" * 33, "run_" + BLANK, "nothing", "a" * 300),
    *("%C3%BC", "%00", "run-%00", "..%2f..", "run_1'--", "{}", "%20", "0", BLANK, BLANK[:8] + "-0000-" + BLANK[:18]),
]
OPEN_LISTS = {"listTaskRunReviews", "listTaskReviews"}
"""What knows nothing of an id lists nothing (contract §17)."""
BODILESS = {"rejectTask", "deleteTask", "deleteTaskExecutionProfile", "removeTaskDependency"}
NEED_A_BODY = {
    *("createTask", "createChildTask", "updateTask", "addTaskDependency", "setTaskExecutionProfile", "pauseTask"),
    *("submitTaskRunReviewVerdict", "attachTaskRunSession", "failTaskRun", "forceFailTaskRun"),
    *("bulkForceFailTaskRuns", "bulkForceReleaseTaskRuns", "createTaskBridgeNotificationSubscription"),
    *("heartbeatAgentTaskRun", "completeAgentTaskRun", "failAgentTaskRun", "releaseAgentTaskRun"),
}
"""By contract §1."""
SCOPES = {"task:read", "task:write", "runs:claim", "runs:read", "runs:write"}
WRONG = {
    "integer": ("-1", "x", "1.5", "1e3", "+-1", "9" * 30),
    "boolean": ("x", "2"),
    "words": ("nonsense", "%00"),
}
every_operation = pytest.mark.parametrize("name", sorted(RECIPES))
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""For what the database has no part in."""


def perform(ask: Ask, contract: AghContract, name: str, prefix: str = "/agh") -> None:
    """Send what must succeed."""
    expected = success(contract[name])
    if name == "streamTask":
        status, first = followed(ask, prefix)
        assert (status, first.split(":")[0]) == (200, "id")
    else:
        response = send(ask, prefix=prefix)
        assert response.status_code in expected, f"{response.status_code}: {response.text}"


def test_every_operation_has_a_recipe(contract: AghContract) -> None:
    assert {one.id for one in contract.operations} == set(RECIPES)
    assert len(RECIPES) == 62


@every_operation
def test_it_works(agh: Agh, contract: AghContract, name: str) -> None:
    perform(RECIPES[name](agh), contract, name)


@on_sqlite
@every_operation
def test_it_is_for_those_who_may(agh: Agh, stranger: Agh, contract: AghContract, name: str) -> None:
    ask = RECIPES[name](agh)
    for key in (None, "short", "ry_" + "0" * 40, f"{ask.client.key}0"):
        response = send(ask, ask.client.as_key(key))
        refused(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
    wanted = {"task:read"} if ask.method == "GET" else {"task:write"}
    wanted |= {"runs:claim"} if "/api/agent/" in ask.path else set()
    refusal = refused(send(ask, ask.client.with_scopes(*SCOPES - wanted - {"task:write"})), 403)
    assert all(scope in refusal["error"] for scope in wanted), refusal
    if "{" in contract[name].template and name not in OPEN_LISTS and "/api/agent/" not in ask.path:
        refused(send(ask, stranger), 404)
    refused(send(ask, headers={"origin": "https://example.com"}), 403, "origin")
    if name != "getTaskDashboard":  # which is the same for everybody
        refuse_impostors(agh, ask)
    scoped = ask.client.with_scopes(*sorted(wanted)[:1])
    perform(Ask(method=ask.method, path=ask.path, client=scoped, body=ask.body, params=ask.params), contract, name, "")


def refuse_impostors(agh: Agh, ask: Ask) -> None:
    """Check that headers that name no session, or not wholly, are refused on every route (contract §2)."""
    known = agh.session(agent="coder")
    session = shown("sess", known.id)
    for headers, status, code in (
        ({"x-agh-session-id": session}, 401, "identity_required"),
        ({"x-agh-session-id": " ", "x-agh-agent": "coder"}, 401, "identity_required"),
        ({"x-agh-session-id": f"sess-{BLANK}", "x-agh-agent": "coder"}, 401, "identity_stale"),
        ({"x-agh-session-id": "nobody", "x-agh-agent": "coder"}, 401, "identity_stale"),
        ({"x-agh-session-id": session, "x-agh-agent": "other"}, 401, "identity_mismatch"),
        (
            {"x-agh-session-id": session, "x-agh-agent": "coder", "x-agh-workspace-id": f"ws-{BLANK}"},
            403,
            "identity_unauthorized",
        ),
    ):
        found = refused(send(ask, agh, headers=headers), status, code=code)["diagnostic"]
        assert (found["id"], found["category"]) == (f"agentidentity.{code}", "session")


@on_sqlite
@every_operation
def test_it_refuses_what_it_cannot_take(agh: Agh, contract: AghContract, name: str) -> None:
    ask = RECIPES[name](agh)
    if name not in OPEN_LISTS:
        refuse_ids(ask, contract[name])
    refuse_queries(ask, contract, contract[name])
    if "requestBody" in contract[name].spec:
        refuse_bodies(ask, contract, contract[name])
    elif name in BODILESS:  # a body where none is taken does no harm
        perform(ask, contract, name)


def refuse_ids(ask: Ask, operation: Operation) -> None:
    """Check that ids that name nothing are not found."""
    words, template = ask.path.split("/"), operation.template.split("/")
    body = {} if operation.id in {"requestTaskRunReview", "setTaskExecutionProfile"} else ask.body
    for spot in [at for at, word in enumerate(template) if word.startswith("{")]:
        for wrong in ON_TASKS if words[spot].startswith("task-") else ON_OTHERS:
            path = "/".join(wrong if at == spot else word for at, word in enumerate(words))
            refused(send(ask, path=path, body=body), 404)


def refuse_queries(ask: Ask, contract: AghContract, operation: Operation) -> None:
    """Check that numbers, flags and words of the query are read as the contract has it."""
    for field, spec in operation.parameters("query").items():
        schema = flat(contract, spec["schema"])
        kind = "words" if "enum" in schema else str(schema.get("type"))
        for text in WRONG.get(kind, ()):
            refused(send(ask, params={**ask.params, field: text}), 400, field)
        if kind == "words":
            word = schema["enum"][0]
            loud, plain = (send(ask, params={field: said}, loose=True) for said in (f" {word.upper()} ", word))
            assert loud.status_code == plain.status_code, loud.text


def refuse_bodies(ask: Ask, contract: AghContract, operation: Operation) -> None:
    """Check that bodies of a wrong form, size or type are refused, and missing ones only where one is needed."""
    right: Json = {} if ask.body is NOTHING else ask.body
    as_json = {"content-type": "application/json"}
    for content in (b"{", b"\xff\xfe{}", b"[" * 100 + b"]" * 100, b"[]", b'"text"', b"17", b"nul", b"{} {}"):
        refused(send(ask, body=NOTHING, content=content, headers=as_json), 400)
    refused(send(ask, body=NOTHING, content=b'["' + b"x" * MAX_BODY + b'"]', headers=as_json), 413)
    schema = operation.spec["requestBody"]["content"]["application/json"]["schema"]
    for field, spec in flat(contract, schema)["properties"].items():
        kind = flat(contract, spec).get("type", "any")
        if field not in {"metadata", "result", "created_at", "updated_at"}:
            odd = "odd" if "array" in kind or "object" in kind or "boolean" in kind else [1.5]
            refused(send(ask, body={**right, field: odd}, loose=True), 400)
    response = send(ask, body=NOTHING, headers=as_json, loose=True)
    if operation.id in NEED_A_BODY:
        assert response.status_code == 400, response.text
        response = send(ask, body={**right, "surprise": {"x": [1]}}, loose=True)
    assert response.status_code in success(operation), f"{response.status_code}: {response.text}"


def flat(contract: AghContract, schema: Json) -> Json:
    """The schema itself instead of a reference to it, or to what it adds to."""
    if "$ref" in schema:
        return flat(contract, contract.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    parts = [flat(contract, part) for part in schema.get("allOf", ())]
    properties = {name: spec for part in [*parts, schema] for name, spec in part.get("properties", {}).items()}
    return {**schema, "properties": properties}
