"""What holds for every operation of the contract: it works, asks for its scope, and refuses what it cannot take."""

from __future__ import annotations

import pytest

from tests.dialects.posthog.client import Posthog, good, refused
from tests.dialects.posthog.contract import PREFIX, PosthogContract, named
from tests.dialects.posthog.recipes import RECIPES, Ask, by, followed, send, success
from tests.dialects.posthog.test_ingest import Sandbox
from tests.support.contract import Operation
from tests.support.endpoints import Endpoint
from tests.support.stand import ADMIN
from tests.support.verbs import NOTHING, Json

NOBODY = "00000000-0000-4000-8000-000000000000"
STREAM, EVENTS, ME = "tasks_runs_stream_retrieve", "tasks_runs_event_stream_create", "users_me_retrieve"
WRONG_IDS = ["nothing", "a" * 300, "%C3%BC", "%00", "{}", "%20", NOBODY[:-1], NOBODY.replace("-", ""), "1", "..%2f.."]
LENIENT = {"tasks_runs_list", "tasks_list"}
"""Pages of these take any numbers (contract §4)."""
ANYTHING = {
    ("tasks_runs_create", "state"),
    ("tasks_runs_create", "output"),
    ("tasks_runs_relay_message_create", "text_parts"),
}
"""Fields that take more than their schema has (contract §3.7, §4)."""
as_json = {"content-type": "application/json"}
every_operation = pytest.mark.parametrize("name", sorted(RECIPES))
with_body = pytest.mark.parametrize("name", named(lambda one: "requestBody" in one.spec and one.takes_json))
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""For what the database has no part in."""


def perform(ask: Ask, contract: PosthogContract, name: str, *, prefix: str = PREFIX, slash: str = "") -> None:
    """Send what must succeed."""
    path = ask.full + slash
    if name == STREAM:
        status, first = followed(ask, prefix=prefix, path=path)
        assert (status, first.partition(":")[0]) == (200, "id")
    else:
        response = send(ask, path=path, prefix=prefix)
        assert response.status_code in success(contract[name]), f"{response.status_code}: {response.text}"


def test_every_operation_has_a_recipe(contract: PosthogContract) -> None:
    assert {one.id for one in contract.operations} == set(RECIPES)
    assert len(RECIPES) == 30


@every_operation
def test_it_works(posthog: Posthog, endpoint: Endpoint, contract: PosthogContract, name: str) -> None:
    perform(RECIPES[name](posthog, endpoint), contract, name)


@on_sqlite
@every_operation
def test_it_works_with_a_slash_and_at_the_root(
    posthog: Posthog, endpoint: Endpoint, contract: PosthogContract, name: str
) -> None:
    for prefix, slash in ((PREFIX, "/"), ("", "/"), ("", "")):
        perform(RECIPES[name](posthog, endpoint), contract, name, prefix=prefix, slash=slash)
    if name not in (ME, EVENTS):
        ask = RECIPES[name](posthog, endpoint)
        path = ask.full.replace("/projects/1/", "/projects/@current/", 1)
        if name == STREAM:
            assert followed(ask, prefix=PREFIX, path=path)[0] == 200
        else:
            assert send(ask, path=path).status_code in success(contract[name])


@on_sqlite
@pytest.mark.parametrize("name", named(lambda one: one.method == "GET"))
def test_head_is_the_head_of_get(posthog: Posthog, endpoint: Endpoint, contract: PosthogContract, name: str) -> None:
    ask = RECIPES[name](posthog, endpoint)
    http = posthog.stand.http
    headers = {"authorization": f"Bearer {posthog.key}"}
    head = http.head(PREFIX + ask.full + "/", params=ask.params, headers=headers)
    assert (head.status_code, head.content) == (200, b"")
    if name != STREAM:
        whole = http.get(PREFIX + ask.full, params=ask.params, headers=headers)
        assert head.headers["content-type"] == whole.headers["content-type"]
    else:
        posthog.stand.until(lambda: posthog.stand.server.feeds.followers == 0)
    assert http.head(PREFIX + ask.full, headers={"authorization": "Bearer nobody"}).status_code == 401
    if "{id}" in contract[name].template:
        path = "/".join(ask.full.split("/")[:8])
        for method in ("PUT", "DELETE", "POST"):
            refused(posthog.send(method, path), 405, code="method_not_allowed")


@on_sqlite
@pytest.mark.parametrize("name", sorted(RECIPES.keys() - {EVENTS}))
def test_it_is_for_those_who_may(
    posthog: Posthog, stranger: Posthog, endpoint: Endpoint, contract: PosthogContract, name: str
) -> None:
    ask = RECIPES[name](posthog, endpoint)
    refused(send(ask, posthog.as_key(None)), 401, code="not_authenticated")
    for key in ("short", "ry_" + "0" * 40, f"{posthog.key}0", "a.b.c"):
        refused(send(ask, posthog.as_key(key)), 401, code="authentication_failed")
    wanted = contract[name].spec.get("x-required-scopes", [])
    if name != ME:
        others = ("task:read", "runs:read", "runs:write") if wanted == ["task:write"] else ("runs:read", "runs:write")
        refusal = refused(send(ask, posthog.with_scopes(*others)), 403, code="permission_denied")
        assert f"'{wanted[0]}'" in refusal["detail"], refusal
        # A key of another project is refused before anything is looked for.
        refused(send(ask, stranger), 403, code="permission_denied")
        missing = ask.full.replace(ask.full.split("/")[5], NOBODY) if ask.full.count("/") > 4 else ask.full
        refused(send(ask, stranger, path=missing), 403, code="permission_denied")
    perform(by(ask, posthog.with_scopes(*(wanted or ["runs:read"]))), contract, name)


@on_sqlite
@pytest.mark.parametrize("name", sorted(RECIPES.keys() - {EVENTS, ME}))
def test_what_is_of_another_project_is_not_found(
    posthog: Posthog, stranger: Posthog, endpoint: Endpoint, contract: PosthogContract, name: str
) -> None:
    ask = RECIPES[name](posthog, endpoint)
    theirs = ask.full.replace("/projects/1/", f"/projects/{stranger.project}/", 1)
    for client in (stranger, posthog.as_key(ADMIN)):
        if "{task_id}" in contract[name].template:
            refused(send(ask, client, path=theirs), 404, code="not_found")
    for project in ("999999", "nothing", "-1", "1.0", "%20", "9" * 40):
        path = ask.full.replace("/projects/1/", f"/projects/{project}/", 1)
        refused(send(ask, posthog.as_key(ADMIN), path=path), 404, code="not_found")
    words, template = ask.full.split("/"), contract[name].template.split("/")
    for spot in [at for at, word in enumerate(template) if word in ("{task_id}", "{id}")]:
        for wrong in [NOBODY, *WRONG_IDS]:
            path = "/".join(wrong if at == spot else word for at, word in enumerate(words))
            # What is asked for is found out before what is said of it is looked at (contract §2.3).
            refused(send(ask, path=path), 404, code="not_found")
            refused(send(ask, path=path, body=NOTHING, content=b"{", headers=as_json), 404, code="not_found")
    if "{id}" in contract[name].template:
        path = ask.full.replace(words[5], posthog.task())
        refused(send(ask, path=path), 404, code="not_found")
        good(posthog.delete(f"tasks/{words[5]}"), 204)
        refused(send(ask), 404, code="not_found")


@on_sqlite
def test_events_are_taken_by_the_token_of_their_run(posthog: Posthog, endpoint: Endpoint) -> None:
    ask = RECIPES[EVENTS](posthog, endpoint)
    forged = Sandbox(posthog, {"id": NOBODY, "task": NOBODY}).posthog
    for key in (None, "short", posthog.key, f"{ask.client.key}0"):
        found = send(ask, posthog.as_key(key))
        assert (found.status_code, found.json()["code"]) == (401, "authentication_failed")
    assert send(ask, forged).status_code == 403
    assert send(ask, path=ask.full.replace("/projects/1/", "/projects/2/")).status_code == 403
    path = f"/api/projects/1/tasks/{NOBODY}/runs/{NOBODY}/event_stream"
    assert send(ask, forged, path=path).status_code == 404
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert ask.client.send(method, ask.full).status_code == 405


@on_sqlite
@with_body
def test_it_refuses_bodies_it_cannot_take(
    posthog: Posthog, endpoint: Endpoint, contract: PosthogContract, name: str
) -> None:
    operation = contract[name]
    ask = RECIPES[name](posthog, endpoint)
    for content in (b"{", b"\xff\xfe{}", b'{"a":' * 5000 + b"1" + b"}" * 5000, b"nul", b"{} {}"):
        refused(send(ask, body=NOTHING, content=content, headers=as_json), 400, code="parse_error")
    for content in (b"[]", b'"text"', b"17", b"null"):
        refused(send(ask, body=NOTHING, content=content, headers=as_json), 400, code="invalid_input")
    refused(send(ask, body=NOTHING, content=b"a=b", headers={"content-type": "text/plain"}), 415, code=UNSUPPORTED)
    refuse_fields(ask, contract, operation)
    required = flat(contract, schema_of(operation)).get("required", ())
    for content in (b"", b"{}"):
        response = send(ask, body=NOTHING, content=content, headers=as_json, loose=True)
        if required:
            assert refused(response, 400, code="required", attr=required[0])
        else:
            assert response.status_code in success(operation), response.text
            ask = RECIPES[name](posthog, endpoint)
    response = send(ask, body={**ask.body, "surprise": {"x": [1]}}, loose=True)
    assert response.status_code in success(operation), response.text


UNSUPPORTED = "unsupported_media_type"


def refuse_fields(ask: Ask, contract: PosthogContract, operation: Operation) -> None:
    """Check that each field of the body takes no value of another type, and null only where the contract has it."""
    for field, spec in flat(contract, schema_of(operation))["properties"].items():
        found = flat(contract, spec)
        kinds = found.get("type")
        if kinds is None or (operation.id, field) in ANYTHING:
            continue
        odd = "odd" if "array" in kinds or "object" in kinds or "boolean" in kinds or "integer" in kinds else [1.5]
        response = send(ask, body={**ask.body, field: odd}, loose=True)
        assert response.status_code == 400, (field, response.text)
        assert response.json().get("attr", field) == field, (field, response.text)
        if "null" not in kinds:
            response = send(ask, body={**ask.body, field: None}, loose=True)
            assert response.status_code == 400, (field, response.text)
            assert response.json().get("attr", field) == field, (field, response.text)
        if "enum" in found:
            refused(send(ask, body={**ask.body, field: "odd"}, loose=True), 400, code="invalid_choice", attr=field)
        if "maxLength" in found:
            long = "x" * (found["maxLength"] + 1)
            refused(send(ask, body={**ask.body, field: long}, loose=True), 400, code="max_length", attr=field)


@on_sqlite
@pytest.mark.parametrize("name", named(lambda one: one.parameters("query")))
def test_it_reads_its_query_as_the_contract_has_it(
    posthog: Posthog, endpoint: Endpoint, contract: PosthogContract, name: str
) -> None:
    ask = RECIPES[name](posthog, endpoint)
    for field, spec in contract[name].parameters("query").items():
        schema = flat(contract, spec["schema"])
        odd = {"integer": ["-1", "x", "1.5", "1e3", "9" * 30, "0", "%"], "string": []}[schema["type"]]
        odd += ["nonsense"] if "enum" in schema or schema.get("format") else []
        for text in odd:
            response = send(ask, params={**ask.params, field: text}, loose=True)
            lenient = (name in LENIENT and field in ("limit", "offset")) or (text == "0" and field != "limit")
            if lenient:
                good(response)
            else:
                assert refused(response, 400, code=response.json()["code"], attr=field)
        refused(send(ask, params={**ask.params, field: "\0"}, loose=True), 400, code="invalid_input", attr=None)


def schema_of(operation: Operation) -> Json:
    """The schema of an operation's body."""
    schema: Json = operation.spec["requestBody"]["content"]["application/json"]["schema"]
    return schema


def flat(contract: PosthogContract, schema: Json) -> Json:
    """The schema itself instead of a reference to it, or to what it adds to."""
    if "$ref" in schema:
        return flat(contract, contract.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    parts = [flat(contract, part) for part in schema.get("allOf", ()) if "if" not in part]
    found: Json = {}
    for part in [*parts, schema]:
        found |= part
    return found
