from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft, Finding, settle
from tests.agents.conftest import MakeRepo, Repo


def settled(repo: Repo, *drafts: Draft, changed: tuple[tuple[int, int], ...] | None = None) -> list[Finding]:
    file = SourceFile(path="a.py", root=str(repo.root), lines=9, is_python=True, changed=changed)
    return settle(drafts, {"a.py": file})


def draft(line: int, *, rule: str = "ruff:X1", secret: str = "", message: str = "m") -> Draft:
    return Draft(severity="warning", type="bug", rule=rule, file="a.py", line=line, message=message, secret=secret)


def test_an_id_stays_when_lines_move_or_are_indented(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "x = 1\ny = 2\n"})
    before = settled(repo, draft(2))[0].id
    repo.write({"a.py": "new\nx = 1\n\n    y  =  2\n"})
    assert settled(repo, draft(4))[0].id == before


def test_ids_differ_by_rule_by_text_and_by_occurrence(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "x = 1\nx = 1\ny = 1\n"})
    findings = settled(repo, draft(1), draft(2), draft(3), draft(1, rule="ruff:X2"), draft(1, message="n"))
    assert len({finding.id for finding in findings}) == 5


def test_findings_do_not_depend_on_the_order_they_come_in(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "x = 1\nx = 1\ny = 1\n"})
    drafts = [draft(1), draft(2), draft(3), draft(1, rule="ruff:X2")]
    assert settled(repo, *drafts) == settled(repo, *reversed(drafts))


def test_a_secret_is_masked_in_all_that_is_told_and_is_no_part_of_the_id(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "key = 'hunter2'\n"})
    found = settled(repo, draft(1, secret="hunter2", message="saw hunter2"))
    repo.write({"a.py": "key = 'other99'\n"})
    other = settled(repo, draft(1, secret="other99", message="saw other99"))
    assert found[0].message == "saw ****"
    assert found[0].id == other[0].id


def test_only_lines_under_review_are_told_but_syntax_errors_always(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "1\n2\n3\n4\n"})
    broken = Draft(severity="error", type="syntax", rule="s", file="a.py", line=4, message="m")
    findings = settled(repo, draft(1), draft(2), draft(3), broken, changed=((2, 3),))
    assert [finding.line for finding in findings] == [4, 2, 3]


def test_a_line_past_the_end_has_an_id_too(make_repo: MakeRepo) -> None:
    assert settled(make_repo({"a.py": ""}), draft(7), draft(0))
