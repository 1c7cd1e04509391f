"""Backups of a data folder, and putting them back."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from runyard.artifacts.objects import in_folder
from runyard.domain.errors import Conflict, Invalid
from runyard.engine import artifacts
from runyard.storage import backup
from runyard.storage.sqlite import SqliteStore
from runyard.storage.vault import Vault, kept_in
from tests.support.writers import holder
from tests.support.yard import Yard


class Place:
    """A data folder, with a server on it while `yard` is open."""

    def __init__(self, folder: Path, clock) -> None:
        self.folder = folder
        self.blobs = in_folder(folder)
        self.store = SqliteStore(folder / "runyard.db", clock=clock)
        self.yard = Yard(self.store, clock)

    def artifact(self, content=b"content"):
        held = self.yard.running()
        new = artifacts.NewArtifact(name="a", blob=self.blobs.put(1, content))
        return self.store.transact(artifacts.add, holder(held), new)

    def backup(self, dest: Path) -> backup.Manifest:
        return backup.create(
            self.folder / "runyard.db", self.folder / "artifacts", dest, archive=self.folder / "archive"
        )


@pytest.fixture
def place(tmp_path, clock):
    place = Place(tmp_path / "data", clock)
    yield place
    place.store.close()


def test_a_backup_holds_the_rows_and_the_bytes_they_name(place, tmp_path, clock):
    made = place.artifact()
    place.blobs.keep("archive/1/2026-01-01", ".jsonl.zst", [b"archived"])
    manifest = place.backup(tmp_path / "backup")
    assert manifest.missing == []
    backup.restore(tmp_path / "backup", tmp_path / "other")
    other = Place(tmp_path / "other", clock)
    assert other.store.look(artifacts.get, 1, made.run_id, made.id) == made
    assert other.blobs.read(1, made.sha256) == b"content"
    assert [path.read_bytes() for path in (tmp_path / "other/archive").rglob("*.zst")] == [b"archived"]
    other.store.close()


def test_bytes_that_no_row_names_are_left_out(place, tmp_path):
    place.artifact()
    place.blobs.put(1, b"orphan")
    manifest = place.backup(tmp_path / "backup")
    assert len([name for name in manifest.files if name.startswith("artifacts/")]) == 1


def test_bytes_that_are_lost_already_do_not_stop_a_backup(place, tmp_path):
    made = place.artifact()
    place.blobs.delete(1, made.sha256)
    manifest = place.backup(tmp_path / "backup")
    assert manifest.missing == [f"artifacts/1/{made.sha256[:2]}/{made.sha256}"]
    backup.verify(tmp_path / "backup")


def test_a_server_may_write_while_it_is_backed_up(place, tmp_path):
    stop = threading.Event()

    def write():
        while not stop.is_set():
            place.yard.create(payload='"' + "x" * 1000 + '"')

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            place.backup(tmp_path / f"backup-{number}")
    finally:
        stop.set()
        writer.join()
    counts = []
    for number in range(3):
        backup.verify(tmp_path / f"backup-{number}")
        with sqlite3.connect(tmp_path / f"backup-{number}/runyard.db") as copy:
            (runs,) = copy.execute("SELECT COUNT(*) FROM runs").fetchone()
            (lines,) = copy.execute("SELECT COUNT(*) FROM events").fetchone()
        copy.close()
        assert runs == lines
        counts.append(runs)
    assert counts == sorted(counts)


def test_a_stopped_server_can_be_backed_up(place, tmp_path):
    place.yard.create()
    place.store.close()
    place.backup(tmp_path / "backup")
    backup.verify(tmp_path / "backup")


def test_a_backup_is_one_file_a_database_with_no_log_beside_it(place, tmp_path):
    place.yard.create()
    place.backup(tmp_path / "backup")
    backup.verify(tmp_path / "backup")
    assert sorted(path.name for path in (tmp_path / "backup").iterdir()) == ["manifest.json", "runyard.db"]


def test_a_backup_goes_into_an_empty_folder_only(place, tmp_path):
    (tmp_path / "empty").mkdir()
    place.backup(tmp_path / "empty")
    with pytest.raises(Conflict):
        place.backup(tmp_path / "empty")


def test_where_there_is_no_database_there_is_nothing_to_back_up(tmp_path):
    with pytest.raises(Invalid, match="no database"):
        backup.create(tmp_path / "runyard.db", tmp_path / "artifacts", tmp_path / "backup")
    (tmp_path / "runyard.db").write_bytes(b"not a database at all, though long enough to be taken for one" * 20)
    with pytest.raises(Invalid):
        backup.create(tmp_path / "runyard.db", tmp_path / "artifacts", tmp_path / "backup")


def test_any_changed_or_missing_file_is_noticed(place, tmp_path):
    made = place.artifact()
    place.backup(tmp_path / "backup")
    names = ["runyard.db", f"artifacts/1/{made.sha256[:2]}/{made.sha256}"]
    for name in names:
        file = tmp_path / "backup" / name
        whole = file.read_bytes()
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(Invalid, match="differs"):
            backup.verify(tmp_path / "backup")
        file.unlink()
        with pytest.raises(Invalid, match="missing"):
            backup.restore(tmp_path / "backup", tmp_path / "other")
        file.write_bytes(whole)
    backup.verify(tmp_path / "backup")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "manifest", [None, "", "{}", '{"format":99,"schema":1,"files":{}}', '{"format":1,"schema":1,"files":{}}']
)
def test_a_folder_without_a_usable_manifest_is_no_backup(tmp_path, manifest):
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(Invalid):
        backup.verify(tmp_path)


def test_a_manifest_cannot_name_files_outside_its_folder(place, tmp_path):
    place.backup(tmp_path / "backup")
    file = tmp_path / "backup/manifest.json"
    (tmp_path / "outside").write_text("secret")
    file.write_text(file.read_text().replace('"files": {', '"files": {"../outside": {"size": 6, "sha256": ""},'))
    with pytest.raises(Invalid, match="outside"):
        backup.verify(tmp_path / "backup")


def test_what_is_there_is_not_replaced_unasked(place, tmp_path, clock):
    kept = place.yard.create()
    place.backup(tmp_path / "backup")
    later = place.yard.create()
    place.store.close()
    with pytest.raises(Conflict, match="already"):
        backup.restore(tmp_path / "backup", place.folder)
    backup.restore(tmp_path / "backup", place.folder, force=True)
    again = SqliteStore(place.folder / "runyard.db", clock=clock)
    there = again.look(lambda tx: [row[0] for row in tx.rows("SELECT id FROM runs")])
    again.close()
    assert there == [kept.id]
    assert later.id not in there
    assert not list(place.folder.glob("restore.*"))


def test_a_folder_on_which_a_server_runs_is_not_restored(place, tmp_path):
    place.backup(tmp_path / "backup")
    with pytest.raises(Conflict, match="serves"):
        backup.restore(tmp_path / "backup", place.folder, force=True)
    assert place.yard.create()


def test_for_postgresql_the_command_to_run_is_named_without_the_password(tmp_path):
    url = "postgresql://someone:secret@db.example.test:5432/runyard?sslpassword=secret"
    with pytest.raises(Invalid) as refused:
        backup.create(tmp_path / "runyard.db", tmp_path / "artifacts", tmp_path / "backup", database=url)
    assert "pg_dump --format=custom" in refused.value.detail
    assert "someone@db.example.test:5432/runyard" in refused.value.detail
    assert "secret" not in refused.value.detail


def test_the_key_that_opens_secrets_comes_along_for_the_owner_alone(place, tmp_path):
    sealed = Vault(kept_in(place.folder)).seal("hidden", "x")
    place.backup(tmp_path / "backup")
    backup.restore(tmp_path / "backup", tmp_path / "other")
    assert Vault(kept_in(tmp_path / "other")).open(sealed, "x") == "hidden"
    for folder in ("backup", "other"):
        assert stat.S_IMODE((tmp_path / folder / "secret.key").stat().st_mode) == 0o600


def test_a_backup_without_a_key_leaves_the_one_that_is_there(place, tmp_path):
    place.backup(tmp_path / "backup")
    place.store.close()
    kept = kept_in(place.folder)
    backup.restore(tmp_path / "backup", place.folder, force=True)
    assert kept_in(place.folder) == kept
