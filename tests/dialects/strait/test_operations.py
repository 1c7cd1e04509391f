"""What holds for every operation of the contract: it works, asks for its scope, and refuses what it cannot take."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.dialects.strait.client import Strait, Worker, good, internal, refused
from tests.dialects.strait.contract import StraitContract, named
from tests.dialects.strait.recipes import INTERNAL, RECIPES, Ask
from tests.support.contract import Operation
from tests.support.stand import MAX_BODY
from tests.support.verbs import NOTHING

SCOPES = [
    *("jobs:read", "jobs:write", "jobs:trigger", "runs:read", "runs:write"),
    *("api-keys:manage", "projects:read", "projects:manage", "secrets:read", "stats:read"),
]
UNKNOWN = "0199b3c4-0000-7000-8000-00000000a001"
WRONG_IDS = [UNKNOWN, "0", "nothing", "a" * 300, "%C3%BC", "..%2f..", "%00", "run-1'--", "{}", "%20", UNKNOWN.upper()]
TAKES_ANY = {"prefix", "sdkDeleteState key"}
"""Names in a path that mean nothing when they are unknown, and are no error."""
BY_KEY = {"listRunOutputs"}
"""Lists in an order of their own, whose cursors are only those that they gave."""
WITHOUT_BODY = {"sdkHeartbeat"}
"""Operations that do not look at their body."""
WITHOUT_KEY = {"health", "healthReady"}
every_operation = pytest.mark.parametrize("name", sorted(RECIPES))
lists = pytest.mark.parametrize("name", named(lambda one: "cursor" in one.parameters("query")))
with_body = pytest.mark.parametrize("name", named(lambda one: "requestBody" in one.spec))
with_body_that_counts = pytest.mark.parametrize(
    "name", named(lambda one: "requestBody" in one.spec and one.id not in WITHOUT_BODY)
)
without_body = pytest.mark.parametrize("name", named(lambda one: "requestBody" not in one.spec and one.method != "GET"))
with_scope = pytest.mark.parametrize("name", named(lambda one: "x-required-scope" in one.spec))
with_key = pytest.mark.parametrize("name", named(lambda one: one.id not in WITHOUT_KEY))
with_ids = pytest.mark.parametrize("name", named(lambda one: one.path_parameters))
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""For what the database has no part in."""


def send(ask: Ask, client: Strait | None = None, **changes: Any) -> httpx2.Response:
    """Send the request; of a stream the head only."""
    client = client or ask.client
    if ask.stream:
        return _head(ask, client, **changes)
    more: dict[str, Any] = {"params": ask.params, **changes}
    return client.send(ask.method, more.pop("path", ask.path), more.pop("body", ask.body), **more)


def _head(ask: Ask, client: Strait, **changes: Any) -> httpx2.Response:
    headers = {**({"authorization": f"Bearer {client.key}"} if client.key is not None else {}), **client.headers}
    http = client.stand.http
    with http.stream(ask.method, f"/strait{changes.get('path', ask.path)}", headers=headers) as response:
        if response.status_code != 200:
            response.read()
            client.judge(response.request, response)
        return response


def success(operation: Operation) -> set[int]:
    """The statuses of success in the contract."""
    return {int(status) for status in operation.spec["responses"] if status < "400"}


def is_worker_side(name: str) -> bool:
    """Whether the operation is called with a run token."""
    return name.startswith("sdk")


def test_every_operation_has_a_recipe(contract: StraitContract) -> None:
    assert {one.id for one in contract.operations} == set(RECIPES)


@on_sqlite
def test_every_operation_is_in_the_served_document(strait: Strait, contract: StraitContract) -> None:
    served = strait.stand.http.get("/strait/openapi.json").json()
    ours = {(method.upper(), _bare(path)) for path, methods in served["paths"].items() for method in methods}
    assert {(one.method, _bare(one.template)) for one in contract.operations} - ours == set()


def _bare(template: str) -> str:
    return "/".join("{}" if word.startswith("{") else word for word in template.split("/"))


@every_operation
def test_it_works(strait: Strait, contract: StraitContract, name: str) -> None:
    response = send(RECIPES[name](strait))
    assert response.status_code in success(contract[name]), response.text


@on_sqlite
@with_scope
def test_it_asks_for_its_scope(strait: Strait, contract: StraitContract, name: str) -> None:
    wanted = contract[name].spec["x-required-scope"]
    ask = RECIPES[name](strait)
    refused(send(ask, strait.with_scopes(*[one for one in SCOPES if one != wanted])), 403)
    if ask.client is strait:
        response = send(ask, strait.with_scopes(wanted))
        assert response.status_code in success(contract[name]), response.text


@on_sqlite
@pytest.mark.parametrize("name", sorted(INTERNAL))
def test_it_is_for_the_internal_secret_alone(strait: Strait, name: str) -> None:
    ask = RECIPES[name](strait)
    refused(send(ask, strait), 403)
    refused(send(ask, strait.as_key(None, x_internal_secret=str(strait.key))), 401)
    refused(send(ask, strait.as_key(None, x_internal_secret="guessed")), 401)


@on_sqlite
@with_key
def test_it_asks_for_a_key(strait: Strait, name: str) -> None:
    ask = RECIPES[name](strait)
    # A run token is none of the keys, and a key is no run token.
    wrong = strait.key if is_worker_side(name) else strait.executing().key
    for key in (None, "short", "strait_" + "0" * 64, wrong):
        response = refused_with(send(ask, strait.as_key(key)), 401)
        assert response.headers["www-authenticate"] == "Bearer"
    refused(send(ask, strait.as_key(None, authorization="Basic cnk6cnk=")), 401)


def refused_with(response: httpx2.Response, status: int) -> httpx2.Response:
    """The reply that must have this status."""
    refused(response, status)
    return response


@on_sqlite
@with_ids
def test_another_project_sees_nothing_of_it(
    strait: Strait, stranger: Strait, contract: StraitContract, name: str
) -> None:
    ask = RECIPES[name](strait)
    if is_worker_side(name):
        assert isinstance(ask.client, Worker)
        other = strait.executing()
        refused(send(ask, strait.as_key(other.key)), 403)
    elif name == "sendEventByPrefix":
        assert good(send(ask, stranger)) == {"resolved": 0, "triggers": []}
    elif name in {"sendEvent"}:
        refused_in(send(ask, stranger), {403, 404})
    else:
        refused(send(ask, stranger), 404)


def refused_in(response: httpx2.Response, statuses: set[int]) -> None:
    """Check that the status is one of these."""
    assert response.status_code in statuses, f"{response.status_code}: {response.text}"


@on_sqlite
@with_ids
def test_an_id_that_names_nothing_is_not_found(strait: Strait, contract: StraitContract, name: str) -> None:
    operation = contract[name]
    ask = RECIPES[name](strait)
    words, template = ask.path.split("/"), operation.template.split("/")
    for spot, parameter in enumerate(template):
        if not parameter.startswith("{") or {parameter[1:-1], f"{name} {parameter[1:-1]}"} & TAKES_ANY:
            continue
        for wrong in WRONG_IDS:
            path = "/".join(wrong if at == spot else word for at, word in enumerate(words))
            worker_side = is_worker_side(name) and parameter == "{runID}"
            refused_in(send(ask, path=path), {403, 404} if worker_side else {404})


@on_sqlite
@every_operation
def test_other_methods_are_refused(strait: Strait, contract: StraitContract, name: str) -> None:
    ask = RECIPES[name](strait)
    known = {one.method for one in contract.operations if _bare(one.template) == _bare(contract[name].template)}
    for method in {"PUT", "TRACE"} - known:
        response = strait.stand.http.request(method, f"/strait{ask.path}")
        ask.client.judge(response.request, response)
        assert response.status_code == 405
        assert known <= {word.strip() for word in response.headers["allow"].split(",")}


def body_of(contract: StraitContract, name: str) -> dict[str, Any]:
    """The schema of the operation's body."""
    schema: dict[str, Any] = contract[name].spec["requestBody"]["content"]["application/json"]["schema"]
    return schema


@on_sqlite
@with_body_that_counts
def test_a_body_that_is_not_right_is_refused(strait: Strait, contract: StraitContract, name: str) -> None:
    ask = RECIPES[name](strait)
    as_json = {"content-type": "application/json"}
    for content in (b"{", b"\xff\xfe{}", b"[" * 100 + b"]" * 100, b"[]", b'"text"', b"17", b"nul", b"{} {}"):
        refused(send(ask, body=NOTHING, content=content, headers=as_json), 400)
    refused(send(ask, body=NOTHING, content=b'["' + b"x" * MAX_BODY + b'"]', headers=as_json), 413)
    refused_in(send(ask, body=NOTHING, content=b"a=b", headers={"content-type": "text/csv"}), {400, 415})


@on_sqlite
@with_body
def test_no_body_means_an_empty_one(strait: Strait, contract: StraitContract, name: str) -> None:
    schema = body_of(contract, name)
    ask = RECIPES[name](strait)
    headers = {"content-type": "application/json"}  # the published client always says so
    response = send(ask, body=NOTHING, headers=headers)
    try:
        contract.validate(schema, {}, "an empty body")
        allowed = name != "bulkReplayDeadLetterRuns"  # its rule is in words: exactly one of two fields
    except AssertionError:
        allowed = False
    if allowed:
        assert response.status_code in success(contract[name]), response.text
    else:
        refused(response, 400)


@on_sqlite
@with_body
def test_unknown_keys_of_a_body_are_ignored(strait: Strait, contract: StraitContract, name: str) -> None:
    ask = RECIPES[name](strait)
    body = {} if ask.body is NOTHING else ask.body
    response = send(ask, body={**body, "surprise": {"x": [1]}})
    assert response.status_code in success(contract[name]), response.text


@on_sqlite
@without_body
def test_a_body_where_none_is_taken_does_no_harm(strait: Strait, contract: StraitContract, name: str) -> None:
    response = send(RECIPES[name](strait), body={"reason": "the client may send one"})
    assert response.status_code in success(contract[name]), response.text


@on_sqlite
@lists
def test_a_list_refuses_limits_and_cursors_that_are_none(strait: Strait, contract: StraitContract, name: str) -> None:
    ask = RECIPES[name](strait)
    for limit in ("0", "-1", "x", "1.5"):
        refused(send(ask, params={"limit": limit}), 400)
    for cursor in ("x", "2024-13-01T00:00:00Z", "1700000000", "2024-01-01", "W10", "ü"):
        refused(send(ask, params={"cursor": cursor}), 400)
    for taken in ({"limit": "1"}, {"limit": "5000"}):
        good(send(ask, params=taken, loose=True))
    if name not in BY_KEY:
        good(send(ask, params={"cursor": "2024-01-01T00:00:00.5+02:00"}))


@on_sqlite
@lists
def test_a_list_comes_in_an_envelope_on_request(strait: Strait, contract: StraitContract, name: str) -> None:
    ask = RECIPES[name](strait)
    page = good(send(ask, ask.client.saying(x_list_envelope="1"), params={}))
    assert page["has_more"] is False
    assert len(page["data"]) >= 1
    plain = good(send(ask, params={}))
    bare = "x-source-variant" in contract[name].spec
    assert plain == (page["data"] if bare else page)


@on_sqlite
def test_the_internal_secret_acts_in_the_project_it_names(strait: Strait, stranger: Strait) -> None:
    run = strait.run()
    secret = internal(strait.stand, strait.contract)
    assert good(secret.get(f"/v1/runs/{run['id']}"))["id"] == run["id"]
    refused(secret.saying(x_project_id="other").get(f"/v1/runs/{run['id']}"), 404)
    assert good(secret.get("/v1/runs", project_id="other")) == []
