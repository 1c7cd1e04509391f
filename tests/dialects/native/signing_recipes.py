"""Requests that succeed: the keys that sign tokens for sandboxes."""

from __future__ import annotations

from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api
from tests.support.stand import Stand


@recipe
def get_connection_key(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/keys/connection.pem")


@recipe
def list_connection_keys(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/keys/connection")


@recipe
def rotate_connection_key(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/keys/connection/rotate")
