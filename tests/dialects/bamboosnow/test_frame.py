"""What holds for every path of the dialect, known or not (contract §2)."""

from __future__ import annotations

import pytest

from tests.dialects.bamboosnow.client import Snow, refused


@pytest.mark.parametrize("path", ["/v1/nothing", "/api/v1/nothing", "/v1/runs/x/y/z", "/", "", "/api/v2/runs"])
def test_an_unknown_path_is_refused_in_the_shape_that_the_published_client_reads(snow: Snow, path: str) -> None:
    refused(snow.get(path), 404)


def test_no_key_and_a_wrong_key_are_refused(snow: Snow) -> None:
    refused(snow.as_key(None).get("/v1/agents"), 401)
    refused(snow.as_key("bs_live_" + "0" * 64).get("/v1/agents"), 401)


def test_an_agent_is_made_and_its_run_goes_its_way(snow: Snow) -> None:
    run = snow.run(snow.agent(template="code-reviewer"), {"pull_request": {"number": 7}})
    snow.complete(snow.start(run), {"ok": True})
    other = snow.run()
    snow.fail(snow.start(other))
