"""Requests that succeed: sandboxes."""

from __future__ import annotations

from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api
from tests.support.stand import Stand


@recipe
def list_sandboxes(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/sandboxes")
