import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from runyard.agents.confined import Bounds, Ended, run
from runyard.agents.errors import Cancelled, MemoryLimit, TimeLimit

BOUNDS = Bounds(seconds=30, memory_bytes=512 << 20)
ENVIRONMENT = {"PATH": os.defpath}

# Starts a process that leaves group and parent, and writes down its number.
STRAY = """
    import os, subprocess, sys, time
    inner = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
    inner += " start_new_session=True, stdout=-3, stderr=-3).pid)"
    pid = subprocess.run([sys.executable, "-c", inner], capture_output=True, text=True).stdout.strip()
    with open("stray.new", "w") as file:
        file.write(pid)
    os.rename("stray.new", "stray")
"""


def python(body: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(body)]


def confine(folder: Path, body: str, bounds: Bounds = BOUNDS, **more: Callable[[], bool]) -> Ended:
    return run(python(body), folder=folder, environment=ENVIRONMENT, bounds=bounds, **more)  # type: ignore[arg-type]


def is_gone(folder: Path) -> bool:
    try:
        process = psutil.Process(int((folder / "stray").read_text()))
        process.wait(timeout=10)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def test_a_command_gives_its_code_and_the_end_of_what_it_printed(tmp_path: Path) -> None:
    ended = confine(
        tmp_path, "import sys; print('out'); sys.stdout.flush(); print('err', file=sys.stderr); sys.exit(3)"
    )
    assert (ended.code, ended.output) == (3, "out\nerr\n")


def test_of_a_long_output_the_end_is_kept(tmp_path: Path) -> None:
    bounds = Bounds(seconds=30, memory_bytes=512 << 20, output_bytes=1000)
    output = confine(tmp_path, "print('x' * 5_000_000); print('last words')", bounds).output
    assert (len(output), output.endswith("x\nlast words\n")) == (1000, True)


def test_a_command_that_is_killed_or_cannot_be_started_is_told_as_a_shell_does(tmp_path: Path) -> None:
    assert confine(tmp_path, "import os; os.kill(os.getpid(), 9)").code == 137
    ended = run(["/no/such/program"], folder=tmp_path, environment=ENVIRONMENT, bounds=BOUNDS)
    assert (ended.code, "cannot be started" in ended.output) == (127, True)


def test_a_command_has_the_folder_and_the_environment_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_KEY", "sesame")
    ended = confine(tmp_path, "import os; print(os.getcwd(), sorted(os.environ))")
    assert str(tmp_path.resolve()) in ended.output
    assert "RUNYARD" not in ended.output


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    bounds = Bounds(seconds=8, memory_bytes=512 << 20)
    with pytest.raises(TimeLimit, match="8 s"):
        confine(tmp_path, STRAY + "    time.sleep(60)\n", bounds)
    assert is_gone(tmp_path)


def test_a_command_whose_processes_hold_too_much_together_is_ended(tmp_path: Path) -> None:
    body = """
        import subprocess, sys, time
        hold = "import time; kept = b'x' * (100 << 20); time.sleep(60)"
        for _ in range(4):
            subprocess.Popen([sys.executable, "-c", hold])
        time.sleep(60)
    """
    with pytest.raises(MemoryLimit, match="256 MiB"):
        confine(tmp_path, body, Bounds(seconds=30, memory_bytes=256 << 20))


def test_one_process_cannot_have_more_than_all_may_have(tmp_path: Path) -> None:
    ended = confine(tmp_path, "kept = b'x' * (1 << 30)", Bounds(seconds=30, memory_bytes=256 << 20))
    assert (ended.code, "MemoryError" in ended.output) == (1, True)


def test_a_file_cannot_grow_without_end(tmp_path: Path) -> None:
    bounds = Bounds(seconds=30, memory_bytes=512 << 20, file_bytes=1 << 20)
    assert confine(tmp_path, "open('big', 'wb').write(b'x' * (2 << 20))", bounds).code != 0
    assert (tmp_path / "big").stat().st_size <= 1 << 20


def test_a_cancelled_command_is_ended_within_a_second(tmp_path: Path) -> None:
    asked = 0.0

    def cancelled() -> bool:
        nonlocal asked
        if (tmp_path / "stray").exists() and not asked:
            asked = time.monotonic()
        return bool(asked)

    with pytest.raises(Cancelled):
        confine(tmp_path, STRAY + "    time.sleep(60)\n", cancelled=cancelled)
    assert time.monotonic() - asked < 15  # one, on a machine with nothing else to do
    assert is_gone(tmp_path)


def test_what_a_command_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    assert confine(tmp_path, STRAY).code == 0
    assert is_gone(tmp_path)


def test_nothing_of_a_command_outlives_a_parent_that_is_killed(tmp_path: Path, until: Callable[..., None]) -> None:
    script = """
        import sys
        from pathlib import Path
        from runyard.agents.confined import Bounds, run
        run(sys.argv[2:], folder=Path(sys.argv[1]), environment={}, bounds=Bounds(seconds=60, memory_bytes=1 << 29))
    """
    parent = subprocess.Popen([*python(script), str(tmp_path), *python(STRAY + "    time.sleep(60)\n")])
    until((tmp_path / "stray").exists)
    parent.kill()
    parent.wait()
    assert is_gone(tmp_path)
