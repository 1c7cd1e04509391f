"""The short way to handlers answers as the framework's way does."""

from __future__ import annotations

import pytest

from tests.support.stand import Stand

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
QUERY = "?nothing=1"
"""A query that no handler knows sends a request the framework's way."""


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/runyard/v1/runs", b'{"payload": 1}'),
        ("POST", "/runyard/v1/runs", b""),
        ("POST", "/runyard/v1/runs", b"{"),
        ("POST", "/runyard/v1/runs", b'{"queue": 5}'),
        ("POST", "/runyard/v1/runs/0199b3c4-0000-7000-8000-00000000a001/cancel", b""),
        ("POST", "/runyard/v1/runs/no-such-run/cancel", b"{}"),
        ("PUT", "/runyard/v1/runs", b""),
        ("GET", "/runyard/v1/scheduler", b""),
        ("GET", "/runyard/v1/scheduler/", b""),
        ("GET", "/runyard/v1/nothing", b""),
        ("OPTIONS", "/runyard/v1/runs", b""),
        ("HEAD", "/runyard/v1/scheduler", b""),
        ("GET", "/agh/api/scheduler", b""),
        ("POST", "/agh/api/scheduler/pause", b'{"reason": 1}'),
    ],
)
def test_both_ways_lead_to_the_same(stand: Stand, method: str, path: str, content: bytes) -> None:
    headers = {"authorization": f"Bearer {stand.admin.key}", "content-type": "application/json", "x-request-id": "same"}
    short, long = (stand.http.request(method, path + query, content=content, headers=headers) for query in ("", QUERY))
    assert short.status_code == long.status_code
    assert {name for name in short.headers if name != "date"} == {name for name in long.headers if name != "date"}
    if short.status_code >= 400:
        assert short.content == long.content
    elif short.content:
        assert short.json().keys() == long.json().keys()


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/runyard/v1/runs", ""),
        ("/runyard/v1/runs", "?limit=1&state=queued&state=running&unknown=1"),
        ("/runyard/v1/runs", "?limit=many"),
        ("/runyard/v1/runs", "?limit=0&cursor=odd"),
        ("/runyard/v1/runs/0199b3c4-0000-7000-8000-00000000a001/events", "?after=-1"),
        ("/agh/api/tasks", "?limit=2&status=ready"),
        ("/agh/api/tasks", "?limit=%zz"),
        ("/strait/v1/runs", "?limit=3&status=queued"),
        ("/bamboosnow/v1/runs", "?limit=x"),
    ],
)
def test_queries_are_read_as_the_framework_reads_them(stand: Stand, path: str, query: str) -> None:
    headers = {"authorization": f"Bearer {stand.admin.key}", "x-request-id": "same"}
    # A slash at the end sends a request the framework's way.
    short, long = (stand.http.get(one + query, headers=headers) for one in (path, path + "/"))
    assert short.status_code == long.status_code
    assert short.content == long.content.replace(f"{path}/".encode(), path.encode())


def test_a_body_of_another_type_is_refused_either_way(stand: Stand) -> None:
    headers = {"authorization": f"Bearer {stand.admin.key}", "content-type": "text/plain"}
    for query in ("", QUERY):
        response = stand.http.post(f"/runyard/v1/runs{query}", content=b"{}", headers=headers)
        assert response.status_code == 415


def test_a_key_is_needed_either_way(stand: Stand) -> None:
    for query in ("", QUERY):
        assert stand.http.get(f"/runyard/v1/scheduler{query}").status_code == 401
