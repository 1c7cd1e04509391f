"""Files of coding runs, uploads that are waited for, and what is kept of tasks, in the engine."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runyard.artifacts.port import Blob
from runyard.domain.coding import CodingSeen, Entry, entry_id
from runyard.domain.errors import Conflict, DomainError, Invalid, NotFound
from runyard.domain.states import RunState
from runyard.domain.uploads import LIFE, Upload
from runyard.engine import artifacts, projects
from runyard.engine.coding import kept, manifests, uploads
from runyard.engine.coding.manifests import NewFile
from runyard.engine.coding.uploads import NewUpload, Uploaded
from runyard.engine.tasks import deleting
from runyard.storage.port import Store
from runyard.storage.statements import artifacts as artifacts_sql
from runyard.storage.statements import manifests as manifests_sql
from runyard.storage.statements import uploads as uploads_sql
from tests.engine.coding.coding_yard import CodingYard
from tests.support.coding import SOMEBODY, a_coding_run
from tests.support.plans import plan
from tests.support.stores import AnyStore, Shelf
from tests.support.yard import PERSON

FOLDER = "files"


def blob(content: str = "content") -> Blob:
    return Blob(sha256=hashlib.sha256(content.encode()).hexdigest(), size=len(content))


def a_file(name: str = "a", content: str = "content") -> NewFile:
    return NewFile(name=name, kind="output", blob=blob(content))


def add(coding: CodingYard, seen: CodingSeen, *files: NewFile) -> tuple[Entry, ...]:
    return coding.store.transact(manifests.add, coding.project_id, seen.row.task_id, seen.run.id, FOLDER, files, PERSON)


def announce(coding: CodingYard, seen: CodingSeen, name: str = "a") -> Upload:
    wanted = [NewUpload(name=name, kind="output", size=7)]
    (made,) = coding.store.transact(uploads.prepare, coding.project_id, seen.row.task_id, seen.run.id, FOLDER, wanted)
    return made


def attach(coding: CodingYard, seen: CodingSeen, upload: Upload, limit: int = 100) -> Entry:
    wanted = Uploaded(id=entry_id(upload.id), path=upload.path, name="a", kind="output", limit=limit)
    (made,) = coding.store.transact(
        uploads.attach, coding.project_id, seen.row.task_id, seen.run.id, FOLDER, [wanted], PERSON
    )
    return made


def came(coding: CodingYard, upload: Upload, content: str = "content") -> None:
    coding.store.transact(uploads.received, coding.project_id, upload.id, blob(content))


def test_files_are_numbered_in_the_order_in_which_they_came(coding: CodingYard) -> None:
    seen = coding.run(coding.task(), RunState.COMPLETED)
    first = add(coding, seen, a_file("a"), a_file("b"))
    coding.yard.clock.forward(seconds=1)
    assert [one.name for one in add(coding, seen, a_file("a"))] == ["a", "b", "a"]
    found = coding.see(seen)
    assert found.manifest[:2] == first
    assert found.updated_at == coding.yard.clock.now()
    page = coding.store.look(artifacts.of_run, coding.project_id, seen.run.id)
    assert [one.id for one in page.rows] == [one.artifact_id for one in found.manifest]
    said = [event for event in coding.yard.events(seen.run.id) if event.type == "run.artifact_added"]
    assert len(said) == 3


def test_a_manifest_is_of_its_own_run_and_project(coding: CodingYard) -> None:
    seen, other = coding.run(coding.task()), coding.run(coding.task())
    (entry,) = add(coding, seen, a_file())
    task, run = seen.row.task_id, seen.run.id
    assert coding.store.look(manifests.at_path, coding.project_id, task, run, entry.path) == entry
    assert coding.store.look(manifests.one, coding.project_id, entry.artifact_id) == entry
    with pytest.raises(NotFound):
        coding.store.look(manifests.at_path, coding.project_id, other.row.task_id, run, entry.path)
    for project_id, one in ((coding.project_id + 1, entry.artifact_id), (coding.project_id, run)):
        with pytest.raises(NotFound):
            coding.store.look(manifests.one, project_id, one)


def test_an_upload_becomes_the_artifact_it_was_announced_as(coding: CodingYard) -> None:
    seen = coding.run(coding.task())
    upload = announce(coding, seen)
    assert upload.expires_at == coding.yard.clock.now() + LIFE
    with pytest.raises(Invalid, match="did not come"):
        attach(coding, seen, upload)
    came(coding, upload, "too long")
    with pytest.raises(Invalid, match="8 bytes"):
        attach(coding, seen, upload, limit=7)
    came(coding, upload)
    entry = attach(coding, seen, upload)
    assert (entry.artifact_id, entry.path, entry.size) == (upload.id, upload.path, 7)
    assert attach(coding, seen, upload) == entry
    with pytest.raises(NotFound):
        came(coding, upload)
    assert coding.see(seen).manifest == (entry,)


def test_bytes_are_kept_while_an_upload_is_waited_for_or_a_task_remembers_them(coding: CodingYard) -> None:
    seen = coding.run(coding.task())
    wanted = [blob(text).sha256 for text in ("upload", "kept", "file", "nobody's")]
    upload = announce(coding, seen)
    came(coding, upload, "upload")
    replace(coding.store, seen, "kept", None)
    add(coding, seen, a_file(content="file"))
    assert coding.store.look(artifacts.unused, coding.project_id, wanted) == [wanted[3]]
    assert coding.store.transact(uploads.prune) == 0
    coding.yard.clock.forward(seconds=3601)
    assert coding.store.transact(uploads.prune) == 1
    replace(coding.store, seen, "newer", blob("kept").sha256)
    assert coding.store.look(artifacts.unused, coding.project_id, wanted) == sorted([wanted[0], wanted[1], wanted[3]])


def test_with_a_task_go_its_files_uploads_and_what_is_kept_of_it(coding: CodingYard) -> None:
    seen = coding.run(coding.task(), RunState.COMPLETED)
    (entry,) = add(coding, seen, a_file("a", "file"))
    upload = announce(coding, seen)
    came(coding, upload, "upload")
    replace(coding.store, seen, "kept", None)
    coding.store.transact(deleting.delete, coding.project_id, seen.row.task_id, PERSON)
    for op, one in ((manifests.one, entry.artifact_id), (uploads.find, upload.id)):
        with pytest.raises(NotFound):
            coding.store.look(op, coding.project_id, one)
    hashes = [blob(text).sha256 for text in ("file", "upload", "kept")]
    assert coding.store.look(artifacts.unused, coding.project_id, hashes) == sorted(hashes)


def replace(store: Store, seen: CodingSeen, content: str, before: str | None) -> Any:
    """What became of it."""
    try:
        return store.transact(kept.replace, seen.run.project_id, seen.row.task_id, seen.run.id, blob(content), before)
    except DomainError as refused:
        return refused


def test_of_two_servers_that_replace_what_is_kept_one_does(two_servers: tuple[AnyStore, AnyStore]) -> None:
    one, two = two_servers
    one.transact(projects.ensure_default)
    seen = a_coding_run(one)
    before = None
    with ThreadPoolExecutor(2) as both:
        for turn in range(5):
            asked = [both.submit(replace, store, seen, f"{store is one} {turn}", before) for store in (one, two)]
            outcomes = [future.result() for future in asked]
            assert sorted(isinstance(outcome, Conflict) for outcome in outcomes) == [False, True], outcomes
            found = one.look(kept.find, 1, seen.row.task_id, seen.run.id)
            assert found in outcomes
            before = found.sha256 if found is not None else None


def test_files_from_two_servers_all_get_a_number_of_their_own(two_servers: tuple[AnyStore, AnyStore]) -> None:
    one, two = two_servers
    one.transact(projects.ensure_default)
    seen = a_coding_run(one)

    def send(store: Store, name: str) -> tuple[Entry, ...]:
        files = [a_file(name), a_file(f"{name}b")]
        return store.transact(manifests.add, 1, seen.row.task_id, seen.run.id, FOLDER, files, SOMEBODY)

    with ThreadPoolExecutor(8) as many:
        asked = [many.submit(send, store, str(number)) for number in range(10) for store in (one, two)]
        grown = [future.result() for future in asked]
    whole = one.look(manifests.of_run, seen.run.id)
    assert len(whole) == 40
    for found in grown:
        assert found == whole[: len(found)]


def test_everything_is_found_by_an_index(shelf: Shelf, engine: str) -> None:
    store = shelf.bare(engine)
    hashes = {"project_id": 1, "hashes": ["a"]}
    cases: tuple[tuple[str, str, dict[str, Any]], ...] = (
        (manifests_sql.LAST, "manifests_run", {"run_id": "r"}),
        (manifests_sql.AT_PATH, "manifests", {"run_id": "r", "path": "p"}),
        (uploads_sql.PATHS, "uploads_run", {"run_id": "r"}),
        (uploads_sql.EXPIRED, "uploads_expiry", {"now": 1, "n": 1}),
        (artifacts_sql.IN_USE, "uploads_content", hashes),
        (artifacts_sql.IN_USE, "transcripts_kept_content", hashes),
    )
    for statement, index, params in cases:
        assert index in plan(store, statement, **params), statement
