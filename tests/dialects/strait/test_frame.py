"""What holds before any operation is looked at: headers of every reply, limits, and paths that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dialects.strait.client import Strait, good, refused, strait_key
from tests.dialects.strait.contract import StraitContract
from tests.support.stand import Stand, settings_in
from tests.support.stores import AnyStore, Clock

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
UNKNOWN = "0199b3c4-0000-7000-8000-00000000a001"


def test_health_needs_no_key(strait: Strait) -> None:
    assert good(strait.as_key(None).get("/health")) == {"status": "ok"}
    assert good(strait.as_key(None).get("/health/ready")) == {"status": "ready"}


@on_sqlite
@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/nothing", "/v1/runs%2f", "/v1/runs/%00", "/v1/runs/%ff", "/v1//runs/x"]
)
def test_a_path_that_is_none_is_not_found(strait: Strait, path: str) -> None:
    refused(strait.get(path), 404)


@on_sqlite
@pytest.mark.parametrize(
    ("said", "accepted", "able"),
    [
        (None, "legacy", "none"),
        ("1.9.0", "1.9.0", "none"),
        ("2.0.0", "2.0.0", "progress,checkpoint,usage"),
        ("v3", "v3", "progress,checkpoint,usage"),
        ("odd", "odd", "none"),
        ("9" * 100, "legacy", "none"),
    ],
)
def test_worker_side_replies_say_what_they_can(strait: Strait, said: str | None, accepted: str, able: str) -> None:
    headers = {} if said is None else {"X-SDK-Version": said}
    for response in (
        strait.executing().call("heartbeat", headers=headers),
        strait.post(f"/sdk/v1/runs/{UNKNOWN}/heartbeat", headers=headers),  # refusals say it, too
    ):
        assert response.headers["x-sdk-version-accepted"] == accepted
        assert response.headers["x-sdk-capabilities"] == able
    assert "x-sdk-capabilities" not in strait.get("/v1/runs").headers


@on_sqlite
def test_a_request_id_comes_back_in_header_and_body(strait: Strait) -> None:
    response = strait.get(
        "/v1/runs/none",
    )
    assert response.json()["request_id"] == response.headers["x-request-id"]
    given = strait.send("GET", "/v1/runs/none", headers={"X-Request-Id": "mine-1"})
    assert given.json()["request_id"] == given.headers["x-request-id"] == "mine-1"


@on_sqlite
def test_limits_are_told_in_the_dialects_own_headers(
    store: AnyStore, clock: Clock, contract: StraitContract, tmp_path: Path
) -> None:
    stand = Stand(store, clock, settings_in(tmp_path, rate_limit_per_key=3))
    try:
        stand.fresh()
        strait = Strait(stand, contract, strait_key(stand))
        left = []
        for _ in range(3):
            response = strait.get("/v1/runs")
            assert response.headers["x-ratelimit-limit"] == "3"
            left.append(int(response.headers["x-ratelimit-remaining"]))
        assert left == [2, 1, 0]
        response = strait.get("/v1/runs")
        refused(response, 429)
        assert response.headers["retry-after"].isdigit()
        assert (response.headers["x-ratelimit-limit"], response.headers["x-ratelimit-remaining"]) == ("3", "0")
    finally:
        stand.close()


@on_sqlite
def test_no_limits_are_told_where_there_are_none(strait: Strait) -> None:
    assert not [name for name in strait.get("/v1/runs").headers if name.startswith("x-ratelimit")]
