"""Every method of BambooSnow's published client against a real server, unchanged (contract §6)."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import bamboosnow
import pytest
from bamboosnow.resources.agents import AgentsResource
from bamboosnow.resources.api_keys import APIKeysResource
from bamboosnow.resources.repositories import RepositoriesResource
from bamboosnow.resources.runs import RunsResource
from bamboosnow.resources.users import UsersResource

from tests.e2e.conftest import Fleet, Working
from tests.e2e.snow_client.desk import Desk
from tests.e2e.snow_client.tries import TRIES

RESOURCES = {
    "runs": RunsResource,
    "agents": AgentsResource,
    "repositories": RepositoriesResource,
    "users": UsersResource,
    "api_keys": APIKeysResource,
}
NOT_OFFERED = {
    "users.get",
    "repositories.sync",
    "repositories.analyze",
    "repositories.get_latest_analysis",
    "repositories.list_analyses",
    "repositories.get_analysis",
    "repositories.wait_for_analysis",
}
"""Methods whose calls the contract leaves out (§5.11)."""
SOME_REPOSITORY = "repo_" + "0" * 31 + "1"


@pytest.fixture
def twin(engine: str) -> str:
    """Which of the two published clients: both send the same, so that each needs one engine only."""
    return {"sqlite": "sync", "postgres": "async"}[engine]


@pytest.fixture
def base(engine: str) -> str:
    """Where the dialect is: below its name, or, for a client that knows a host name alone, at the root."""
    return {"sqlite": "/bamboosnow", "postgres": ""}[engine]


@pytest.fixture
def desk(fleet: Fleet, engine: str, twin: str, base: str, working: Working) -> Iterator[Desk]:
    """A project of its own on a server of each engine, with a worker working."""
    with Desk(server=fleet.shared(engine), twin=twin, base=base) as desk, working(desk.worker()):
        yield desk


@pytest.mark.parametrize("method", sorted(TRIES))
def test_the_method_works_unchanged(desk: Desk, method: str) -> None:
    TRIES[method](desk)


def test_every_method_of_the_contract_is_tried() -> None:
    methods = {
        f"{name}.{verb}"
        for name, resource in RESOURCES.items()
        for verb, _ in inspect.getmembers(resource, inspect.isfunction)
        if not verb.startswith("_")
    }
    assert methods - NOT_OFFERED == set(TRIES)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_is_not_offered_is_not_found(desk: Desk) -> None:
    repositories: Any = desk.client.repositories
    assert repositories.get_latest_analysis(SOME_REPOSITORY) is None
    for call in (
        lambda: desk.client.users.get("someone"),
        lambda: repositories.sync(SOME_REPOSITORY),
        lambda: repositories.analyze(SOME_REPOSITORY),
        repositories.list_analyses,
        lambda: repositories.get_analysis("some"),
    ):
        with pytest.raises(bamboosnow.NotFoundError) as caught:
            call()
        assert len(caught.value.message) > 10, "said in words"


def test_refusals_are_its_own_exceptions(desk: Desk) -> None:
    done = desk.ended()
    with pytest.raises(bamboosnow.NotFoundError) as missing:
        desk.client.runs.get("run_" + "0" * 32)
    assert "run" in missing.value.message
    with pytest.raises(bamboosnow.NotFoundError):
        desk.client.runs.get("agent_" + "0" * 32)
    with pytest.raises(bamboosnow.ValidationError) as wrong:
        desk.client.runs.list(status="success")
    assert "waiting_approval" in wrong.value.message
    with pytest.raises(bamboosnow.ValidationError) as unnamed:
        desk.client.api_keys.create(name="")
    assert unnamed.value.status_code == 400
    with pytest.raises(bamboosnow.APIError) as late:
        desk.client.runs.cancel(done)
    assert late.value.response_body is not None
    assert (late.value.status_code, late.value.response_body["error"]) == (409, "conflict")
    with pytest.raises(bamboosnow.APIError) as undecided:
        desk.client.runs.approve(done, approved=True)
    assert undecided.value.status_code == 409
    with pytest.raises(bamboosnow.AuthenticationError):
        desk.connect("bs_live_wrong_but_long_enough").users.me()
    with pytest.raises(bamboosnow.AuthenticationError):
        desk.connect(None).runs.list()
    with pytest.raises(bamboosnow.APIError) as poor:
        desk.connect(desk.new_key("read")).runs.cancel(done)
    assert poor.value.status_code == 403
    assert "agents:run" in poor.value.message


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_it_reads_its_settings_from_the_environment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAMBOOSNOW_BASE_URL", f"{desk.server.url}/bamboosnow/")
    monkeypatch.setenv("BAMBOOSNOW_API_KEY", desk.new_key("read"))
    with bamboosnow.BambooSnowClient() as client:
        assert client.runs.list().total == 0


@pytest.mark.parametrize(("twin", "base"), [("sync", ""), ("sync", "/bamboosnow/"), ("async", "/bamboosnow")])
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_base_url_is_all_it_needs(desk: Desk) -> None:
    assert desk.status(desk.ended()) == "completed"
    assert desk.client.users.me().id
