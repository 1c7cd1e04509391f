"""Files of runs: stored, linked to and read (contract §6.1 to §6.7, §6.9)."""

from __future__ import annotations

import base64
from typing import Any

import httpx2
import pytest

from runyard.dialects.posthog.mapping import artifacts as mapping
from tests.dialects.posthog.client import Posthog, good, path_of, refused
from tests.support.stand import MAX_ARTIFACT
from tests.support.verbs import Json

BYTES = bytes(range(256)) * 100
BUNDLE = {
    "skill_name": "s",
    "skill_source": "repo",
    "content_sha256": "a" * 64,
    "bundle_format": "zip",
    "schema_version": 1,
}


def encoded(content: bytes) -> str:
    """The bytes in base64."""
    return base64.b64encode(content).decode()


def a_file(name: str = "a.txt", content: str = "hello\n", **more: Any) -> Json:
    """A file to upload."""
    return {"name": name, "type": "output", "content": content, **more}


def upload(posthog: Posthog, run: Json, *files: Json) -> list[Json]:
    """The run's manifest after an upload."""
    found: list[Json] = good(posthog.post(path_of(run, "artifacts"), {"artifacts": list(files)}))["artifacts"]
    return found


def opened(posthog: Posthog, url: str, **headers: str) -> httpx2.Response:
    """What a link opens for somebody without a key."""
    return posthog.stand.http.get(url, headers=headers)


def downloaded(posthog: Posthog, run: Json, path: str) -> httpx2.Response:
    """What the download of a file answers."""
    return posthog.post(path_of(run, "artifacts/download"), {"storage_path": path})


def linked(posthog: Posthog, run: Json, path: str) -> str:
    """A link to a file."""
    said = good(posthog.post(path_of(run, "artifacts/presign"), {"storage_path": path}))
    assert said["expires_in"] == 3600
    return str(said["url"])


def test_files_stand_in_the_manifest_in_the_order_in_which_they_came(posthog: Posthog) -> None:
    run = posthog.run()
    (first,) = upload(posthog, run, a_file())
    assert first["storage_path"] == (
        f"tasks/artifacts/team_1/task_{run['task']}/run_{run['id']}/{first['id'][:8]}_a.txt"
    )
    assert (first["name"], first["type"], first["source"], first["content_type"]) == ("a.txt", "output", "", "")
    assert first["size"] == 6
    more = [
        a_file("dir/b.bin", encoded(BYTES), content_encoding="base64", content_type="image/png", source="agent_output"),
        a_file("c.zip", "x", type="skill_bundle", metadata=BUNDLE | {"unknown": 1}),
        a_file("a.txt", "again"),
    ]
    manifest = upload(posthog, run, *more)
    assert [one["name"] for one in manifest] == ["a.txt", "b.bin", "c.zip", "a.txt"]
    assert manifest[0] == first
    assert (manifest[1]["size"], manifest[1]["source"], manifest[1]["content_type"]) == (
        len(BYTES),
        "agent_output",
        "image/png",
    )
    assert manifest[2]["metadata"] == BUNDLE
    assert len({one["storage_path"] for one in manifest}) == 4
    seen = posthog.see(run)
    assert seen["artifacts"] == manifest
    assert downloaded(posthog, run, manifest[1]["storage_path"]).content == BYTES


def test_files_come_around_the_end_too_and_others_see_them(posthog: Posthog) -> None:
    run = posthog.change(posthog.run(), status="completed")
    upload(posthog, run, a_file(content_type="text/plain; charset=utf-8"))
    native = posthog.stand.http.get(
        f"/runyard/v1/runs/{run['id']}/artifacts", headers={"authorization": f"Bearer {posthog.key}"}
    ).json()
    assert [(one["name"], one["size"]) for one in native["data"]] == [("a.txt", 6)]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("  padded  ", "padded"),
        ("a/..", "artifact"),
        ("line\nbreak\u202etxt", "line_break_txt"),
        ("Screenshot 1.00\u202fPM 👩‍💻.png", "Screenshot 1.00\u202fPM 👩‍💻.png"),
        ("n" * 255, "n" * 255),
    ],
)
def test_a_file_is_kept_under_the_last_part_of_its_name(posthog: Posthog, said: str, kept: str) -> None:
    run = posthog.run()
    (made,) = upload(posthog, run, a_file(said))
    assert made["name"] == kept
    assert made["storage_path"].endswith(f"/{made['id'][:8]}_{kept}")
    assert opened(posthog, linked(posthog, run, made["storage_path"])).content == b"hello\n"


def test_a_link_opens_one_file_for_an_hour_and_nothing_else(posthog: Posthog) -> None:
    run = posthog.run()
    (made,) = upload(
        posthog, run, a_file("page é.html", encoded(BYTES), content_encoding="base64", content_type="text/html")
    )
    url = linked(posthog, run, made["storage_path"])
    reply = opened(posthog, url)
    assert (reply.status_code, reply.content) == (200, BYTES)
    assert reply.headers["content-type"] == "text/html"
    assert reply.headers["content-length"] == str(len(BYTES))
    assert reply.headers["content-disposition"] == (
        "attachment; filename=\"page__.html\"; filename*=UTF-8''page%20%C3%A9.html"
    )
    assert reply.headers["x-content-type-options"] == "nosniff"
    part = opened(posthog, url, range="bytes=5-9")
    assert (part.status_code, part.content, part.headers["content-range"]) == (
        206,
        BYTES[5:10],
        f"bytes 5-9/{len(BYTES)}",
    )
    for other in (url[:-1] + ("A" if url[-1] != "A" else "B"), url + "A", url.replace("/artifacts/", "/sessions/")):
        assert refused(opened(posthog, other), 404, code="not_found")
    posthog.stand.clock.forward(seconds=3599)
    assert opened(posthog, url).status_code == 200
    posthog.stand.clock.forward(seconds=1)
    refused(opened(posthog, url), 404, code="not_found")


def test_only_files_of_this_run_are_linked_to_and_downloads_follow_what_it_goes_on_from(
    posthog: Posthog, stranger: Posthog
) -> None:
    task = posthog.task()
    first = posthog.run(task)
    path = upload(posthog, first, a_file(content="old"))[0]["storage_path"]
    between = posthog.run(task, state={"resume_from_run_id": first["id"]})
    last = posthog.run(task, state={"resume_from_run_id": between["id"].upper()})
    alone, elsewhere = posthog.run(task), posthog.run(state={"resume_from_run_id": first["id"]})
    reply = downloaded(posthog, last, path)
    assert (reply.content, reply.headers["content-type"]) == (b"old", "application/octet-stream")
    for run in (alone, elsewhere):
        refused(downloaded(posthog, run, path), 404)
    for run in (last, alone):
        refused(posthog.post(path_of(run, "artifacts/presign"), {"storage_path": path}), 404)
    posthog.change(first, state={"resume_from_run_id": last["id"]})
    refused(downloaded(posthog, last, path + "x"), 404)
    refused(posthog.post(path_of(last, "artifacts/download"), {}), 400, code="required", attr="storage_path")
    refused(stranger.post(path_of(first, "artifacts/download"), {"storage_path": path}), 404, code="not_found")


@pytest.mark.parametrize(
    ("wrong", "code", "attr"),
    [
        ({"name": ""}, "blank", "name"),
        ({"name": "n" * 256}, "max_length", "name"),
        ({"type": "folder"}, "invalid_choice", "type"),
        ({"content": " "}, "blank", "content"),
        ({"content": None}, "null", "content"),
        ({"content_encoding": "hex"}, "invalid_choice", "content_encoding"),
        ({"content_encoding": "base64", "content": "no!"}, "invalid", "content"),
        ({"content_encoding": "base64", "content": "QQ==QQ=="}, "invalid", "content"),
        ({"content_encoding": "base64", "content": "é" * 4}, "invalid", "content"),
        ({"content": "x" * (MAX_ARTIFACT + 1)}, "max_length", "content"),
        ({"content_type": "t" * 256}, "max_length", "content_type"),
        ({"source": "s" * 65}, "max_length", "source"),
        ({"type": "skill_bundle"}, "required", "metadata"),
        ({"metadata": BUNDLE | {"content_sha256": "A" * 64}}, "invalid", "metadata__content_sha256"),
        ({"metadata": {}}, "required", "metadata__skill_name"),
    ],
)
def test_all_files_of_a_request_are_kept_or_none(posthog: Posthog, wrong: Json, code: str, attr: str) -> None:
    run = posthog.run()
    refusal = posthog.post(path_of(run, "artifacts"), {"artifacts": [a_file(), a_file() | wrong]})
    refused(refusal, 400, code=code, attr=f"artifacts__1__{attr}")
    assert posthog.see(run)["artifacts"] == []


def test_requests_are_refused_in_order(posthog: Posthog, stranger: Posthog) -> None:
    run = posthog.run()
    path = path_of(run, "artifacts")
    refused(posthog.post(path, {}), 400, code="required", attr="artifacts")
    refused(posthog.post(path, {"artifacts": []}), 400, code="empty", attr="artifacts")
    refused(posthog.post(path, {"artifacts": [1]}), 400, code="invalid_input", attr="artifacts__0")
    refused(posthog.post(path, content=b"{", headers={"content-type": "application/json"}), 400, code="parse_error")
    refused(posthog.with_scopes("task:read").post(path, {}), 403, code="permission_denied")
    refused(stranger.post(path, {}), 404, code="not_found")
    refused(posthog.post(f"tasks/{run['task']}/runs/{run['task']}/artifacts", {}), 404, code="not_found")


def test_a_run_has_no_more_files_than_can_be_shown(posthog: Posthog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runyard.engine.coding.manifests.MOST", 2)
    run = posthog.run()
    upload(posthog, run, a_file())
    assert (
        "it may have 2" in refused(posthog.post(path_of(run, "artifacts"), {"artifacts": [a_file()] * 2}), 400)["error"]
    )
    assert len(posthog.see(run)["artifacts"]) == 1


def test_how_large_a_file_may_be_depends_on_what_it_is() -> None:
    limit = 1 << 40
    pdf = {"name": "a.PDF", "type": "user_attachment"}
    assert mapping.largest(pdf, limit) == 10 << 20
    assert (
        mapping.largest({"name": "a", "type": "user_attachment", "content_type": "application/pdf; x"}, limit)
        == 10 << 20
    )
    assert mapping.largest(pdf | {"type": "output"}, limit) == 30 << 20
    assert mapping.largest(pdf, 5) == 5
