"""Requests that succeed: inboxes, and how all tasks stand."""

from __future__ import annotations

from tests.dialects.native.recipes import Ask, recipe
from tests.dialects.native.scheduler_recipes import task_of
from tests.support.api import Api
from tests.support.stand import Stand


@recipe
def triage_task(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/tasks/{task_of(stand, api)}/triage", body={"verb": "archive"})


@recipe
def get_inbox(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/inbox", params={"unread": True, "limit": 10})


@recipe
def get_task_stats(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/tasks/stats", params={"no_workspace": True})
