from pathlib import Path
from typing import Any

import pytest

from runyard.agents.assignments import AssignedRepository, Assignment
from runyard.agents.code_reviewer.request import Limits
from runyard.agents.code_reviewer.settings import ReviewerSettings
from runyard.agents.errors import Cancelled
from runyard.agents.security_scanner.worker import work
from runyard.agents.settings import AgentSettings
from runyard.sdk import NonRetryable
from tests.agents.conftest import AWS_KEY, MakeRepo, Repo
from tests.agents.desk import Desk, assigned
from tests.agents.git_server import serving

UNSAFE = """\
import hashlib
import subprocess
import yaml


def run(command, text):
    subprocess.call(command, shell=True)
    hashlib.md5(text)
    assert text
    return yaml.load(text)
"""


def scan(repo: Repo, config: dict[str, Any] | None = None, desk: Desk | None = None, **payload: Any) -> dict[str, Any]:
    settings = AgentSettings(roots=(repo.root.parent,))
    return work((desk or Desk()).context, assigned(repo.root, config, **payload), settings)


def found(repo: Repo, **config: Any) -> list[tuple[str, str, str, int]]:
    desk = Desk()
    scan(repo, config, desk)
    return desk.found


def test_insecure_python_secrets_and_settings_are_found(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {
            "app.py": UNSAFE,
            "key.txt": f"{AWS_KEY}\n",
            "Dockerfile": "FROM alpine\nRUN curl http://get.example/install | sh\n",
            ".npmrc": "strict-ssl=false\n",
        }
    )
    desk = Desk()
    output = scan(repo, desk=desk)
    assert desk.found == [
        ("error", "bandit:B324", "app.py", 8),
        ("error", "bandit:B602", "app.py", 7),
        ("error", "secrets:AWSKeyDetector", "key.txt", 1),
        ("error", "settings:download-to-shell", "Dockerfile", 2),
        ("info", "bandit:B101", "app.py", 9),
        ("warning", "bandit:B506", "app.py", 10),
        ("warning", "settings:packages-unchecked", ".npmrc", 1),
    ]
    assert (desk.reports[0]["files_reviewed"], desk.reports[0]["lines_analyzed"]) == (4, 14)
    assert (output["repository"], output["summary"]["total"], output["files_reviewed"]) == ("acme/shop", 7, 4)
    assert [name for name, _ in desk.tools] == ["bandit", "detect-secrets", "settings", "workflows"]
    assert desk.thoughts == ["acme/shop: 4 errors, 2 warnings, 1 notes in 4 files, 14 lines"]


def test_what_is_right_in_tests_is_not_told_there(make_repo: MakeRepo) -> None:
    repo = make_repo({"tests/test_a.py": "import random\n\nassert random.random()\n"})
    assert found(repo) == []


def test_less_severe_and_less_certain_findings_can_be_left_out(make_repo: MakeRepo) -> None:
    repo = make_repo({"app.py": UNSAFE, "settings.py": "password = 'kJ7fbX2qLm9'\n"})
    assert {severity for severity, *_ in found(repo, min_severity="error")} == {"error"}
    certain = {rule for _, rule, *_ in found(repo, min_confidence="high")}
    assert ("secrets:KeywordDetector" in {rule for _, rule, *_ in found(repo)}, certain) == (
        True,
        {"bandit:B101", "bandit:B324", "bandit:B506", "bandit:B602"},
    )


def test_files_can_be_chosen_and_the_payload_has_the_last_word(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": UNSAFE, "b.py": UNSAFE, "c.py": UNSAFE})
    desk = Desk()
    scan(repo, {"include": ["*.txt"], "exclude": ["b.py"]}, desk, include=["a.py", "b.py"])
    assert {file for _, _, file, _ in desk.found} == {"a.py"}


def test_against_a_base_only_changed_lines_are_told(make_repo: MakeRepo) -> None:
    repo = make_repo({"app.py": UNSAFE})
    repo.commit({"app.py": UNSAFE + "    eval(text)\n"})
    assert [rule for _, rule, *_ in found(repo, base="HEAD~1")] == ["bandit:B307"]


def test_nothing_in_the_repository_configures_or_becomes_the_scanner(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {
            "app.py": "eval(input())\n",
            ".bandit": "[bandit]\nskips: B307\n",
            "pyproject.toml": '[tool.bandit]\nskips = ["B307"]\n',
            "bandit.py": "raise SystemExit(0)\n",
            "bandit/__main__.py": "raise SystemExit(0)\n",
            "-x.py": "eval(input())\n",
        }
    )
    assert [(rule, file) for _, rule, file, _ in found(repo)] == [("bandit:B307", "-x.py"), ("bandit:B307", "app.py")]


def test_a_clean_repository_is_said_to_be_clean(make_repo: MakeRepo) -> None:
    desk = Desk()
    scan(make_repo({"a.py": "x = 1\n"}), desk=desk)
    assert [report["findings"] for report in desk.reports] == [[]]


def test_a_cloned_repository_is_scanned(make_repo: MakeRepo) -> None:
    repo = make_repo({"app.py": "eval(input())\n"})
    with serving(repo.root.parent) as server:
        repository = AssignedRepository(
            id="r", provider="git", full_name="acme/shop", default_branch="main", url=server.url("project")
        )
        desk = Desk()
        work(desk.context, Assignment(run_id="x", repository=repository), AgentSettings(allow_private=True))
    assert [rule for _, rule, *_ in desk.found] == ["bandit:B307"]


def test_what_can_never_be_scanned_is_not_tried_again(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo({"a.py": ""})
    settings = AgentSettings(roots=(repo.root.parent,))
    for assignment, words in (
        (assigned("/etc"), "outside"),
        (assigned(repo.root, {"min_severity": "awful"}), "min_severity"),
        (assigned(repo.root, {"base": "nowhere"}), "nowhere"),
        (Assignment(run_id="x"), "connect"),
    ):
        with pytest.raises(NonRetryable, match=words):
            work(Desk().context, assignment, settings)
    short = AgentSettings(roots=(repo.root.parent,), reviewer=ReviewerSettings(limits=Limits(seconds=0.01)))
    with pytest.raises(NonRetryable, match="longer"):
        work(Desk().context, assigned(repo.root), short)


def test_a_cancelled_scan_stops(make_repo: MakeRepo) -> None:
    desk = Desk()
    desk.cancelled.set()
    with pytest.raises(Cancelled):
        scan(make_repo({"a.py": ""}), desk=desk)
    assert desk.reports == []
