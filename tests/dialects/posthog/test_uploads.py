"""Uploads in two steps (contract §6.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from runyard.engine.coding import uploads
from tests.dialects.posthog.client import Posthog, good, path_of, refused
from tests.support.stand import MAX_ARTIFACT
from tests.support.verbs import Json

BYTES = bytes(range(256)) * 100
BOUNDARY = "----formdata-undici-0123456789"


def prepare(posthog: Posthog, run: Json, **said: Any) -> Json:
    """An upload that was announced."""
    item = {
        "name": "dir/a.bin",
        "type": "output",
        "size": len(BYTES),
        "content_type": "image/png",
        "source": "s",
    } | said
    (made,) = good(posthog.post(path_of(run, "artifacts/prepare_upload"), {"artifacts": [item]}))["artifacts"]
    assert made["expires_in"] == 3600
    return dict(made)


def form(fields: dict[str, str], content: bytes, *, end: str = "--\r\n") -> bytes:
    """A form as Node's fetch writes it: the fields, then the file."""
    head = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{BOUNDARY}{end}".encode()


def send(posthog: Posthog, made: Json, content: bytes = BYTES, **more: Any) -> httpx2.Response:
    """Send the file by its form, without a key."""
    body = more.pop("body", None) or form(more.pop("fields", made["presigned_post"]["fields"]), content)
    kind = more.pop("kind", f"multipart/form-data; boundary={BOUNDARY}")
    return posthog.stand.http.post(made["presigned_post"]["url"], content=body, headers={"content-type": kind})


def finalize(posthog: Posthog, run: Json, *made: Json, **said: Any) -> httpx2.Response:
    """Ask for uploads to be attached, as the package of the agent does."""
    names = ("id", "name", "type", "source", "storage_path", "content_type")
    items = [{name: one[name] for name in names} | said for one in made]
    return posthog.post(path_of(run, "artifacts/finalize_upload"), {"artifacts": items})


def attached(posthog: Posthog, run: Json, *made: Json) -> list[Json]:
    """The entries of uploads."""
    found: list[Json] = good(finalize(posthog, run, *made))["artifacts"]
    return found


def test_a_file_is_announced_sent_as_a_form_and_attached(posthog: Posthog) -> None:
    run = posthog.change(posthog.run(), status="completed")
    made = prepare(posthog, run)
    assert (made["name"], made["size"], made["presigned_post"]["fields"]) == (
        "a.bin",
        len(BYTES),
        {"key": made["storage_path"]},
    )
    assert send(posthog, made).status_code == 204
    (entry,) = attached(posthog, run, made)
    assert {name: entry[name] for name in ("id", "name", "type", "source", "size", "content_type", "storage_path")} == {
        "id": made["id"],
        "name": "a.bin",
        "type": "output",
        "source": "s",
        "size": len(BYTES),
        "content_type": "image/png",
        "storage_path": made["storage_path"],
    }
    assert posthog.see(run)["artifacts"] == [entry]
    reply = posthog.post(path_of(run, "artifacts/download"), {"storage_path": entry["storage_path"]})
    assert (reply.content, reply.headers["content-type"]) == (BYTES, "image/png")
    assert attached(posthog, run, made) == [entry]
    assert posthog.see(run)["artifacts"] == [entry]
    assert send(posthog, made).status_code == 404


def test_several_are_attached_at_once_and_answered_in_their_order(posthog: Posthog) -> None:
    run = posthog.run()
    one, two, three = (prepare(posthog, run, name=name) for name in ("1", "2", "3"))
    for made in (one, two, three):
        assert send(posthog, made, made["name"].encode()).status_code == 204
    attached(posthog, run, two)
    found = attached(posthog, run, three, two, one, one)
    assert [entry["name"] for entry in found] == ["3", "2", "1", "1"]
    assert [entry["name"] for entry in posthog.see(run)["artifacts"]] == ["2", "3", "1"]


def test_what_is_sent_again_takes_the_place_of_what_came_before(posthog: Posthog) -> None:
    run = posthog.run()
    made = prepare(posthog, run)
    for content in (b"one", b"two\r\n--", b"--" + BOUNDARY.encode() + b"\r"):
        assert send(posthog, made, content).status_code == 204
    (entry,) = attached(posthog, run, made)
    reply = posthog.post(path_of(run, "artifacts/download"), {"storage_path": entry["storage_path"]})
    assert reply.content == b"--" + BOUNDARY.encode() + b"\r"


def test_what_was_not_announced_to_this_run_or_did_not_come_is_not_attached(posthog: Posthog) -> None:
    run = posthog.run()
    other = posthog.run(run["task"])
    made, foreign = prepare(posthog, run), prepare(posthog, other)
    assert "did not come" in refused(finalize(posthog, run, made), 400)["error"]
    assert send(posthog, made).status_code == send(posthog, foreign).status_code == 204
    assert "not a path of this run" in refused(finalize(posthog, run, made, foreign), 400)["error"]
    assert "another upload" in refused(finalize(posthog, run, made, id="f" * 32), 400)["error"]
    assert "waited for" in refused(finalize(posthog, run, made, id=made["id"][:-1] + "g"), 400)["error"]
    path = made["storage_path"] + "x"
    assert "waited for" in refused(finalize(posthog, run, made, storage_path=path), 400)["error"]
    assert posthog.see(run)["artifacts"] == []
    assert len(attached(posthog, run, made)) == len(attached(posthog, other, foreign)) == 1


def test_an_upload_waits_for_an_hour_and_for_another_once_it_came(posthog: Posthog) -> None:
    run = posthog.run()
    late, early = prepare(posthog, run, name="late"), prepare(posthog, run, name="early")
    posthog.stand.clock.forward(seconds=3599)
    assert send(posthog, early).status_code == 204
    posthog.stand.clock.forward(seconds=1)
    refused(send(posthog, late), 404, code="not_found")
    assert posthog.stand.store.transact(uploads.prune) == 0
    assert "not any more" in refused(finalize(posthog, run, late), 400)["error"]
    assert len(attached(posthog, run, early)) == 1
    posthog.stand.clock.forward(seconds=1)
    assert posthog.stand.store.transact(uploads.prune) == 1


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"fields": {}}, 400),
        ({"fields": {"key": "tasks/other"}}, 400),
        ({"fields": {f"f{number}": "" for number in range(40)}}, 400),
        ({"fields": {"key": "x" * 20_000}}, 400),
        ({"kind": "application/json"}, 415),
        ({"kind": "multipart/form-data"}, 415),
        ({"body": b"no form"}, 400),
        ({"body": form({"key": "k"}, BYTES).replace(b'name="file"', b'name="files"')}, 400),
        ({"content": BYTES + bytes(64 << 10)}, 413),
    ],
)
def test_a_form_that_is_not_as_it_was_given_is_refused(posthog: Posthog, wrong: Json, status: int) -> None:
    run = posthog.run()
    made = prepare(posthog, run)
    reply = send(posthog, made, **wrong)
    assert reply.status_code == status, reply.text
    assert len(reply.json()["detail"]) > 10
    refused(finalize(posthog, run, made), 400)


def test_a_form_that_breaks_off_leaves_nothing(posthog: Posthog) -> None:
    run = posthog.run()
    made = prepare(posthog, run)
    for end in ("", "--"):
        broken = form(made["presigned_post"]["fields"], BYTES, end=end)[: None if end == "" else -4]
        assert send(posthog, made, body=broken).status_code == 400
    refused(finalize(posthog, run, made), 400)
    assert list(posthog.stand.server.blobs.unfinished()) == []


def test_no_more_is_kept_than_was_announced_though_nobody_said_how_much_comes(posthog: Posthog) -> None:
    made = prepare(posthog, posthog.run())

    def pieces() -> Iterator[bytes]:
        yield form(made["presigned_post"]["fields"], b"", end="")[: -len(BOUNDARY) - 4]
        yield from [bytes(1 << 14)] * 10

    kind = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    reply = posthog.stand.http.post(made["presigned_post"]["url"], content=pieces(), headers=kind)
    assert reply.status_code == 413
    assert list(posthog.stand.server.blobs.unfinished()) == []


def test_refusals_name_the_field(posthog: Posthog, stranger: Posthog) -> None:
    run = posthog.run()
    path = path_of(run, "artifacts/prepare_upload")
    item = {"name": "a", "type": "output", "size": 1}
    for wrong, code, attr in (
        ({"size": 0}, "min_value", "size"),
        ({"size": (30 << 20) + 1}, "max_value", "size"),
        ({"size": MAX_ARTIFACT + 1}, "max_value", "size"),
        ({"size": None}, "null", "size"),
        ({"type": "skill_bundle"}, "required", "metadata"),
    ):
        refused(posthog.post(path, {"artifacts": [item | wrong]}), 400, code=code, attr=f"artifacts__0__{attr}")
    refused(posthog.post(path, {}), 400, code="required", attr="artifacts")
    refused(posthog.with_scopes("task:read").post(path, {"artifacts": [item]}), 403, code="permission_denied")
    refused(stranger.post(path, {}), 404, code="not_found")
    refused(stranger.post(path_of(run, "artifacts/finalize_upload"), {}), 404, code="not_found")
    gone = posthog.post(path_of(run, "artifacts/finalize_upload"), {"artifacts": [{"id": "x"}]})
    refused(gone, 400, code="required", attr="artifacts__0__name")
