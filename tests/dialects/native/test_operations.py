"""What holds for every operation: it works, is documented, asks for its scope, and refuses what it cannot take."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.dialects.native.document import named
from tests.dialects.native.recipes import RECIPES, Ask
from tests.support.api import Api, good, refused
from tests.support.contract import Operation
from tests.support.stand import MAX_BODY, Stand
from tests.support.verbs import NOTHING

SCOPES = ("task:read", "task:write", "runs:read", "runs:write", "runs:claim", "jobs:write")
INCLUDES = {"runs:write": {"runs:read"}, "task:write": {"task:read"}}
UNKNOWN = "0199b3c4-0000-7000-8000-00000000a001"
WRONG_IDS = [UNKNOWN, "0", "nothing", "a" * 300, "ü", "..%2f..", "%00", "run-1'--", "{}", "%20"]
NAMED_BY_CALLERS = {"put_environment", "put_job_secret", "put_output", "put_state"}
"""Operations whose last id the caller chooses."""
OF_ITS_OWN = {"put_environment", "update_project", "delete_project", "get_template"}
"""Operations that another project's key does to what is its own or everybody's, or an admin's to any project."""
every_operation = pytest.mark.parametrize("name", sorted(RECIPES))
with_scope = pytest.mark.parametrize("name", named(lambda one: one.scopes))
with_ids = pytest.mark.parametrize("name", named(lambda one: one.path_parameters))
with_ids_of_projects = pytest.mark.parametrize(
    "name", named(lambda one: one.path_parameters and one.id not in OF_ITS_OWN)
)
with_json = pytest.mark.parametrize("name", named(lambda one: one.takes_json))
lists = pytest.mark.parametrize("name", named(lambda one: "cursor" in one.parameters("query")))
idempotent = pytest.mark.parametrize("name", named(lambda one: "idempotency-key" in one.parameters("header")))
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""For what the database has no part in."""


def send(api: Api, ask: Ask, **changes: Any) -> httpx2.Response:
    """Send the request; of a stream without end the head only."""
    more: dict[str, Any] = {"params": ask.params, "content": ask.content, **changes}
    headers = {**ask.headers, **more.pop("headers", {})}
    if not ask.endless:
        return api.send(ask.method, ask.path, more.pop("body", ask.body), headers=headers, **more)
    with api.http.stream(
        ask.method,
        f"/runyard/v1{ask.path}",
        params=ask.params,
        headers={**headers, **api.headers, **({"authorization": f"Bearer {api.key}"} if api.key else {})},
    ) as response:
        if response.status_code != 200:
            response.read()
        return response


def success(operation: Operation) -> set[int]:
    """The statuses of success in the document."""
    return {int(status) for status in operation.spec["responses"] if status < "400"}


@on_sqlite
def test_every_operation_has_a_recipe(stand: Stand) -> None:
    assert {one.id for one in stand.contract.operations} == set(RECIPES)


@every_operation
def test_it_works(stand: Stand, admin: Api, name: str) -> None:
    response = send(admin, RECIPES[name](stand, admin))
    assert response.status_code in success(stand.contract[name]), response.text


@on_sqlite
@with_scope
def test_it_asks_for_its_scope(stand: Stand, admin: Api, name: str) -> None:
    wanted = stand.contract[name].scopes
    ask = RECIPES[name](stand, admin)
    lacking = [one for one in SCOPES if one not in wanted and not INCLUDES.get(one, set()) & set(wanted)]
    problem = refused(send(stand.key(*lacking), ask), 403, "forbidden")
    assert all(scope in problem["detail"] for scope in wanted)
    if "admin" in wanted:
        return
    for scope in wanted:
        response = send(stand.key(scope), RECIPES[name](stand, admin))
        if scope == "runs:claim" and response.status_code == 403:
            assert "lease" in response.json()["detail"]
            continue
        assert response.status_code in success(stand.contract[name]), (scope, response.text)


@on_sqlite
@every_operation
def test_it_asks_for_a_key(stand: Stand, admin: Api, name: str) -> None:
    ask = RECIPES[name](stand, admin)
    for key in (None, "ry_unknown_key", "short"):
        response = send(admin.as_key(key), ask)
        refused(response, 401, "unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"
    headers = {"authorization": "Basic cnk6cnk="}
    refused(send(admin.as_key(None), ask, headers=headers), 401, "unauthorized")


@on_sqlite
@with_ids_of_projects
def test_another_project_sees_nothing_of_it(stand: Stand, api: Api, name: str) -> None:
    ask = RECIPES[name](stand, api)
    stranger = stand.admin.within(stand.project("other")) if _is_for_admins(stand, name) else _stranger(stand)
    problem = refused(send(stranger, ask), 404, "not_found")
    assert "other" not in problem["detail"]


def _is_for_admins(stand: Stand, name: str) -> bool:
    return "admin" in stand.contract[name].scopes or name == "get_key"


def _stranger(stand: Stand) -> Api:
    return stand.key(project=stand.project("other"))


@on_sqlite
@with_ids
def test_an_id_that_names_nothing_is_not_found(stand: Stand, admin: Api, name: str) -> None:
    operation = stand.contract[name]
    ask = RECIPES[name](stand, admin)
    words = ask.path.split("/")
    spots = [at for at, word in enumerate(operation.template.removeprefix("/v1").split("/")) if word.startswith("{")]
    for spot in spots[:-1] if name in NAMED_BY_CALLERS else spots:
        for wrong in WRONG_IDS:
            path = "/".join(wrong if at == spot else word for at, word in enumerate(words))
            refused(send(admin, Ask(**{**ask.__dict__, "path": path})), 404, "not_found")


@on_sqlite
@every_operation
def test_other_methods_are_refused_and_the_right_ones_named(stand: Stand, admin: Api, name: str) -> None:
    ask = RECIPES[name](stand, admin)
    known = {one.method for one in stand.contract.operations if one.template == stand.contract[name].template}
    response = admin.http.request("OPTIONS" if "PATCH" in known else "PATCH", f"/runyard/v1{ask.path}")
    if response.status_code == 204:
        return
    assert response.status_code == 405, response.text
    allowed = {word.strip() for word in response.headers["allow"].split(",")} - {"OPTIONS", "HEAD"}
    assert known <= allowed


@on_sqlite
@with_json
def test_a_body_that_is_not_right_is_refused_with_its_fault(stand: Stand, admin: Api, name: str) -> None:
    operation = stand.contract[name]
    ask = RECIPES[name](stand, admin)
    as_json = {"content-type": "application/json"}
    for body, word in (
        (b"{", "JSON"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"[" * 100 + b"]" * 100, "deep"),
        (b'["' + b"x" * MAX_BODY + b'"]', "larger"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b"17", "object"),
    ):
        response = send(admin, ask, body=NOTHING, content=body, headers=as_json)
        problem = refused(response, 413 if word == "larger" else 400)
        assert word in problem["detail"], problem
    response = send(admin, ask, body=NOTHING, content=b"a=b", headers={"content-type": "text/csv"})
    assert "application/json" in refused(response, 415, "unsupported_media_type")["detail"]
    if operation.spec["requestBody"]["required"]:
        assert "body" in refused(send(admin, ask, body=NOTHING), 400, "invalid")["detail"]


@on_sqlite
@lists
def test_a_list_refuses_limits_and_cursors_that_are_none(stand: Stand, admin: Api, name: str) -> None:
    ask = RECIPES[name](stand, admin)
    for limit in ("0", "201", "-1", "x", "1.5", "9" * 40):
        assert "limit" in refused(send(admin, ask, params={"limit": limit}), 400, "invalid")["detail"]
    for cursor in ("x", "AAAA", "W10", "WzFd4", "Wzkd" * 400, "ü", "bnVsbA", "WyJhIiwiYiJd", "W251bGxd", ""):
        assert "cursor" in refused(send(admin, ask, params={"cursor": cursor}), 400, "invalid")["detail"]
    page = good(send(admin, ask, params={"limit": 1}))
    assert page.get("data", page.get("lanes")) is not None


@idempotent
def test_the_same_request_under_one_idempotency_key_is_done_once(stand: Stand, admin: Api, name: str) -> None:
    ask = RECIPES[name](stand, admin)
    headers = {"idempotency-key": "once"}
    first = send(admin, ask, headers=headers)
    assert first.status_code in success(stand.contract[name])
    assert "idempotency-replayed" not in first.headers
    again = send(admin, ask, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    if ask.body is NOTHING:
        ask = Ask(**{**ask.__dict__, "body": {"reason": "another body"}})
    else:
        ask = Ask(**{**ask.__dict__, "body": {**ask.body, "more": 1}})
    refused(send(admin, ask, headers=headers), 422, "idempotency_mismatch")
