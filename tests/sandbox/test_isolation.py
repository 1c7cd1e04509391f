"""What programs cannot do inside bubblewrap, and when managed runs are refused."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from runyard.sandbox import available, isolation, sandboxes
from runyard.sandbox.images import program
from runyard.sandbox.limits import Limits
from runyard.settings import Settings, load
from tests.sandbox.conftest import python, run
from tests.sandbox.test_images import folder


def test_without_bubblewrap_managed_runs_are_refused_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert available(Settings()) == "bubblewrap is not installed here; install the package `bubblewrap`"
    assert available(Settings(managed_isolation="none")) is None


def test_a_bubblewrap_that_does_not_work_is_refused_with_what_it_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    reason = available(Settings()) or ""
    assert "are user namespaces allowed?" in reason
    assert "No permissions to create new namespace" in reason


def test_managed_runs_can_be_switched_off_and_are_off_where_anybody_gets_in() -> None:
    assert available(Settings(managed_isolation="off")) is not None
    if shutil.which("bwrap") is not None:
        assert "without a key" in (available(Settings(allow_anonymous_loopback=("agh",))) or "")


def test_no_isolation_must_be_said_in_so_many_words() -> None:
    assert load({}).managed_isolation == "auto"
    assert load({"RUNYARD_MANAGED_ISOLATION": "none"}).managed_isolation == "none"
    with pytest.raises(ValueError, match="managed_isolation"):
        load({"RUNYARD_MANAGED_ISOLATION": "some"})


def test_agents_get_the_variables_that_are_named_and_no_others() -> None:
    environ = {"RUNYARD_SANDBOX_VARIABLES": "A_KEY, OTHER", "A_KEY": "1,2", "OTHER": "", "THIRD": "3"}
    assert load(environ).sandbox_variables == ("A_KEY=1,2", "OTHER=")
    with pytest.raises(ValueError, match="names NONE, which"):
        load({"RUNYARD_SANDBOX_VARIABLES": "NONE"})


def test_sandboxes_are_refused_for_reasons_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "RUNYARD_SANDBOX_ISOLATION=off" in (sandboxes(Settings(sandbox_isolation="off")) or "")
    assert "RUNYARD_SANDBOX_CONCURRENCY=0" in (sandboxes(Settings(sandbox_concurrency=0)) or "")
    monkeypatch.setenv("PATH", "/nowhere")
    assert sandboxes(Settings()) == "bubblewrap is not installed here; install the package `bubblewrap`"
    assert sandboxes(Settings(sandbox_isolation="none")) is None


def test_the_walls_end_where_the_program_begins(walled: Settings) -> None:
    words = isolation.walls(isolation.cell_of(program("command: true"), walled), Limits())
    assert words[-1] == "--"
    assert "--share-net" not in words
    assert "--share-net" in isolation.walls(isolation.cell_of(program("network+command: true"), walled), Limits())


def test_a_program_sees_no_file_of_this_machine_but_the_systems(walled: Settings, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the server")
    source = f"""
import json, os
def readable(path):
    try:
        open(path, "rb").read(1)
        return True
    except OSError:
        return False
def writable(path):
    try:
        open(path, "w").close()
        return True
    except OSError:
        return False
print(json.dumps({{
    "root": sorted(os.listdir("/")),
    "read": [p for p in {[str(tmp_path / "secret"), "/etc/shadow", "/etc/hostname", __file__]!r} if readable(p)],
    "write": [p for p in ("/x", "/usr/x", "/etc/x", "/dev/x", "/work/x", "/tmp/x", "/dev/shm/x") if writable(p)],
    "pids": [p for p in os.listdir("/proc") if p.isdigit()],
    "groups": os.getgroups(),
}}))
"""
    ended = run(python(source), walled)
    assert ended.code == 0, ended.err
    seen = json.loads(ended.out)
    assert not {"home", "root", "var", "opt", "srv", "mnt", "run", "sys"} & (set(seen["root"]) - {"root"})
    assert seen["read"] == []
    assert seen["write"] == ["/work/x", "/tmp/x", "/dev/shm/x"]
    assert len(seen["pids"]) <= 3


def test_a_program_has_no_network_but_its_own(walled: Settings) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        source = f"""
import socket
for target in (("127.0.0.1", {server.getsockname()[1]}), ("1.1.1.1", 80)):
    try:
        socket.create_connection(target, timeout=2)
        print("reached")
    except OSError as error:
        print(type(error).__name__)
"""
        assert "reached" not in run(python(source), walled).out


def test_a_program_gains_no_rights(walled: Settings) -> None:
    source = """
import os
print(open("/proc/self/status").read())
print(os.system("unshare -Ur true 2>/dev/null") != 0)
"""
    said = run(python(source), walled).out
    fields = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {"0000000000000000"}
    assert fields["NoNewPrivs"] == "1"
    assert said.splitlines()[-1] == "True"


def test_a_program_cannot_tell_the_kernel_anything_even_when_the_server_is_root(walled: Settings) -> None:
    source = """
import os
found = []
for top in os.listdir("/proc"):
    if top.isdigit() or top in ("self", "thread-self"):
        continue
    for folder, _, names in [*os.walk(f"/proc/{top}"), ("/proc", [], [top])]:
        for name in names:
            try:
                os.close(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_NONBLOCK))
                found.append(f"{folder}/{name}")
            except OSError:
                pass
print(found)
"""
    assert run(python(source), walled).out == "[]\n"


def test_what_lies_in_memory_is_bounded(walled: Settings) -> None:
    source = "open('/work/big', 'wb').write(b'x' * (9 << 20))".replace("'", '"')
    assert run(python(source), walled, limits=Limits(memory=1 << 28)).code == 0
    ended = run(python(source), walled, limits=Limits(memory=1 << 24))
    assert ended.code == 1
    assert "No space left" in ended.err or "MemoryError" in ended.err


@pytest.mark.skipif(os.geteuid() == 0, reason="the kernel counts no processes of root")
def test_processes_are_bounded(walled: Settings) -> None:
    source = "import os\nfor n in range(40): os.fork() or os._exit(__import__('time').sleep(1) or 0)".replace("'", '"')
    assert "Resource temporarily unavailable" in run(python(source), walled, limits=Limits(processes=20)).err


def test_a_folder_is_shown_read_only_and_runs(walled: Settings, tmp_path: Path) -> None:
    place = folder(tmp_path / "agent")
    (place / "data.txt").write_text("its own")
    (place / "run").write_text("#!/bin/sh\ncat /app/data.txt; pwd; touch /app/x 2>/dev/null || echo read-only\n")
    ended = run(str(place), walled)
    assert ended.out.splitlines() == ["its own/work", "read-only"]


def test_further_folders_are_shown_when_a_setting_names_them(walled: Settings, tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("a tool")
    settings = Settings(managed_paths=(str(tmp_path),))
    assert run(f"command: cat {tmp_path}/tool", settings).out == "a tool"
    assert run(f"command: cat {tmp_path}/tool", walled).code != 0
