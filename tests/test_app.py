"""The composition root: what a server is made of, and what it answers beside its dialects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from runyard import app
from runyard.domain.errors import Conflict, Invalid, Unavailable
from runyard.engine import agent_queries, projects
from runyard.settings import Settings
from tests.support.api import Api, good, refused
from tests.support.stand import Stand, settings_in
from tests.support.stores import AnyStore, Clock


@pytest.fixture
def limited(store: AnyStore, clock: Clock, tmp_path: Path) -> Iterator[Stand]:
    """A server that lets every key ask twice a minute."""
    stand = Stand(store, clock, settings_in(tmp_path, rate_limit_per_key=2))
    stand.fresh()
    yield stand
    stand.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_requests_are_limited_by_key_when_a_setting_says_so(limited: Stand) -> None:
    admin = limited.admin
    for left in (1, 0):
        response = admin.get("/runs")
        assert response.headers["ratelimit"].startswith(f'"key";r={left};')
    response = admin.get("/runs")
    problem = refused(response, 429, "rate_limited")
    assert int(response.headers["retry-after"]) == problem["retry_after"] == 30


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_server_answers_beside_its_dialects(limited: Stand) -> None:
    http = limited.http
    assert http.get("/livez").json() == {"status": "ok"}
    assert http.get("/readyz").json() == {"status": "ready"}
    assert "runyard_commit_operations_count" in http.get("/metrics").text
    assert http.get("/", follow_redirects=False).status_code == 307
    page = http.get("/runyard/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace(limited.url, "")
    problem = http.get("/nothing/here")
    assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json")
    assert http.post("/livez").status_code == 405


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="postgresql://"):
        app.open_store(Settings(data=tmp_path, database="mysql://localhost"))
    with pytest.raises(Unavailable, match="cannot be reached"):
        app.open_store(Settings(data=tmp_path, database="postgresql://nobody@127.0.0.1:1/none"))


def test_a_second_process_on_one_sqlite_file_is_refused(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    store = app.open_store(settings)
    try:
        with pytest.raises(Conflict, match="another process"):
            app.open_store(settings)
    finally:
        store.close()
    app.open_store(settings).close()


def test_the_first_start_makes_project_and_key_and_later_ones_neither(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, loops=False, agents=False)
    for first in (True, False):
        server = app.Server(settings)
        try:
            key = server.bootstrap()
            assert (key is not None) == first
            assert server.store.look(projects.find, 1).slug == "default"
        finally:
            server.close()


def test_a_server_whose_agents_run_has_a_reviewer(tmp_path: Path) -> None:
    for agents_run, made in ((False, 0), (True, 1), (True, 1)):
        server = app.Server(Settings(data=tmp_path, loops=False, agents=agents_run))
        try:
            server.bootstrap()
            wanted = agent_queries.Wanted(template="code-reviewer")
            assert server.store.look(agent_queries.page, 1, wanted, offset=0, limit=1).total == made
        finally:
            server.close()


def test_what_would_run_to_bring_a_database_up_to_date_is_told(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    pending = app.upgrade(settings, check=True)
    assert pending[0] == "0001_foundation"
    assert app.upgrade(settings, check=False) == pending
    assert app.upgrade(settings, check=True) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_loopback_callers_need_no_key_where_a_setting_says_so(store: AnyStore, clock: Clock, tmp_path: Path) -> None:
    stand = Stand(store, clock, settings_in(tmp_path, allow_anonymous_loopback=("native",)))
    stand.fresh()
    anybody: Api = stand.admin.as_key(None)
    try:
        assert anybody.run()["created_by"] == "anonymous"
        refused(anybody.get("/keys"), 403, "forbidden")
        for header in ({"origin": "https://evil.example"}, {"x-forwarded-for": "10.0.0.1"}, {"host": "evil.example"}):
            refused(anybody.send("GET", "/runs", headers=header), 401, "unauthorized")
        assert good(anybody.send("GET", "/runs", headers={"origin": stand.url}))["data"]
        assert httpx2.get(f"{stand.url}/runyard/v1/runs").status_code == 200
    finally:
        stand.close()
