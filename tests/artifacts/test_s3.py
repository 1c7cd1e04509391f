"""Blobs in S3: a server of this machine that speaks it, and the dialect whose clients bring most files over it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

from runyard.artifacts.objects import ObjectBlobs, at_url
from runyard.domain.errors import NotFound, TooLarge, Unavailable
from tests.dialects.posthog import client
from tests.dialects.posthog.client import Posthog
from tests.dialects.posthog.test_artifacts import downloaded, linked, upload
from tests.dialects.posthog.test_uploads import attached, prepare, send
from tests.support.stand import Stand, settings_in
from tests.support.stores import Clock, Shelf

BUCKET = "runyard-test"
URL = f"s3://{BUCKET}/some/where"
PART = 5 << 20


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """Where it is, and a client of its own."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        # As an operator sets them; the client of the store reads the machine's certificates too.
        patch.delenv("SSL_CERT_DIR", raising=False)
        patch.setenv("AWS_ENDPOINT", f"http://{host}:{port}")
        patch.setenv("AWS_ALLOW_HTTP", "true")
        patch.setenv("AWS_ACCESS_KEY_ID", "an-id")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
        patch.setenv("AWS_REGION", "eu-west-1")
        itself = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="eu-west-1")
        itself.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield itself
    server.stop()


@pytest.fixture
def blobs(s3: Any) -> ObjectBlobs:
    """An empty place in a bucket."""
    for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        s3.delete_object(Bucket=BUCKET, Key=one["Key"])
    return at_url(URL)


def keys(s3: Any) -> list[str]:
    """What lies in the bucket."""
    return [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


async def sent(pieces: Iterable[bytes | Exception]) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def streamed(blobs: ObjectBlobs, sha256: str, **asked: int) -> bytes:
    async def collect() -> bytes:
        return b"".join([piece async for piece in await blobs.stream(1, sha256, **asked)])

    return asyncio.run(collect())


@pytest.mark.parametrize("sizes", [[], [0], [100], [PART], [PART, 1], [700_000] * 20])
def test_bytes_come_back_whole_and_in_part(blobs: ObjectBlobs, s3: Any, sizes: list[int]) -> None:
    pieces = [bytes([number]) * size for number, size in enumerate(sizes, 1)]
    whole = b"".join(pieces)
    blob = asyncio.run(blobs.receive(1, sent(pieces), limit=1 << 30))
    assert (blob.size, blob.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert blobs.read(1, blob.sha256) == streamed(blobs, blob.sha256) == whole
    assert keys(s3) == [f"some/where/artifacts/1/{blob.sha256[:2]}/{blob.sha256}"]
    if whole:
        assert streamed(blobs, blob.sha256, start=3, stop=50) == whole[3:50]
        assert streamed(blobs, blob.sha256, start=len(whole) - 2) == whole[-2:]


def test_what_is_too_large_or_breaks_off_leaves_nothing(blobs: ObjectBlobs, s3: Any) -> None:
    with pytest.raises(TooLarge):
        asyncio.run(blobs.receive(1, sent([bytes(6 << 20)] * 2), limit=11 << 20))
    with pytest.raises(ConnectionResetError):
        asyncio.run(blobs.receive(1, sent([bytes(6 << 20), ConnectionResetError()]), limit=1 << 30))
    assert keys(s3) == []
    assert list(blobs.unfinished()) == []
    assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_blobs_are_listed_renamed_and_deleted(blobs: ObjectBlobs, s3: Any) -> None:
    made = [blobs.put(1, bytes([number])) for number in range(3)]
    for blob in made:
        (one,) = [one for one in blobs.listing(1, blob.sha256[:2]) if one.name == blob.sha256]
        assert (one.size, one.at) == (1, blobs.written_at(1, blob.sha256))
    assert list(blobs.listing(2, made[0].sha256[:2])) == []
    name = blobs.keep("archive/1", ".zst", [bytes(PART), b"end"])
    assert f"some/where/{name}" in keys(s3)
    s3.put_object(Bucket=BUCKET, Key="some/where/artifacts/incoming/half", Body=b"half")
    (left,) = blobs.unfinished()
    blobs.discard(left.name)
    for _ in range(2):
        blobs.delete(1, made[0].sha256)
    assert blobs.written_at(1, made[0].sha256) is None
    for gone in (lambda: blobs.read(1, made[0].sha256), lambda: streamed(blobs, made[0].sha256)):
        with pytest.raises(NotFound):
            gone()
    assert len(keys(s3)) == 3


def test_a_bucket_that_is_not_there_is_no_place(s3: Any) -> None:
    nowhere = at_url("s3://runyard-nowhere")
    with pytest.raises(Unavailable):
        nowhere.put(1, b"x")
    with pytest.raises(Unavailable):
        asyncio.run(nowhere.receive(1, sent([b"x"]), limit=9))


@pytest.fixture
def posthog(blobs: ObjectBlobs, shelf: Shelf, clock: Clock, tmp_path: Path) -> Iterator[Posthog]:
    """The dialect of a server that keeps its files in S3."""
    stand = Stand(shelf.empty("sqlite"), clock, settings_in(tmp_path, artifacts_url=URL))
    stand.fresh()
    yield client.posthog(stand)
    stand.close()


def test_files_go_through_the_server_to_s3_and_back(posthog: Posthog, s3: Any, tmp_path: Path) -> None:
    run = posthog.run()
    content = bytes(range(256)) * 100
    made = prepare(posthog, run, size=len(content))
    assert send(posthog, made, content).status_code == 204
    (entry,) = attached(posthog, run, made)
    (_, other) = upload(posthog, run, {"name": "b", "type": "plan", "content": "text"})
    assert posthog.stand.http.get(linked(posthog, run, entry["storage_path"])).content == content
    assert downloaded(posthog, run, other["storage_path"]).content == b"text"
    assert len(keys(s3)) == 2
    assert not (tmp_path / "artifacts").exists()
    s3.delete_object(Bucket=BUCKET, Key=keys(s3)[0])
    s3.delete_object(Bucket=BUCKET, Key=keys(s3)[0])
    assert downloaded(posthog, run, other["storage_path"]).status_code == 404
