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
