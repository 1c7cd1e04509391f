"""Files of runs over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.support.api import Api, good, ids, proof, refused
from tests.support.stand import MAX_ARTIFACT, Stand
from tests.support.verbs import Json

BYTES = bytes(range(256)) * 4


def upload(api: Api, run: str, content: bytes = BYTES, name: str = "a.bin", **more: str) -> Json:
    """Upload a file."""
    headers = {"content-type": more.pop("content_type", "application/octet-stream")}
    made: Json = good(
        api.post(f"/runs/{run}/artifacts", content=content, params={"name": name, **more}, headers=headers), 201
    )
    return made


@pytest.fixture
def run(api: Api) -> str:
    """A run's id."""
    return str(api.run()["id"])


@pytest.mark.parametrize("content", [b"", b"x", BYTES, b"\0" * MAX_ARTIFACT])
def test_a_file_comes_back_as_it_was(api: Api, run: str, content: bytes) -> None:
    made = upload(api, run, content)
    assert (made["size"], made["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    path = f"/runs/{run}/artifacts/{made['id']}"
    assert good(api.get(path)) == made
    assert api.listed(f"/runs/{run}/artifacts") == [made]
    response = api.get(f"{path}/content")
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["content-length"] == str(len(content))
    assert response.headers["etag"] == f'"{made["sha256"]}"'
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("given", "slice_"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=10-19", slice(10, 20)),
        ("bytes=1000-", slice(1000, None)),
        ("bytes=1000-99999", slice(1000, None)),
        ("bytes=0-1023", slice(0, 1024)),
    ],
)
def test_a_part_of_a_file_is_read(api: Api, run: str, given: str, slice_: slice) -> None:
    path = f"/runs/{run}/artifacts/{upload(api, run)['id']}/content"
    response = api.send("GET", path, headers={"range": given})
    assert (response.status_code, response.content) == (206, BYTES[slice_])
    start = slice_.start
    assert response.headers["content-range"] == f"bytes {start}-{start + len(response.content) - 1}/1024"


@pytest.mark.parametrize("given", ["bytes=5-1", "bytes=x-", "lines=1-2", "bytes=", "bytes=1-2,5-6", "bytes=2000-"])
def test_a_range_that_makes_no_sense_is_passed_over(api: Api, run: str, given: str) -> None:
    path = f"/runs/{run}/artifacts/{upload(api, run)['id']}/content"
    response = api.send("GET", path, headers={"range": given})
    assert (response.status_code, response.content) == (200, BYTES)


def test_a_file_that_is_known_already_is_not_sent_again(api: Api, run: str) -> None:
    made = upload(api, run)
    path = f"/runs/{run}/artifacts/{made['id']}/content"
    for etag in (f'"{made["sha256"]}"', f'"other", W/"{made["sha256"]}"'):
        assert api.send("GET", path, headers={"if-none-match": etag}).status_code == 304
    assert api.send("GET", path, headers={"if-none-match": '"other"'}).status_code == 200


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(api: Api, run: str, stand: Stand) -> None:
    path = f"/runs/{run}/artifacts"
    refused(api.post(path, content=b"x" * (MAX_ARTIFACT + 1), params={"name": "a"}), 413, "too_large")

    def pieces() -> Iterator[bytes]:
        for _ in range(10):
            yield b"x" * (MAX_ARTIFACT // 5)

    response = api.http.post(
        f"/runyard/v1{path}", content=pieces(), params={"name": "a"}, headers={"authorization": f"Bearer {api.key}"}
    )
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert api.listed(path) == []
    assert list(stand.server.blobs.unfinished()) == []


def test_what_a_browser_could_run_is_only_downloaded(api: Api, run: str) -> None:
    for kind, manner in (("text/html", "attachment"), ("image/svg+xml", "attachment"), ("text/plain", "inline")):
        made = upload(api, run, b"<script>", name="folder/page é.html", content_type=kind)
        response = api.get(f"/runs/{run}/artifacts/{made['id']}/content")
        assert response.headers["content-type"] == kind
        said = f"{manner}; filename=\"page__.html\"; filename*=UTF-8''page%20%C3%A9.html"
        assert response.headers["content-disposition"] == said
        assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("name", ["", "n" * 513, "a\nb", "a\u202eb"])
def test_a_name_that_cannot_be_one_is_refused(api: Api, run: str, name: str) -> None:
    refused(api.post(f"/runs/{run}/artifacts", content=b"x", params={"name": name}), 400, "invalid")
    assert "name" in refused(api.post(f"/runs/{run}/artifacts", content=b"x"), 400, "invalid")["detail"]


def test_a_key_that_may_only_claim_proves_its_lease(api: Api, stand: Stand) -> None:
    claim = api.claimed()
    run, token = claim["run"]["id"], claim["lease"]["token"]
    claimer = stand.key("runs:claim")
    path = f"/runs/{run}/artifacts"
    refused(claimer.post(path, content=b"x", params={"name": "a"}), 403, "forbidden")
    refused(claimer.post(path, content=b"x", params={"name": "a", "token": "rl_x"}), 409, "lease_lost")
    first = upload(claimer, run, token=token)
    response = claimer.post(path, content=b"x", params={"name": "b"}, headers={"x-runyard-lease": token})
    second = good(response, 201)
    api.complete(claim)
    refused(claimer.post(path, content=b"x", params={"name": "a", "token": token}), 409, "lease_lost")
    refused(api.post(path, content=b"x", params={"name": "a"}), 409, "conflict")
    assert ids(api.listed(path, limit=1)) == [first["id"], second["id"]]
    assert not api.report("heartbeat", proof(claim))[0]["ok"]
