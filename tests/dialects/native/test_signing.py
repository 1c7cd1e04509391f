"""The keys that sign tokens for sandboxes, as operators see them."""

from __future__ import annotations

import jwt

from tests.support.api import Api, good, refused
from tests.support.coding import a_coding_run
from tests.support.stand import Stand


def test_a_rotated_key_signs_what_comes_and_the_old_one_stays_known(stand: Stand) -> None:
    reader: Api = stand.key("runs:read")
    pem = reader.get("/keys/connection.pem")
    assert pem.headers["content-type"] == "application/x-pem-file"
    assert pem.text.startswith("-----BEGIN PUBLIC KEY-----\n")
    (old,) = good(reader.get("/keys/connection"))["data"]
    assert (old["public_key"], old["algorithm"], old["retired_at"]) == (pem.text, "RS256", None)

    refused(reader.post("/keys/connection/rotate"), 403, "forbidden")
    headers = {"idempotency-key": "once"}
    new = good(stand.admin.post("/keys/connection/rotate", headers=headers), 201)
    assert good(stand.admin.post("/keys/connection/rotate", headers=headers), 201) == new
    first, second = good(reader.get("/keys/connection"))["data"]
    assert (first, second["id"], second["retired_at"] is None) == (new, old["id"], False)
    assert reader.get("/keys/connection.pem").text == new["public_key"]
    assert reader.get("/keys/connection.pem", kid=old["id"]).text == old["public_key"]
    for kid in ("", "x", "x" * 1000):
        refused(reader.get("/keys/connection.pem", kid=kid), 404, "not_found")

    run = a_coding_run(stand.store)
    token = stand.on_loop(lambda: stand.server.signed.connection(run, 1, "x"))
    assert jwt.get_unverified_header(token)["kid"] == new["id"]
    assert "PRIVATE" not in reader.get("/keys/connection").text
