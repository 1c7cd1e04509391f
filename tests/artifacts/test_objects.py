"""Blobs in a local folder."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from runyard.artifacts.objects import ObjectBlobs, at_url, in_folder
from runyard.artifacts.port import Blob
from runyard.domain.errors import Invalid, NotFound, TooLarge, Unavailable


@pytest.fixture
def blobs(tmp_path: Path) -> ObjectBlobs:
    return in_folder(tmp_path)


async def chunks(pieces: Iterable[bytes | Exception]) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def receive(blobs: ObjectBlobs, *pieces: bytes | Exception, limit: int = 1 << 30, project: int = 1) -> Blob:
    return asyncio.run(blobs.receive(project, chunks(pieces), limit=limit))


def streamed(blobs: ObjectBlobs, blob: Blob, **asked: int) -> bytes:
    async def collect() -> bytes:
        return b"".join([piece async for piece in await blobs.stream(1, blob.sha256, **asked)])

    return asyncio.run(collect())


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_bytes_come_back_as_they_were_sent(blobs):
    blob = receive(blobs, b"one ", b"", b"two")
    assert blob == Blob(sha256=hashlib.sha256(b"one two").hexdigest(), size=7)
    assert blobs.read(1, blob.sha256) == b"one two"


def test_a_blob_lies_under_its_project_and_hash(blobs, tmp_path):
    blob = blobs.put(7, b"content")
    assert files(tmp_path) == [f"artifacts/7/{blob.sha256[:2]}/{blob.sha256}"]


def test_equal_bytes_of_one_project_are_stored_once(blobs, tmp_path):
    assert receive(blobs, b"same") == receive(blobs, b"sa", b"me") == blobs.put(1, b"same")
    assert len(files(tmp_path)) == 1
    blobs.put(2, b"same")
    assert len(files(tmp_path)) == 2


def test_an_empty_blob_is_a_blob(blobs):
    blob = receive(blobs)
    assert blob.size == 0
    assert blobs.read(1, blob.sha256) == streamed(blobs, blob) == streamed(blobs, blob, start=0, stop=0) == b""


def test_more_than_one_part_arrives_whole(blobs):
    pieces = [bytes([number]) * 700_000 for number in range(20)]
    blob = receive(blobs, *pieces)
    assert blob.size == 14_000_000
    assert streamed(blobs, blob) == b"".join(pieces)


def test_what_is_too_large_leaves_nothing(blobs, tmp_path):
    with pytest.raises(TooLarge):
        receive(blobs, b"x" * 6_000_000, b"x" * 6_000_000, limit=11_000_000)
    assert files(tmp_path) == []
    assert receive(blobs, b"x" * 11, limit=11).size == 11


def test_an_upload_that_breaks_off_leaves_nothing(blobs, tmp_path):
    with pytest.raises(ConnectionResetError):
        receive(blobs, b"x" * 6_000_000, ConnectionResetError())
    assert files(tmp_path) == []


@pytest.mark.parametrize(("asked", "part"), [((0, 3), "abc"), ((2, 4), "cd"), ((4, None), "ef"), ((0, None), "abcdef")])
def test_a_part_may_be_asked_for(blobs, asked, part):
    blob = blobs.put(1, b"abcdef")
    start, stop = asked
    assert streamed(blobs, blob, start=start, stop=stop) == part.encode()


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "0" * 64, "A" * 64, "0" * 63 + "/"])
def test_what_is_not_there_is_not_found(blobs, sha256):
    with pytest.raises(NotFound):
        blobs.read(1, sha256)
    with pytest.raises(NotFound):
        asyncio.run(blobs.stream(1, sha256))


def test_another_projects_bytes_are_not_there(blobs):
    blob = blobs.put(1, b"mine")
    with pytest.raises(NotFound):
        blobs.read(2, blob.sha256)


def test_damaged_bytes_are_not_given_out(blobs, tmp_path):
    blob = blobs.put(1, b"right")
    (tmp_path / files(tmp_path)[0]).write_bytes(b"wrong")
    with pytest.raises(Unavailable, match="damaged"):
        blobs.read(1, blob.sha256)


def test_a_deleted_blob_is_gone_and_may_be_deleted_again(blobs, tmp_path):
    blob = blobs.put(1, b"old")
    blobs.delete(1, blob.sha256)
    blobs.delete(1, blob.sha256)
    assert files(tmp_path) == []
    assert blobs.written_at(1, blob.sha256) is None


def test_storing_the_same_bytes_again_makes_them_young(blobs, tmp_path):
    blob = blobs.put(1, b"again")
    os.utime(tmp_path / files(tmp_path)[0], (1000, 1000))
    assert blobs.written_at(1, blob.sha256) == 1000 * 1_000_000
    blobs.put(1, b"again")
    assert (blobs.written_at(1, blob.sha256) or 0) > 1000 * 1_000_000


def test_a_listing_names_the_blobs_of_one_shard(blobs):
    made = [blobs.put(1, bytes([number])) for number in range(50)]
    for shard in {blob.sha256[:2] for blob in made}:
        assert {one.name for one in blobs.listing(1, shard)} == {
            blob.sha256 for blob in made if blob.sha256.startswith(shard)
        }
    assert list(blobs.listing(2, "00")) == []


def test_what_an_upload_left_can_be_found_and_discarded(blobs, tmp_path):
    left = tmp_path / "artifacts" / "incoming" / "half"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    (one,) = blobs.unfinished()
    blobs.discard(one.name)
    assert files(tmp_path) == []


def test_only_unfinished_uploads_can_be_discarded(blobs, tmp_path):
    blobs.put(1, b"kept")
    blobs.discard(files(tmp_path)[0])
    assert len(files(tmp_path)) == 1


def test_an_archive_is_named_by_its_hash(blobs, tmp_path):
    name = blobs.keep("archive/1/2026-01-02", ".jsonl.zst", iter([b"a", b"b"]))
    assert name == f"archive/1/2026-01-02/{hashlib.sha256(b'ab').hexdigest()}.jsonl.zst"
    assert blobs.keep("archive/1/2026-01-02", ".jsonl.zst", iter([b"ab"])) == name
    assert files(tmp_path) == [name]


def test_an_archive_that_breaks_off_leaves_nothing(blobs, tmp_path):
    def broken():
        yield b"x"
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        blobs.keep("archive", ".x", broken())
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path):
    blobs = in_folder(tmp_path)
    (tmp_path / "artifacts").write_text("a file stands in the way")
    with pytest.raises(Unavailable):
        blobs.put(1, b"x")


@pytest.mark.parametrize("url", ["ftp://example.test/bucket", "memory:///", "file:///tmp", "s3:/", "bucket", ""])
def test_a_url_where_nothing_can_be_kept_for_long_is_invalid(url):
    with pytest.raises(Invalid):
        at_url(url)


def test_a_bucket_may_be_named_by_its_url(monkeypatch):
    # Its client reads the certificates of this machine, which other tests do without.
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert at_url("s3://bucket/prefix").folder is None


def test_object_storage_serves_as_well_as_a_folder():
    blobs = ObjectBlobs(MemoryStore(), None)
    blob = receive(blobs, b"x" * 6_000_000, b"end")
    assert blobs.put(1, b"x" * 6_000_000 + b"end") == blob
    assert streamed(blobs, blob, start=5_999_999) == b"xend"
    assert [one.name for one in blobs.listing(1, blob.sha256[:2])] == [blob.sha256]
    assert blobs.written_at(1, blob.sha256) is not None
    with pytest.raises(TooLarge):
        receive(blobs, b"x" * 10, limit=9)
    assert list(blobs.unfinished()) == []
    blobs.delete(1, blob.sha256)
    blobs.delete(1, blob.sha256)
    with pytest.raises(NotFound):
        blobs.read(1, blob.sha256)
    name = blobs.keep("archive/1", ".zst", [b"a", b"b"])
    assert name.startswith("archive/1/")
