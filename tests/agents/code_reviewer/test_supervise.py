import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from runyard.agents.code_reviewer.request import Limits, ReviewRequest
from runyard.agents.code_reviewer.supervise import review
from runyard.agents.errors import (
    Cancelled,
    ChildCrashed,
    MemoryLimit,
    NotARepository,
    OutsideRoots,
    TimeLimit,
    ToolFailed,
    UnknownBase,
)
from tests.agents.conftest import MakeRepo, Repo, rules


def command(body: str) -> tuple[str, ...]:
    """A child whose only analyser does this, after writing down the number of a process that it started."""
    script = f"""
        import os, subprocess, sys, time
        from pathlib import Path
        from runyard.agents.code_reviewer.child import main
        from runyard.agents.errors import ToolFailed

        class Runaway:
            name, version, batch = "runaway", "1", 1
            def wants(self, file):
                return True
            def analyse(self, files):
                started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
                Path(files[0].root, "started").write_text(str(started.pid))
                {body}
                return []

        main(lambda _options: [Runaway()])
    """
    return (sys.executable, "-P", "-c", textwrap.dedent(script))


def started(repo: Repo) -> int:
    return int((repo.root / "started").read_text())


def is_gone(pid: int) -> bool:
    """Whether the process ends within a few seconds; a zombie that nobody has reaped yet has ended."""
    try:
        psutil.Process(pid).wait(timeout=10)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def run(repo: Repo, *, body: str | None = None, limits: Limits | None = None, **more: object) -> object:
    arguments: dict[str, object] = {"roots": [repo.root.parent], "limits": limits} | more
    if body is not None:
        arguments["command"] = command(body)
    return review(ReviewRequest(path=str(repo.root)), **arguments)  # type: ignore[arg-type]


def test_a_review_in_its_own_process_tells_progress_and_gives_the_report(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "import os\n"})
    told: list[tuple[str, int, int]] = []
    report = review(
        ReviewRequest(path=str(repo.root)),
        roots=[repo.root.parent],
        on_progress=lambda message, done, total: told.append((message, done, total)),
    )
    assert rules(report) == [("ruff:F401", "a.py", 1)]
    assert told[0] == ("listing files", 0, 0)
    assert told[-1] == ("1 files analysed", 3, 3)


def test_a_request_that_cannot_be_met_is_refused_by_name(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo({"a.py": ""})
    (tmp_path / "roots" / "plain").mkdir()
    for path, base, roots, error in (
        (repo.root, None, [tmp_path / "elsewhere"], OutsideRoots),
        (tmp_path / "roots" / "plain", None, [tmp_path], NotARepository),
        (repo.root, "no-such", [tmp_path], UnknownBase),
    ):
        with pytest.raises(error):
            review(ReviewRequest(path=str(path), base=base), roots=roots)


def test_a_review_that_takes_too_long_is_stopped_with_all_it_started(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": ""})
    before = time.monotonic()
    with pytest.raises(TimeLimit, match="took longer"):
        run(repo, body="time.sleep(60)", limits=Limits(seconds=3))
    assert time.monotonic() - before < 30
    assert is_gone(started(repo))


def test_a_review_that_needs_too_much_memory_is_stopped_with_all_it_started(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": ""})
    with pytest.raises(MemoryLimit, match="512 MiB"):
        run(repo, body="kept = [bytearray(64 << 20) for _ in range(64)]", limits=Limits(memory_bytes=512 << 20))
    assert is_gone(started(repo))


def test_a_review_is_cancelled_when_asked_with_all_it_started(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": ""})
    mark = repo.root / "started"
    with pytest.raises(Cancelled):
        run(repo, body="time.sleep(60)", cancelled=lambda: mark.exists() and bool(mark.read_text()))
    assert is_gone(started(repo))


def test_an_error_of_the_callers_own_leaves_nothing_behind(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "", "b.py": ""})

    def fail_at_second(_message: str, done: int, _total: int) -> None:
        if done == 1:
            raise KeyError("mine")

    with pytest.raises(KeyError):
        run(repo, body="pass", on_progress=fail_at_second)
    assert is_gone(started(repo))


def test_a_tool_that_breaks_is_told_as_such(make_repo: MakeRepo) -> None:
    with pytest.raises(ToolFailed, match="it broke"):
        run(make_repo({"a.py": ""}), body="raise ToolFailed('it broke')")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no good')", "no good"),
        ("os.kill(os.getpid(), 9)", "killed by signal 9"),
        ("os._exit(7)", "ended with 7"),
    ],
)
def test_a_process_that_ends_without_an_answer_is_told_as_such(make_repo: MakeRepo, body: str, words: str) -> None:
    repo = make_repo({"a.py": ""})
    with pytest.raises(ChildCrashed, match=words):
        run(repo, body=body)
    assert is_gone(started(repo))


def test_what_is_printed_by_chance_does_not_disturb(make_repo: MakeRepo) -> None:
    assert run(make_repo({"a.py": ""}), body="print('noise'); os.write(1, b'more noise')")


def test_nothing_of_a_review_outlives_a_parent_that_is_killed(make_repo: MakeRepo, until: Callable[..., None]) -> None:
    repo = make_repo({"a.py": ""})
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import sys; from runyard.agents.code_reviewer.supervise import review\n"
                "from runyard.agents.code_reviewer.request import ReviewRequest\n"
                "from pathlib import Path\n"
                "review(ReviewRequest(path=sys.argv[1]), roots=[Path(sys.argv[1])], command=sys.argv[2:])"
            ),
            str(repo.root),
            *command("time.sleep(60)"),
        ]
    )
    mark = repo.root / "started"
    until(lambda: mark.exists() and mark.read_text())
    child = psutil.Process(started(repo)).ppid()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert is_gone(started(repo))
    assert is_gone(child)


def test_the_folder_under_review_cannot_pass_for_a_module(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = make_repo({"msgspec.py": "raise SystemExit(3)\n", "runyard/__init__.py": "raise SystemExit(3)\n"})
    monkeypatch.chdir(repo.root)
    assert review(ReviewRequest(path=str(repo.root)), roots=[repo.root]).files_reviewed == 2


def test_the_process_is_not_given_the_callers_secrets(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_KEY", "sesame")
    repo = make_repo({"a.py": ""})
    run(repo, body="Path(files[0].root, 'environment').write_text(str(dict(os.environ)))")
    assert "sesame" not in (repo.root / "environment").read_text()
