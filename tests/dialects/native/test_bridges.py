"""Bridges and subscriptions over the native API."""

from __future__ import annotations

import pytest

from tests.dialects.native.bridge_recipes import bridge_of, subscription_of
from tests.support.api import Api, good
from tests.support.stand import Stand
from tests.support.verbs import Json


def test_a_bridge_shows_its_secrets_never_and_what_signs_once(api: Api):
    made = bridge_of(api)
    assert made["signing_secret"].startswith("whsec_")
    seen = good(api.get(f"/bridges/{made['id']}"))
    assert seen == {name: value for name, value in made.items() if name != "signing_secret"}
    assert "example.com" not in api.get("/bridges").text
    given = {"url": "https://example.com/other", "signing_secret": made["signing_secret"]}
    assert "signing_secret" not in good(api.patch(f"/bridges/{made['id']}", given))


def test_bridges_are_paged(api: Api):
    ids = [bridge_of(api)["id"] for _ in range(3)]
    first = good(api.get("/bridges", limit=2))
    rest = good(api.get("/bridges", limit=2, cursor=first["next_cursor"]))
    assert [one["id"] for one in first["data"] + rest["data"]] == ids[::-1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_bridge_that_cannot_be_is_refused(api: Api):
    bad: list[tuple[Json, int]] = [
        ({"name": "x", "url": "http://10.0.0.1/"}, 400),
        ({"name": "x", "via": "apprise", "url": "json://example.com/"}, 400),
        ({"name": "x", "config": {"token": "t"}}, 400),
        ({"name": "x", "config": [1]}, 400),
        ({"name": "x", "workspace_id": "none"}, 404),
        ({"name": ""}, 400),
    ]
    for body, status in bad:
        response = api.post("/bridges", body)
        assert response.status_code == status, response.text
    assert good(api.get("/bridges"))["data"] == []


def test_a_subscription_is_found_by_its_name_too(stand: Stand, api: Api):
    path = subscription_of(stand, api)
    one = good(api.get(path))
    assert good(api.get(f"{path.rpartition('/')[0]}/{one['name']}")) == one
    assert api.delete(f"/bridges/{one['bridge_id']}").status_code == 409
