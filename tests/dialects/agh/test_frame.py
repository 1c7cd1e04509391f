"""What holds for the whole dialect: keys, origins, unknown paths, and the shape of errors."""

from __future__ import annotations

import pytest

from tests.dialects.agh.client import Agh, refused

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_a_key_is_needed(agh: Agh) -> None:
    refused(agh.as_key(None).get("/api/tasks"), 401)
    refused(agh.as_key("ry_" + "0" * 40).get("/api/tasks"), 401)


def test_pages_of_another_origin_are_kept_out(agh: Agh) -> None:
    refused(agh.saying(origin="https://example.com").get("/api/tasks"), 403, "origin")


def test_what_is_not_there_is_not_found(agh: Agh) -> None:
    refused(agh.get("/api/nothing/here"), 404)


def test_errors_tell_no_secrets_and_name_things_as_their_makers_did(agh: Agh) -> None:
    token = "agh_claim_" + "A" * 43
    for response in (agh.get(f"/api/tasks/{token}"), agh.get("/api/tasks", status=token)):
        assert token not in response.text
        assert "agh_claim_[redacted]" in response.text
    assert "'mine'" in refused(agh.get("/api/tasks/mine"), 404)["error"]
