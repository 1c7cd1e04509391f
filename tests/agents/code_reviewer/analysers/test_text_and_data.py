import pytest

from tests.agents.conftest import MakeRepo, ReviewIt, only

OURS, MIDDLE, THEIRS = "<<<<<<< HEAD\n", "=======\n", ">>>>>>> other\n"


def test_a_merge_conflict_is_an_error(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    finding = only(review_it(make_repo({"notes.txt": f"one\n{OURS}two\n{MIDDLE}three\n{THEIRS}four\n"})))
    assert (finding.severity, finding.rule, finding.line) == ("error", "text:merge-conflict", 2)


@pytest.mark.parametrize("text", ["Title\n=======\n", f"{OURS}", f"{MIDDLE}{THEIRS}", f"  {OURS}  {MIDDLE}  {THEIRS}"])
def test_what_is_no_whole_conflict_is_left_alone(make_repo: MakeRepo, review_it: ReviewIt, text: str) -> None:
    assert review_it(make_repo({"notes.rst": text})).findings == ()


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("a.json", '{\n "a": 1,\n}\n', 3),
        ("a.json", "[" * 100_000, 1),
        ("a.toml", "x = 1\ny = \n", 2),
        ("a.toml", 'x = "', 1),
        ("a.yaml", "a: 1\n b: 2\n", 2),
        ("a.yml", "a: [1\n", 2),
    ],
)
def test_data_that_cannot_be_read_is_an_error_where_the_reader_stops(
    make_repo: MakeRepo, review_it: ReviewIt, path: str, text: str, line: int
) -> None:
    finding = only(review_it(make_repo({path: text})))
    assert (finding.severity, finding.type, finding.line) == ("error", "syntax", line)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.json", '\ufeff{"a": NaN, "b": 1e999}'),
        ("a.json", "9" * 5000),
        ("tsconfig.json", '{ /* comment */ "a": 1, }'),
        (".vscode/settings.json", "{ // comment\n}"),
        ("a.yaml", "a: !Ref b\n---\nc: 1\n"),
        ("chart/templates/a.yaml", "{{- if .Values.x }}\na: {{ .Values.b }}\n{{- end }}\n"),
        ("a.toml", "x = 1\n"),
    ],
)
def test_data_that_its_reader_can_read_is_left_alone(
    make_repo: MakeRepo, review_it: ReviewIt, path: str, text: str
) -> None:
    assert review_it(make_repo({path: text})).findings == ()
