import pytest

from runyard.agents.code_reviewer.analysers import rules
from runyard.agents.code_reviewer.analysers.ruff import target_version
from tests.agents.conftest import MakeRepo, ReviewIt, only
from tests.agents.conftest import rules as found


def test_findings_have_severity_type_place_and_advice(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo(
        {"a.py": "import subprocess\n\n\ndef run(text):\n    subprocess.run(text, shell=True, check=True)\n"}
    )
    finding = only(review_it(repo))
    assert (finding.severity, finding.type, finding.rule) == ("error", "security", "ruff:S602")
    assert (finding.file, finding.line) == ("a.py", 5)
    assert "shell=True" in finding.message
    assert "list of arguments" in finding.suggestion


def test_the_first_syntax_error_of_a_file_is_an_error(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    finding = only(review_it(make_repo({"a.py": "x = 1\ndef f(:\n    pass\ndef g(:\n"})))
    assert (finding.severity, finding.type, finding.line) == ("error", "syntax", 2)


def test_tests_may_assert(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo(
        {"a.py": "assert __debug__\n", "tests/test_a.py": "assert __debug__\n", "test_b.py": "assert __debug__\n"}
    )
    assert found(review_it(repo)) == [("ruff:S101", "a.py", 1)]


def test_the_repository_cannot_choose_the_rules(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo(
        {"a.py": "import os\n", "ruff.toml": 'exclude = ["*"]\n', "pyproject.toml": "[tool.ruff.lint]\nselect = []\n"}
    )
    assert found(review_it(repo)) == [("ruff:F401", "a.py", 1)]


def test_a_line_can_be_excused_where_it_stands(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    assert review_it(make_repo({"a.py": "import os  # noqa: F401\n"})).findings == ()


def test_a_file_that_is_not_utf8_is_told(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    finding = only(review_it(make_repo({"a.py": b"# caf\xe9\n"})))
    assert (finding.severity, finding.rule, finding.suggestion) == ("warning", "ruff:E902", "Save the file as UTF-8.")


@pytest.mark.parametrize(
    "name", ["@args.py", "-x.py", "--select=ALL.py", "new\nline.py", "sp ace.py", ".venv/lib/x.py", "build/x.py"]
)
def test_files_of_any_name_and_folder_are_looked_at(make_repo: MakeRepo, review_it: ReviewIt, name: str) -> None:
    assert found(review_it(make_repo({name: "import os\n"}))) == [("ruff:F401", name, 1)]


@pytest.mark.parametrize(
    ("project", "target"),
    [
        ('[project]\nrequires-python = ">=3.9"\n', "py39"),
        ('[project]\nrequires-python = ">= 3.14,<4"\n', "py314"),
        ('[project]\nrequires-python = ">=3.99"\n', "py315"),
        ('[project]\nrequires-python = "<4"\n', "py313"),
        ("project = 7\n", "py313"),
        ("not toml", "py313"),
        ("", "py313"),
    ],
)
def test_the_lowest_python_a_project_supports_decides_what_is_correct(
    make_repo: MakeRepo, project: str, target: str
) -> None:
    assert target_version(make_repo({"pyproject.toml": project}).root) == target


@pytest.mark.parametrize(
    ("query", "severity"),
    [
        ('f"SELECT {COLUMNS} FROM runs WHERE id = 1"', "info"),
        ('f"""\n  SELECT {_COLUMNS}\n  FROM {TABLE} WHERE id = 1"""', "info"),
        ('"SELECT a FROM " + TABLE + " WHERE id = 1"', "info"),
        ('f"SELECT a FROM runs WHERE id = {run_id}"', "warning"),
        ('f"SELECT {COLUMNS} FROM runs WHERE id = {run_id}"', "warning"),
        ('f"SELECT {COLUMNS.strip()} FROM runs WHERE id = 1"', "warning"),
        ('"SELECT a FROM runs WHERE id = %s" % run_id', "warning"),
    ],
)
def test_a_query_put_together_from_constants_is_only_worth_a_look(
    make_repo: MakeRepo, review_it: ReviewIt, query: str, severity: str
) -> None:
    repo = make_repo({"a.py": f"from x import COLUMNS, _COLUMNS, TABLE, run_id\n\nq = {query}\n__all__ = dir()\n"})
    found = [finding for finding in review_it(repo).findings if finding.rule == "ruff:S608"]
    assert [finding.severity for finding in found] == [severity]


def test_every_meaning_belongs_to_a_rule_that_is_selected() -> None:
    for code in rules._MEANING:
        chosen = any(code.startswith(prefix) or prefix.startswith(code) for prefix in rules.SELECTED)
        assert chosen or code in {"", "invalid-syntax"}, code


def test_the_longest_prefix_decides_what_a_rule_means() -> None:
    assert rules.meaning("F401") == ("warning", "maintainability")
    assert rules.meaning("F632") == ("error", "bug")
    assert rules.meaning("XYZ001") == ("warning", "bug")
