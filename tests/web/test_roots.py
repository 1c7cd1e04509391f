"""Every documented path of every dialect also answers at the root, and by the right dialect."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from tests.contracts import document
from tests.support.stand import Stand

ERROR = {"strait": "ErrorResponse", "agh": "Error", "posthog": "ApiError", "bamboosnow": "Error"}
OTHERS = {"posthog": ("IngestError",)}
"""Shapes that errors of some paths have."""
KEYS = {"strait": "strait_" + "5" * 64, "agh": "ry_" + "5" * 40, "posthog": "ry_" + "5" * 40, "bamboosnow": "bs_live_5"}
SOME_ID = "0199b3c4-0000-7000-8000-00000000a001"
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def operations() -> list[Any]:
    """Every operation of the four contracts."""
    return [
        pytest.param(dialect, method.upper(), path, id=f"{dialect}-{method}-{path}")
        for dialect in ERROR
        for path, methods in document(dialect)["paths"].items()
        for method in methods
        if method != "parameters"
    ]


def ask(stand: Stand, dialect: str, method: str, path: str, key: str | None = None) -> httpx2.Response:
    """What is answered to a caller with a key of the dialect's form."""
    headers = {"authorization": f"Bearer {key or KEYS[dialect]}", "x-request-id": "the-same"}
    return stand.http.request(method, re.sub(r"\{\w+\}", SOME_ID, path), headers=headers)


def spoke(response: httpx2.Response, dialect: str) -> None:
    """Check that it was this dialect that answered."""
    assert (response.headers.get("x-api-version") == "v1") == (dialect == "strait")
    if response.status_code < 400:
        return
    contract = document(dialect)
    names = [ERROR[dialect], *OTHERS.get(dialect, ())]
    any_of = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    schema = {"anyOf": any_of, "components": contract["components"]}
    assert response.headers["content-type"] == "application/json"
    jsonschema_rs.Draft202012Validator(schema).validate(response.json())


@pytest.mark.parametrize(("dialect", "method", "path"), operations())
def test_a_documented_path_reaches_its_dialect(stand: Stand, dialect: str, method: str, path: str) -> None:
    response = ask(stand, dialect, method, path)
    spoke(response, dialect)
    below = ask(stand, dialect, method, f"/{dialect}{path}")
    assert (response.status_code, response.content) == (below.status_code, below.content)


@pytest.mark.parametrize("key", ["bs_live_x", "bs_test_x", "bs_"])
def test_what_a_key_begins_with_decides_who_answers_below_v1(stand: Stand, key: str) -> None:
    spoke(ask(stand, "bamboosnow", "GET", "/v1/runs", key), "bamboosnow")
    spoke(ask(stand, "bamboosnow", "GET", "/v1/jobs", key), "bamboosnow")
    for other in ("strait_x_long_enough", "ry_x_long_enough", "BS_live_long_enough", "xbs_live_long_enough"):
        response = ask(stand, "strait", "GET", "/v1/runs", other)
        spoke(response, "strait")
        assert response.status_code == 401, "what a key begins with grants nothing"


@pytest.mark.parametrize("key", ["bs_live_long_enough", "ry_x_long_enough", "strait_x_long_enough", None])
def test_below_api_v1_no_key_makes_a_difference(stand: Stand, key: str | None) -> None:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    for path in ("/api/v1/runs", "/api/v1/users/me", "/api/v1/nothing"):
        response = stand.http.get(path, headers=headers)
        spoke(response, "bamboosnow")
        assert response.status_code == (404 if path.endswith("nothing") else 401)
    spoke(stand.http.get("/api/v2/runs", headers=headers), "agh")


def test_a_mount_in_the_path_wins_over_what_the_key_begins_with(stand: Stand) -> None:
    spoke(ask(stand, "strait", "GET", "/strait/v1/runs", "bs_live_x"), "strait")
    spoke(ask(stand, "bamboosnow", "GET", "/bamboosnow/v1/runs", "strait_x"), "bamboosnow")


def test_no_key_at_all_is_strait_below_v1_and_sdk(stand: Stand) -> None:
    for path in ("/v1/runs", f"/sdk/v1/runs/{SOME_ID}/payload", "/health"):
        response = stand.http.get(path)
        spoke(response, "strait")
    for path in ("/metrics", "/livez", "/readyz", "/docs"):
        response = stand.http.get(path)
        assert response.status_code == 200, "the server's own pages stay its own"
        assert "x-api-version" not in response.headers
