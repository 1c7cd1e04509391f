"""Archives: every row of a run on one line, and back."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from runyard.artifacts.objects import in_folder
from runyard.artifacts.port import Blob
from runyard.domain.approvals import Verdict
from runyard.domain.errors import Invalid
from runyard.domain.findings import NewFinding
from runyard.engine import (
    actions,
    approvals,
    archives,
    artifacts,
    checkpoints,
    findings,
    outputs,
    run_state,
    tool_calls,
    usage,
)
from runyard.storage.statements import archives as archives_sql
from runyard.storage.statements.retention import Claimed
from tests.support.writers import holder, log

YES = Verdict(approved=True)


@pytest.fixture
def blobs(tmp_path):
    return in_folder(tmp_path)


def archive(yard, blobs, *runs):
    claimed = [Claimed(one.id, False, one.project_id, one.finished_at) for one in map(yard.run, runs)]
    return archives.write(yard.store, blobs, claimed)


def read(blobs, names):
    return [line for name in names for line in archives.read_archive(blobs.folder / name)]


def busy(yard, **new):
    """A run that left something of every kind."""
    held = yard.running(**new)
    write = holder(held)
    log(yard, write, "hello", "world")
    content = b"bytes"
    blob = Blob(sha256=hashlib.sha256(content).hexdigest(), size=5)
    for op, what in (
        (checkpoints.add, checkpoints.NewCheckpoint(state='{"n":1}')),
        (usage.add, usage.NewUsage(model="gpt-4o", input_tokens=1000)),
        (tool_calls.add, tool_calls.NewToolCall(name="grep", input="[1]", output='"x"')),
        (outputs.put, outputs.NewOutput(name="report", value='{"ok":true}', schema="true")),
        (artifacts.add, artifacts.NewArtifact(name="a.txt", blob=blob)),
    ):
        yard.store.transact(op, write, what)
    yard.store.transact(run_state.put, write, "cursor", "7")
    return held


def test_a_run_comes_back_with_all_that_belongs_to_it(yard, blobs):
    held = busy(yard, payload='{"a":  1}', tags={"team": "x"}, metadata={"m": 1}, policy={"max_attempts": 5})
    yard.complete(held, '{"done":true}')
    (line,) = read(blobs, archive(yard, blobs, held))
    run = line["run"]
    assert (run["id"], run["state"], run["payload"], run["output"]) == (
        held.run.id,
        "completed",
        {"a": 1},
        {"done": True},
    )
    assert (run["tags"], run["metadata"], run["policy"]["max_attempts"]) == ({"team": "x"}, {"m": 1}, 5)
    assert [one["message"] for one in line["logs"]] == ["hello", "world"]
    assert [one["type"] for one in line["events"]] == [event.type for event in yard.events(held)]
    assert line["events"][-1]["data"]["to"] == "completed"
    assert [one["outcome"] for one in line["attempts"]] == ["completed"]
    assert line["checkpoints"][0]["state"] == {"n": 1}
    assert (line["usage"][0]["input_tokens"], line["usage"][0]["price"]["model"]) == (1000, "gpt-4o")
    assert (line["tool_calls"][0]["input"], line["tool_calls"][0]["output"]) == ([1], "x")
    assert (line["outputs"][0]["name"], line["outputs"][0]["value"]) == ("report", {"ok": True})
    assert (line["state"][0]["name"], line["state"][0]["value"]) == ("cursor", 7)
    assert line["artifacts"][0]["sha256"] == hashlib.sha256(b"bytes").hexdigest()


def test_no_proof_of_a_lease_is_archived(yard, blobs):
    held = yard.running()
    yard.complete(held)
    (line,) = read(blobs, archive(yard, blobs, held))
    assert "lease_hash" not in line["run"]
    assert held.lease.token not in msgspec.json.encode(line).decode()


def test_long_lists_are_archived_page_by_page(yard, blobs, monkeypatch):
    monkeypatch.setattr(archives, "PAGE", 2)
    monkeypatch.setattr(archives_sql, "ROWS", 4)
    held = yard.running()
    log(yard, holder(held), *"abcdefg")
    for number in range(5):
        yard.store.transact(checkpoints.add, holder(held), checkpoints.NewCheckpoint(state=str(number)))
    yard.complete(held)
    (line,) = read(blobs, archive(yard, blobs, held))
    assert [one["message"] for one in line["logs"]] == list("abcdefg")
    assert [one["number"] for one in line["checkpoints"]] == [5, 4, 3, 2, 1]
    assert len(line["events"]) == len(yard.events(held))


def test_how_an_archive_was_read_does_not_show_in_it(yard, blobs, monkeypatch):
    held = [busy(yard) for _ in range(3)]
    for one in held:
        yard.complete(one)
    at_once = archive(yard, blobs, *held)
    monkeypatch.setattr(archives, "PAGE", 2)
    monkeypatch.setattr(archives, "PORTION", 1)
    monkeypatch.setattr(archives_sql, "ROWS", 1)
    assert archive(yard, blobs, *held) == at_once
    assert len(read(blobs, at_once)) == 3


def test_what_an_agent_found_did_and_asked_is_archived_however_it_is_read(yard, blobs, monkeypatch):
    held = yard.running(job=yard.agent().job.name)
    told = findings.Findings(findings=tuple(NewFinding(severity="error", type="bug", message=m) for m in "abc"))
    yard.store.transact(findings.add, holder(held), told)
    for number in range(3):
        did = actions.NewAction(type="comment", description="Said so", details=f'{{"n":{number}}}')
        yard.store.transact(actions.add, holder(held), did)
    for name in ("one", "two", "three"):
        asked = approvals.NewApproval(
            project_id=1, run_id=held.run.id, token=held.lease.token, name=name, action="Deploy", changes=("a.py",)
        )
        yard.store.transact(approvals.decide, 1, yard.store.transact(approvals.ask, asked).approval.id, YES)
        held = yard.claim_one()
    yard.complete(held)
    names = archive(yard, blobs, held)
    (line,) = read(blobs, names)
    assert [one["message"] for one in line["findings"]] == ["a", "b", "c"]
    assert [one["details"] for one in line["actions"]] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [(one["name"], one["state"], one["changes"]) for one in line["approvals"]] == [
        ("one", "approved", ["a.py"]),
        ("two", "approved", ["a.py"]),
        ("three", "approved", ["a.py"]),
    ]
    monkeypatch.setattr(archives, "PAGE", 2)
    monkeypatch.setattr(archives_sql, "ROWS", 1)
    assert archive(yard, blobs, held) == names


def test_json_with_line_breaks_stays_on_its_line(yard, blobs):
    held = yard.running(payload='{\n "a":\r\n "b\\n"\n}')
    yard.complete(held)
    (line,) = read(blobs, archive(yard, blobs, held))
    assert line["run"]["payload"] == {"a": "b\n"}


def test_each_project_and_day_has_its_own_file(yard, blobs, clock):
    days = []
    for _ in range(2):
        held = yard.running()
        yard.complete(held)
        days.append(held)
        clock.forward(hours=24)
    names = archive(yard, blobs, *days)
    assert len({name.rpartition("/")[0] for name in names}) == 2
    assert all(name.startswith("archive/1/20") and name.endswith(".jsonl.zst") for name in names)
    assert [line["run"]["id"] for line in read(blobs, names)] == [held.run.id for held in days]


def test_archiving_again_changes_nothing(yard, blobs):
    held = busy(yard)
    yard.complete(held)
    assert archive(yard, blobs, held) == archive(yard, blobs, held)


def test_a_run_that_is_gone_already_is_passed_by(yard, blobs):
    held = yard.running()
    yard.complete(held)
    ended = yard.run(held)
    gone = Claimed("01900000-0000-7000-8000-000000000000", False, 1, ended.finished_at)
    names = archives.write(yard.store, blobs, [gone, Claimed(ended.id, False, 1, ended.finished_at)])
    assert [line["run"]["id"] for line in read(blobs, names)] == [ended.id]


def test_a_damaged_archive_is_refused(yard, blobs, tmp_path):
    held = busy(yard)
    yard.complete(held)
    (name,) = archive(yard, blobs, held)
    whole = (blobs.folder / name).read_bytes()
    for content in (whole[:-20], whole[:40] + b"\0\0\0\0" + whole[44:], b"no archive"):
        (tmp_path / "damaged").write_bytes(content)
        with pytest.raises(Invalid):
            list(archives.read_archive(tmp_path / "damaged"))
