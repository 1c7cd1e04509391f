"""Restarts, debug mode and debug bundles in the native API's words."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from runyard.dialects.native import wire
from runyard.domain.presets import OVERRIDE, PRESETS
from runyard.engine import resources
from runyard.engine.resources import NewSample
from tests.dialects.native.recipes import started
from tests.support.api import Api, good, proof, refused
from tests.support.stand import Stand


@pytest.mark.parametrize("paused", [False, True])
def test_a_restart_queues_the_run_again_with_another_preset(api: Api, paused: bool) -> None:
    run = started(api, metadata={"note": "x"})
    if paused:
        good(api.post(f"/runs/{run['id']}/pause"))
    again = good(api.post(f"/runs/{run['id']}/restart", {"preset": "large-2x", "reason": "too small"}))
    assert (again["state"], again["attempt"], again["started_at"], again["lease"]) == ("queued", 1, None, None)
    assert again["metadata"] == {"note": "x", OVERRIDE: "large-2x"}
    last = good(api.get(f"/runs/{run['id']}/events"))["data"][-1]
    assert (last["type"], last["data"]["reason"]) == ("run.restarted", "too small")


def test_who_held_a_restarted_run_has_lost_it(api: Api) -> None:
    claim = api.claimed()
    api.report("start", proof(claim))
    good(api.post(f"/runs/{claim['run']['id']}/restart"))
    (result,) = api.report("complete", {**proof(claim), "output": 1})
    assert result["error"]["code"] == "lease_lost"
    assert api.see(claim["run"])["metadata"] is None


def test_only_a_running_or_paused_run_is_restarted_and_only_with_a_known_preset(api: Api) -> None:
    run = started(api)
    refused(api.post(f"/runs/{api.done()['id']}/restart"), 409, "illegal_move")
    refused(api.post(f"/runs/{api.run()['id']}/restart"), 409, "illegal_move")
    for preset in ("gigantic", "", 3):
        refused(api.post(f"/runs/{run['id']}/restart", {"preset": preset}), 400, "invalid")
    assert api.see(run)["state"] == "running"


def test_every_preset_may_be_named() -> None:
    named = get_type_hints(wire.RestartIn)["preset"]
    assert {word for part in get_args(named) for word in get_args(part)} == set(PRESETS)


def test_debug_mode_is_turned_on_and_off_in_any_state(api: Api) -> None:
    run = api.done()
    assert run["debug"] is False
    for on in (True, True, False):
        shown = good(api.post(f"/runs/{run['id']}/debug", {"on": on}))
        assert (shown["debug"], shown["state"]) == (on, "completed")
        assert api.see(run)["debug"] is on
    told = [one["type"] for one in good(api.get(f"/runs/{run['id']}/events"))["data"]]
    assert told[-2:] == ["run.debug_set", "run.debug_set"]
    assert told.count("run.debug_set") == 2
    for wrong in ({}, {"on": None}, {"on": "yes"}):
        refused(api.post(f"/runs/{run['id']}/debug", wrong), 400, "invalid")


def test_a_bundle_has_what_the_lists_have(stand: Stand, api: Api) -> None:
    path = f"/runs/{started(api)['id']}"
    good(api.post(f"{path}/logs", {"entries": [{"message": f"line {n}"} for n in range(3)]}), 201)
    for n in range(2):
        good(api.post(f"{path}/checkpoints", {"state": n}), 201)
        good(api.post(f"{path}/usage", {"model": f"m{n}", "input_tokens": 1}), 201)
        good(api.post(f"{path}/tool-calls", {"name": f"tool {n}"}), 201)
        good(api.put(f"{path}/outputs/out-{n}", {"value": n}))
    run = api.see(path.removeprefix("/runs/"))
    sample = NewSample(run_id=run["id"], cpu_percent=50.0, memory_mb=10.0, memory_limit_mb=256.0)
    stand.store.transact(resources.add, [sample])

    bundle = good(api.get(f"{path}/debug"))

    assert bundle["run"] == run
    assert [line["message"] for line in bundle["logs"]] == ["line 2", "line 1", "line 0"]
    assert [one["number"] for one in bundle["checkpoints"]] == [2, 1]
    assert [one["model"] for one in bundle["usage"]] == ["m1", "m0"]
    assert [one["name"] for one in bundle["tool_calls"]] == ["tool 1", "tool 0"]
    assert [one["key"] for one in bundle["outputs"]] == ["out-0", "out-1"]
    (shown,) = bundle["samples"]
    assert (shown["cpu_percent"], shown["memory_mb"], shown["memory_limit_mb"]) == (50.0, 10.0, 256.0)
