"""Requests that succeed: chat threads that hear of runs."""

from __future__ import annotations

from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api, good
from tests.support.stand import Stand

THREAD = {"channel": "C0123456789", "thread": "1712345678.000100", "mention": "U0123456789"}


def _told(api: Api) -> str:
    """A run whose thread was told of."""
    run_id = good(api.post("/runs", {}), 201)["id"]
    good(api.put(f"/runs/{run_id}/thread", THREAD))
    return f"/runs/{run_id}"


@recipe
def put_thread(stand: Stand, api: Api) -> Ask:
    run_id = good(api.post("/runs", {}), 201)["id"]
    return Ask(method="PUT", path=f"/runs/{run_id}/thread", body=THREAD)


@recipe
def get_thread(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"{_told(api)}/thread")


@recipe
def delete_thread(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"{_told(api)}/thread")


@recipe
def list_relays(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"{_told(api)}/relays")
