import msgspec

from runyard.agents.code_reviewer.report import Report
from runyard.agents.code_reviewer.request import Limits
from tests.agents.conftest import AWS_KEY, MakeRepo, ReviewIt, rules

UNUSED = "import os\n"


def test_a_whole_tree_is_reviewed(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo({"a.py": UNUSED, "b.py": "def f(:\n", "c.txt": f"{AWS_KEY}\n", "d.bin": b"\0"})
    report = review_it(repo)
    assert rules(report) == [
        ("ruff:F401", "a.py", 1),
        ("ruff:invalid-syntax", "b.py", 1),
        ("secrets:AWSKeyDetector", "c.txt", 1),
    ]
    assert (report.files_reviewed, report.lines_analyzed, report.skipped_total) == (3, 3, 1)
    assert (report.summary.error, report.summary.warning, report.summary.info, report.summary.total) == (2, 1, 0, 3)
    assert (report.repository, report.branch, report.base, report.base_commit) == ("project", "main", None, None)
    assert report.head == repo.git("rev-parse", "HEAD")
    assert [used.name for used in report.analysers] == ["ruff", "detect-secrets", "conflicts", "data"]
    assert report.notes == ("Not reviewed, binary: 1 file(s)",)


def test_a_review_against_a_base_tells_only_what_changed(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo({"a.py": UNUSED + "x = 1\n", "old.py": UNUSED})
    base = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "-b", "feature")
    repo.commit({"a.py": UNUSED + "import sys\nx = 1\n", "new.py": UNUSED})
    report = review_it(repo, base="main")
    assert rules(report) == [("ruff:F401", "a.py", 2), ("ruff:F401", "new.py", 1)]
    assert (report.files_reviewed, report.lines_analyzed) == (2, 2)
    assert (report.base, report.base_commit, report.branch) == ("main", base, "feature")


def test_a_base_without_changes_gives_an_empty_report(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    report = review_it(make_repo({"a.py": UNUSED}), base="HEAD")
    assert (report.findings, report.files_reviewed, report.summary.total) == ((), 0, 0)


def test_an_empty_repository_gives_an_empty_report(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    report = review_it(make_repo())
    assert (report.findings, report.files_reviewed, report.head) == ((), 0, None)


def test_two_reviews_of_the_same_tree_find_the_same(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo({f"{name}.py": UNUSED * 3 + "assert x\n" for name in "abc"} | {"key.txt": f"{AWS_KEY}\n" * 2})
    first, second = review_it(repo), review_it(repo)
    assert first.findings == second.findings
    assert len({finding.id for finding in first.findings}) == len(first.findings) > 5


def test_the_worst_findings_come_first_and_the_rest_is_counted(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo({"a.py": UNUSED, "b.py": "assert x\n", "c.txt": f"{AWS_KEY}\n"})
    report = review_it(repo, max_findings=2)
    assert [finding.severity for finding in report.findings] == ["error", "error"]
    assert (report.summary.total, report.omitted.total, report.omitted.warning, report.omitted.info) == (2, 2, 1, 1)
    assert "2 more findings" in report.notes[-1]


def test_large_files_are_said_to_be_left_out(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    report = review_it(make_repo({"a.txt": "x" * 200, "b.txt": "x" * 300}), limits=Limits(max_file_bytes=100))
    assert report.notes == ("Not reviewed, larger than 100 bytes: 2 file(s)",)


def test_a_report_survives_its_way_through_json(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    report = review_it(make_repo({"a.py": UNUSED, "ü.txt": "x"}))
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
