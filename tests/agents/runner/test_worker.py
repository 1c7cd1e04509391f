import os
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.agents.assignments import AssignedRepository, Assignment
from runyard.agents.errors import Cancelled
from runyard.agents.settings import AgentSettings, SuiteLimits
from runyard.agents.test_runner.worker import work
from runyard.sdk import NonRetryable
from tests.agents.conftest import MakeRepo, Repo
from tests.agents.desk import Desk, assigned
from tests.agents.git_server import serving

PYTEST = """\
import pytest


def test_right():
    assert 1 + 1 == 2


def test_wrong():
    numbers = [1, 2]
    assert sum(numbers) == 4


@pytest.mark.skip(reason="later")
def test_later():
    pass


@pytest.fixture
def broken():
    raise OSError("no disk")


def test_broken(broken):
    pass
"""
UNITTEST = """\
import unittest


class Sums(unittest.TestCase):
    def test_right(self):
        self.assertEqual(1 + 1, 2)

    def test_wrong(self):
        self.assertEqual(1 + 1, 3)

    def test_parts(self):
        for number in (1, 2):
            with self.subTest(number=number):
                self.assertEqual(number, 1)

    @unittest.skip("later")
    def test_later(self):
        pass
"""


# Of the plugins installed beside ours, which the tests here do not need.
QUICKLY = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def run_tests(repo: Repo, config: dict[str, Any] | None = None, **settings: Any) -> tuple[Desk, dict[str, Any]]:
    desk = Desk()
    allowed = AgentSettings(roots=(repo.root.parent,), **{"run_tests": "local", **settings})
    return desk, work(desk.context, assigned(repo.root, {"environment": QUICKLY} | (config or {})), allowed)


def without_pytest(repo: Repo) -> None:
    """Give the repository an interpreter of its own, as a virtual environment has, without pytest."""
    folder = repo.root / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    (folder / "python").chmod(0o755)


def test_tests_that_fail_or_break_are_found_by_pytest(make_repo: MakeRepo) -> None:
    repo = make_repo({"tests/test_sums.py": PYTEST})
    desk, output = run_tests(repo)
    assert desk.found == [
        ("error", "tests:error", "tests/test_sums.py", 20),
        ("error", "tests:failed", "tests/test_sums.py", 10),
    ]
    wrong = next(one for one in desk.reports[0]["findings"] if one["rule"] == "tests:failed")
    assert wrong["message"] == "test_wrong failed: assert 3 == 4\n +  where 3 = sum([1, 2])"
    assert (wrong["type"], "assert sum(numbers) == 4" in wrong["suggestion"]) == ("test", True)
    assert output["tests"] == {"total": 4, "passed": 1, "failed": 1, "error": 1, "skipped": 1}
    assert output["summary"] == {"error": 2, "warning": 0, "info": 0, "total": 2}
    assert (output["runner"], output["exit_code"], output["files_reviewed"], output["lines_analyzed"]) == (
        "pytest",
        1,
        1,
        24,
    )
    assert (desk.reports[0]["files_reviewed"], desk.reports[0]["lines_analyzed"]) == (1, 24)
    assert [name for name, _ in desk.tools] == ["pytest"]
    assert "4 tests, 1 passed, 1 failed, 1 broke, 1 skipped" in desk.thoughts[-1]
    assert repo.git("status", "--porcelain") == ""


def test_a_repository_whose_python_has_no_pytest_is_tested_by_unittest(make_repo: MakeRepo) -> None:
    repo = make_repo({"tests/test_sums.py": UNITTEST, "shop.py": "", ".gitignore": ".venv\n"})
    without_pytest(repo)
    desk, output = run_tests(repo)
    assert desk.found == [
        ("error", "tests:failed", "tests/test_sums.py", 9),
        ("error", "tests:failed", "tests/test_sums.py", 14),
    ]
    assert (output["runner"], output["tests"]["passed"], output["tests"]["skipped"]) == ("unittest", 1, 1)
    assert repo.git("status", "--porcelain") == ""


def test_two_runs_find_the_same(make_repo: MakeRepo) -> None:
    repo = make_repo({"test_a.py": PYTEST})
    ids = [[one["id"] for one in run_tests(repo)[0].reports[0]["findings"]] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_pytest_can_be_told_which_tests_to_run(make_repo: MakeRepo) -> None:
    repo = make_repo({"test_a.py": PYTEST})
    assert run_tests(repo, {"args": ["-k", "right"]})[1]["tests"]["total"] == 1


def test_any_command_that_writes_a_report_can_run_the_tests(make_repo: MakeRepo) -> None:
    script = """\
        mkdir -p out
        cat > out/report.xml <<'END'
        <testsuites><testsuite><testcase classname="cart" name="adds"/>
        <testcase classname="cart" name="pays" file="src/cart.js" line="3">
        <failure message="expected 3">at cart</failure></testcase>
        </testsuite></testsuites>
        END
        exit 1
    """
    repo = make_repo({"run.sh": textwrap.dedent(script), "src/cart.js": "\n" * 9})
    desk, output = run_tests(repo, {"command": ["sh", "run.sh"], "junit": "out/*.xml"})
    assert desk.found == [("error", "tests:failed", "src/cart.js", 4)]
    assert (output["runner"], output["tests"]["total"], output["exit_code"]) == ("sh", 2, 1)


def test_a_report_of_an_earlier_run_does_not_count(make_repo: MakeRepo) -> None:
    repo = make_repo({"old.xml": "<testsuite><testcase name='a'/></testsuite>", "run.sh": "echo broken; exit 3\n"})
    os.utime(repo.root / "old.xml", (0, 0))
    with pytest.raises(NonRetryable, match=r"sh ended with 3[^\0]*broken"):
        run_tests(repo, {"command": ["sh", "run.sh"], "junit": "old.xml"})


@pytest.mark.parametrize(
    "report",
    [
        "<testsuite>",
        "not xml",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><testsuite><testcase name='&b;'/></testsuite>",
        "",
    ],
)
def test_a_report_that_cannot_be_believed_is_refused(make_repo: MakeRepo, report: str) -> None:
    repo = make_repo({"source.xml": report})
    with pytest.raises(NonRetryable, match="JUnit"):
        run_tests(repo, {"command": ["cp", "source.xml", "report.xml"], "junit": "report.xml"})


@pytest.mark.parametrize("command", [["ln", "-s", "/etc/passwd", "report.xml"], ["mkfifo", "report.xml"]])
def test_a_report_that_is_no_file_is_not_opened(make_repo: MakeRepo, command: list[str]) -> None:
    with pytest.raises(NonRetryable, match="report"):
        run_tests(make_repo({"a": ""}), {"command": command, "junit": "report.xml"})


def test_a_suite_that_cannot_start_fails_the_run_with_its_last_lines(make_repo: MakeRepo) -> None:
    repo = make_repo({"conftest.py": "import no_such_module\n", "test_a.py": "def test(): pass\n"})
    with pytest.raises(NonRetryable, match="no_such_module"):
        run_tests(repo)


def test_a_module_that_cannot_be_imported_is_found(make_repo: MakeRepo) -> None:
    repo = make_repo({"test_a.py": "def test(): pass\n", "test_b.py": "import no_such_module\n"})
    desk, _ = run_tests(repo)
    assert [(rule, file) for _, rule, file, _ in desk.found] == [("tests:error", "test_b.py")]


def test_a_repository_without_tests_is_told_so(make_repo: MakeRepo) -> None:
    desk, output = run_tests(make_repo({"a.py": ""}))
    assert [one["rule"] for one in desk.reports[0]["findings"]] == ["tests:none"]
    assert output["tests"]["total"] == 0


def test_a_run_that_fails_without_a_failing_test_is_told(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {
            "test_a.py": "def test(): pass\n",
            "conftest.py": "def pytest_sessionfinish(session):\n session.exitstatus = 9\n",
        }
    )
    assert [one["rule"] for one in run_tests(repo)[0].reports[0]["findings"]] == ["tests:exit-code"]


def test_nobodys_code_is_executed_unless_the_operator_allows_it(make_repo: MakeRepo) -> None:
    repo = make_repo({"test_a.py": "open('marker', 'w')\n"})
    with pytest.raises(NonRetryable, match="RUNYARD_RUN_TESTS"):
        run_tests(repo, run_tests="off")
    with serving(repo.root.parent) as server:
        url = server.url("project")
        repository = AssignedRepository(id="r", provider="git", full_name="acme/shop", default_branch="main", url=url)
        settings = AgentSettings(allow_private=True, run_tests="local")
        with pytest.raises(NonRetryable, match="RUNYARD_RUN_TESTS=any"):
            work(Desk().context, Assignment(run_id="x", repository=repository), settings)
        assert server.asked == []
    assert not (repo.root / "marker").exists()


def test_a_cloned_repository_is_tested_where_that_is_allowed(make_repo: MakeRepo) -> None:
    repo = make_repo({"test_a.py": "def test(): assert 0\n"})
    with serving(repo.root.parent) as server:
        url = server.url("project")
        repository = AssignedRepository(id="r", provider="git", full_name="acme/shop", default_branch="main", url=url)
        desk = Desk()
        work(
            desk.context,
            Assignment(run_id="x", repository=repository),
            AgentSettings(allow_private=True, run_tests="any"),
        )
    assert desk.found == [("error", "tests:failed", "test_a.py", 1)]


def test_the_tests_are_told_nothing_of_the_machine(
    make_repo: MakeRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_KEY", "sesame")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    repo = make_repo({"test_a.py": "import os\ndef test(): open('seen', 'w').write(repr(dict(os.environ)))\n"})
    run_tests(repo, {"environment": {"SHOP": "open"}})
    seen = (repo.root / "seen").read_text()
    assert ("sesame" in seen, "'SHOP': 'open'" in seen, str(Path.home()) in seen.split("'PATH'")[0]) == (
        False,
        True,
        False,
    )


def test_tests_that_take_too_long_are_stopped(make_repo: MakeRepo) -> None:
    repo = make_repo({"test_a.py": "import time\ndef test(): time.sleep(60)\n"})
    for settings, config in (({"tests": SuiteLimits(seconds=2)}, {}), ({}, {"timeout_seconds": 2})):
        with pytest.raises(NonRetryable, match="2 s"):
            run_tests(repo, config, **settings)


def test_cancelled_tests_stop_within_a_second(make_repo: MakeRepo) -> None:
    repo = make_repo({"test_a.py": "import time\ndef test():\n open('started', 'w')\n time.sleep(60)\n"})
    desk = Desk()
    stopped: list[float] = []

    def go() -> None:
        settings = AgentSettings(roots=(repo.root.parent,), run_tests="local")
        with pytest.raises(Cancelled):
            work(desk.context, assigned(repo.root, {"environment": QUICKLY}), settings)
        stopped.append(time.monotonic())

    thread = threading.Thread(target=go)
    thread.start()
    deadline = time.monotonic() + 30
    while not (repo.root / "started").exists():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
    asked = time.monotonic()
    desk.cancelled.set()
    thread.join()
    assert stopped[0] - asked < 3  # one, on a machine with nothing else to do
    assert desk.reports == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"command": ["true"]}, "junit"),
        ({"junit": "a.xml"}, "command"),
        ({"command": ["true"], "junit": "../a.xml"}, "below the repository"),
        ({"command": ["true"], "junit": "/a.xml"}, "below the repository"),
        ({"command": "true"}, "command"),
        ({"python": "/no/such/python"}, "cannot be started"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(make_repo: MakeRepo, config: dict[str, Any], words: str) -> None:
    with pytest.raises(NonRetryable, match=words):
        run_tests(make_repo({"a.py": ""}), config)
