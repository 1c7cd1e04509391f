"""What holds for every operation of the contract: it works, asks for its scope, and refuses what it cannot take."""

from __future__ import annotations

import itertools
from typing import Any

import httpx2
import pytest

from tests.dialects.bamboosnow.client import Snow, good, refused
from tests.dialects.bamboosnow.contract import SnowContract, named
from tests.dialects.bamboosnow.recipes import RECIPES, send, success
from tests.support.stand import MAX_BODY
from tests.support.verbs import NOTHING

SCOPES = ("read", "write", "admin", "agents:run", "agents:configure", "repositories:manage")
IMPLIED = {"read": {"write", "admin"}}
"""Scopes that grant another besides it."""
UNKNOWN = "0199b3c4000070008000000000000a01"
WRONG_IDS = [
    *(UNKNOWN, "0", "nothing", "a" * 300, "%C3%BC", "..%2f..", "%00", "run_1'--", "{}", "%20", "0" * 32),
    *("run_", "agent_", "repo_", "key_", "run_%00", "agent_" + "g" * 32, "run_" + "1" * 31, "run_" + "1" * 33),
    *("0199b3c4-0000-7000-8000-00000000a001", "run_0199b3c4-0000-7000-8000-00000000a001"),
    *(f"{prefix}_{UNKNOWN}" for prefix in ("run", "agent", "agt", "repo", "key", "issue", "RUN", "hook")),
]
SLUGS = ["x", "nothing", "a" * 300, "%C3%BC", "..%2f..", "%00", "code-reviewer%20", "Code-Reviewer"]
every_operation = pytest.mark.parametrize("name", sorted(RECIPES))
lists = pytest.mark.parametrize("name", named(lambda one: "page" in one.parameters("query")))
with_body = pytest.mark.parametrize("name", named(lambda one: "requestBody" in one.spec))
with_no_body_needed = pytest.mark.parametrize(
    "name", named(lambda one: not one.spec.get("requestBody", {}).get("required"))
)
without_body = pytest.mark.parametrize("name", named(lambda one: "requestBody" not in one.spec and one.method != "GET"))
with_ids = pytest.mark.parametrize("name", named(lambda one: one.path_parameters))
of_things = pytest.mark.parametrize("name", named(lambda one: "id" in one.path_parameters))
of_the_seed = pytest.mark.parametrize("name", named(lambda one: one.template.startswith("/v1/")))
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""For what the database has no part in."""


def test_every_operation_has_a_recipe(contract: SnowContract) -> None:
    assert {one.id for one in contract.operations} == set(RECIPES)
    assert len(RECIPES) == 39


@on_sqlite
def test_every_operation_is_in_the_served_document(snow: Snow, contract: SnowContract) -> None:
    served = snow.stand.http.get("/bamboosnow/openapi.json").json()
    ours = {(method.upper(), bare(path)) for path, methods in served["paths"].items() for method in methods}
    assert {(one.method, bare(one.template)) for one in contract.operations} - ours == set()


def bare(template: str) -> str:
    """A path's template without the names of its parameters."""
    return "/".join("{}" if word.startswith("{") else word for word in template.split("/"))


@every_operation
def test_it_works(snow: Snow, contract: SnowContract, name: str) -> None:
    response = send(RECIPES[name](snow))
    assert response.status_code == success(contract[name]), response.text


@on_sqlite
@every_operation
def test_it_works_at_the_root_too(snow: Snow, contract: SnowContract, name: str) -> None:
    response = send(RECIPES[name](snow), prefix="")
    assert response.status_code == success(contract[name]), response.text


@on_sqlite
@every_operation
def test_each_of_its_scopes_suffices_and_others_do_not(snow: Snow, contract: SnowContract, name: str) -> None:
    wanted = contract[name].spec["x-required-scopes"]
    enough = set(wanted).union({"admin"}, *(IMPLIED.get(one, set()) for one in wanted))
    ask = RECIPES[name](snow)
    refusal = refused(send(ask, snow.with_scopes(*[one for one in SCOPES if one not in enough])), 403)
    assert all(one in refusal["message"] for one in wanted), refusal
    for scope in sorted(enough):
        response = send(RECIPES[name](snow), snow.with_scopes(scope))
        assert response.status_code == success(contract[name]), f"{scope}: {response.text}"


@on_sqlite
@every_operation
def test_it_asks_for_a_key(snow: Snow, name: str) -> None:
    ask = RECIPES[name](snow)
    for key in (None, "short", "bs_live_" + "0" * 64, f"{snow.key}0"):
        response = send(ask, snow.as_key(key))
        refused(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
    for wrong in ("Basic cnk6cnk=", "Bearer", "", f"{snow.key}"):
        refused(send(ask, snow.as_key(None), headers={"authorization": wrong}), 401)


@on_sqlite
@of_things
def test_another_project_sees_nothing_of_it(snow: Snow, stranger: Snow, contract: SnowContract, name: str) -> None:
    ask = RECIPES[name](snow)
    refused(send(ask, stranger), 404)
    response = send(ask)
    assert response.status_code == success(contract[name]), f"and it is as it was: {response.text}"


@lists
def test_another_project_finds_its_lists_empty(snow: Snow, stranger: Snow, name: str) -> None:
    ask = RECIPES[name](snow)
    page = good(send(ask, stranger))
    found, total = (page["data"], page["meta"]["total"]) if "data" in page else (page["items"], page["total"])
    if name == "sdk_api_keys_list":
        assert [one["name"] for one in found] == ["test"], "its own key alone"
    else:
        assert (found, total) == ([], 0)


@with_ids
def test_an_id_that_names_nothing_is_not_found(snow: Snow, contract: SnowContract, name: str) -> None:
    ask = RECIPES[name](snow)
    words, template = ask.path.split("/"), contract[name].template.split("/")
    (spot,) = [at for at, word in enumerate(template) if word.startswith("{")]
    for wrong in SLUGS if template[spot] == "{slug}" else WRONG_IDS:
        path = "/".join(wrong if at == spot else word for at, word in enumerate(words))
        refused(send(ask, path=path), 404)


@on_sqlite
@of_things
def test_an_id_of_another_kind_is_not_found(snow: Snow, name: str) -> None:
    ask = RECIPES[name](snow)
    kind, _, digits = next(word for word in ask.path.split("/") if word[-32:].isalnum() and "_" in word).partition("_")
    for other in {"run", "agent", "agt", "repo", "key", "issue", ""} - {kind}:
        refused(send(ask, path=ask.path.replace(f"{kind}_{digits}", f"{other}_{digits}")), 404)
    refused(send(ask, path=ask.path.replace(f"{kind}_{digits}", digits)), 404)


@on_sqlite
@every_operation
def test_other_methods_are_refused(snow: Snow, contract: SnowContract, name: str) -> None:
    ask = RECIPES[name](snow)
    known = {one.method for one in contract.operations if bare(one.template) == bare(contract[name].template)}
    for method in {"PUT", "TRACE"} - known:
        response = snow.stand.http.request(method, f"/bamboosnow{ask.path}")
        snow.judge(response.request, response)
        refused(response, 405)
        assert known <= {word.strip() for word in response.headers["allow"].split(",")}


@on_sqlite
@of_the_seed
def test_a_slash_at_the_end_makes_no_difference(snow: Snow, contract: SnowContract, name: str) -> None:
    ask = RECIPES[name](snow)
    response = send(ask, path=f"{ask.path}/")
    assert response.status_code == success(contract[name]), response.text


def refused_in(response: httpx2.Response, statuses: set[int]) -> None:
    """Check that the status is one of these."""
    assert response.status_code in statuses, f"{response.status_code}: {response.text}"


def body_of(contract: SnowContract, name: str) -> dict[str, Any]:
    """The schema of the operation's body."""
    schema: dict[str, Any] = contract[name].spec["requestBody"]["content"]["application/json"]["schema"]
    return schema


@on_sqlite
@with_body
def test_a_body_that_is_not_right_is_refused(snow: Snow, name: str) -> None:
    ask = RECIPES[name](snow)
    as_json = {"content-type": "application/json"}
    for content in (b"{", b"\xff\xfe{}", b"[" * 100 + b"]" * 100, b"[]", b'"text"', b"17", b"nul", b"{} {}"):
        refused(send(ask, body=NOTHING, content=content, headers=as_json), 400)
    refused(send(ask, body=NOTHING, content=b'["' + b"x" * MAX_BODY + b'"]', headers=as_json), 413)
    refused_in(send(ask, body=NOTHING, content=b"a=b", headers={"content-type": "text/csv"}), {400, 415})


@on_sqlite
@with_body
def test_a_wrong_value_is_named(snow: Snow, contract: SnowContract, name: str) -> None:
    known = body_of(contract, name).get("properties")
    ref = body_of(contract, name).get("$ref", "").rpartition("/")[2]
    known = known or contract.document["components"]["schemas"].get(ref, {}).get("properties", {})
    ask = RECIPES[name](snow)
    for field in known:
        body = {**(ask.body if ask.body is not NOTHING else {}), field: 1.5}
        refusal = refused(send(ask, body=body), 400)
        assert field in str(refusal), refusal
        assert all(one["field"].startswith(field) for one in refusal.get("errors", [])), refusal


@on_sqlite
@with_body
def test_no_body_is_an_empty_one(snow: Snow, contract: SnowContract, name: str) -> None:
    ask = RECIPES[name](snow)
    headers = {"content-type": "application/json"}  # the published client always says so
    response = send(ask, body=NOTHING, headers=headers, loose=True)
    required = contract[name].spec["requestBody"]["required"]
    try:
        contract.validate(body_of(contract, name), {}, "an empty body")
    except AssertionError:
        refused(response, 400)
    else:
        assert response.status_code in ({success(contract[name])} | ({400} if required else set())), response.text


@on_sqlite
@with_no_body_needed
def test_an_empty_body_of_the_json_type_is_none(snow: Snow, contract: SnowContract, name: str) -> None:
    headers = {"content-type": "application/json", "accept": "application/json"}
    response = send(RECIPES[name](snow), body=NOTHING, headers=headers)
    assert response.status_code == success(contract[name]), response.text


@on_sqlite
@with_body
def test_unknown_keys_of_a_body_are_ignored(snow: Snow, contract: SnowContract, name: str) -> None:
    ask = RECIPES[name](snow)
    body = {} if ask.body is NOTHING else ask.body
    response = send(ask, body={**body, "surprise": {"x": [1]}})
    assert response.status_code == success(contract[name]), response.text


@on_sqlite
@without_body
def test_a_body_where_none_is_taken_does_no_harm(snow: Snow, contract: SnowContract, name: str) -> None:
    response = send(RECIPES[name](snow), body={"reason": "a client may send one"})
    assert response.status_code == success(contract[name]), response.text


@on_sqlite
@every_operation
def test_unknown_query_parameters_are_ignored(snow: Snow, contract: SnowContract, name: str) -> None:
    ask = RECIPES[name](snow)
    response = send(ask, params={**ask.params, "surprise": "x", "expand": "all"}, loose=True)
    assert response.status_code == success(contract[name]), response.text


@on_sqlite
@lists
def test_a_page_that_is_none_is_refused(snow: Snow, name: str) -> None:
    ask = RECIPES[name](snow)
    for wrong in ("0", "-1", "x", "1.5", "", "1e3", "+1", "٣", "9" * 30):
        refused(send(ask, params={"page": wrong}), 400, "page")
        refused(send(ask, params={"per_page": wrong}), 400, "per_page")
    refused(send(ask, params={"per_page": "101"}), 400, "per_page")
    good(send(ask, params={"per_page": "100"}))


@lists
def test_a_page_past_the_end_is_empty_and_knows_the_total(snow: Snow, name: str) -> None:
    ask = RECIPES[name](snow)
    RECIPES[name](snow)
    for page, per_page in itertools.product((1, 2, 1000, 10**9), (1, 100)):
        found = good(send(ask, params={"page": page, "per_page": per_page}))
        meta = found.get("meta", found)
        entries = found["data"] if "data" in found else found["items"]
        assert meta["total"] >= 2
        assert (meta["page"], meta.get("per_page", meta.get("perPage"))) == (page, per_page)
        assert len(entries) == max(0, min(per_page, meta["total"] - (page - 1) * per_page))
        if "totalPages" in found:
            assert found["totalPages"] == -(-meta["total"] // per_page)


@lists
def test_the_pages_hold_each_entry_once(snow: Snow, name: str) -> None:
    for _ in range(5):
        ask = RECIPES[name](snow)
    whole = _entries(good(send(ask, params={"per_page": 100})))
    paged = [_entries(good(send(ask, params={"per_page": 2, "page": page}))) for page in range(1, len(whole) // 2 + 2)]
    assert [one["id"] for page in paged for one in page] == [one["id"] for one in whole]
    assert len({one["id"] for one in whole}) == len(whole) >= 5


def _entries(page: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page["data"] if "data" in page else page["items"]
    return found
