import pytest
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings

from runyard.agents.code_reviewer.analysers.secrets import Secrets
from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft
from tests.agents.conftest import AWS_KEY, MakeRepo, Repo, ReviewIt, only

HEX = "a1b2c3d4e5f60718" * 4  # pragma: allowlist secret
BASE64 = "c3VwZXIgbG9uZyBzdHJpbmcgc2hv" + "dWxkIGNhdXNlIGVub3VnaCBlbnRyb3B5"  # pragma: allowlist secret
# One of each kind; the well-known ones taken apart, so that no other scanner stops at this file.
SAMPLES = {
    "ArtifactoryDetector": 'x = "AKCp1A2b3C4d5E6f7"',  # pragma: allowlist secret
    "AWSKeyDetector": f"x = {AWS_KEY}",
    "AzureStorageKeyDetector": "Account" + "Key=" + "a1B2" * 22,
    "BasicAuthDetector": "url = https://jane:" + "f1reW0rks@host.example/",
    "CloudantDetector": "cloudant_" + f'password = "{HEX}"',
    "GitHubTokenDetector": "gh" + "p_wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx",  # pragma: allowlist secret
    "GitLabTokenDetector": "gl" + "pat-hellOworld380_testin",
    "IbmCloudIamDetector": "ibm_cloud_" + f'api_key = "{HEX[:44]}"',
    "IbmCosHmacDetector": "cos_" + f'secret_access_key = "{HEX[:48]}"',
    "JwtTokenDetector": "ey"
    "JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.ey"
    "JzdWIiOiIxMjM0NTY3ODkwIn0.Qw3rTy8ZxV1bNmKjHgFdSaPoIuYtReWq",
    "KeywordDetector": "db_" + 'password = "correct7horse"',  # pragma: allowlist secret
    "MailchimpDetector": "343ea45721923ed956e2b38c31db76aa" + "-us30",  # pragma: allowlist secret
    "OpenAIDetector": "sk-" + "Xi8tcNiHV9awbCcvilTeT3BlbkFJ3UDnpdEwNNm6wVBpYM0o",  # pragma: allowlist secret
    "PrivateKeyDetector": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "SendGridDetector": "SG." + "ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr",
    "SlackDetector": "xox" + "b-34532454-e039d02840a0b9379c",
    "SoftlayerDetector": "softlayer_" + f'api_key = "{HEX}"',
    "StripeDetector": "sk_" + "live_ReTllpYQYfIZu2Jnf2lAPFjD",
    "TwilioKeyDetector": "SK" + HEX[:32],
    "HexHighEntropyString": 'x = "2b00042f7481c7b056c4b410d28f33cf"',  # pragma: allowlist secret
    "Base64HighEntropyString": f'x = "{BASE64}"',
}


def scanned(repo: Repo, path: str = "a.py") -> list[Draft]:
    lines = (repo.root / path).read_text("utf-8").count("\n")
    return list(Secrets().analyse([SourceFile(path=path, root=str(repo.root), lines=lines, is_python=True)]))


@pytest.mark.parametrize("detector", SAMPLES)
def test_what_the_detectors_find_line_by_line_is_found_here_too(make_repo: MakeRepo, detector: str) -> None:
    # Between lines that patterns without a bound at line ends could run into.
    repo = make_repo({"a.py": f"# one\n\nkey\n{SAMPLES[detector]}\nsecret\n# end\n"})
    with default_settings():
        theirs = {(secret.line_number, secret.secret_value) for secret in scan_file(str(repo.root / "a.py"))}
    assert theirs
    ours = {(draft.line, draft.secret) for draft in scanned(repo)}
    assert {line for line, _ in theirs} == {line for line, _ in ours} == {4}
    assert ours <= theirs
    assert f"secrets:{detector}" in {draft.rule for draft in scanned(repo)}


def test_a_secret_is_an_error_and_is_never_shown(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo({"settings.py": f'AWS = "{AWS_KEY}"\n'})
    report = review_it(repo)
    finding = only(report)
    assert (finding.severity, finding.type, finding.line) == ("error", "secret", 1)
    assert "****" in finding.message
    assert AWS_KEY not in repr(report)


def test_a_rule_that_quotes_the_line_does_not_show_the_secret_either(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo({"a.py": f'd = {{"{AWS_KEY}": 1, "{AWS_KEY}": 2}}\n'})
    report = review_it(repo)
    assert {"ruff:F601", "secrets:AWSKeyDetector"} == {finding.rule for finding in report.findings}
    assert AWS_KEY not in repr(report)


def test_a_secret_in_any_text_file_is_found(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo({"config.yaml": "db_" + "password: correct7horse\n", "notes.txt": f"use {AWS_KEY}\n"})
    assert {finding.file for finding in review_it(repo).findings} == {"config.yaml", "notes.txt"}


def test_a_guess_in_a_test_is_worth_less(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": SAMPLES["KeywordDetector"], "tests/a.py": SAMPLES["KeywordDetector"]})
    severities = [draft.severity for path in ("a.py", "tests/a.py") for draft in scanned(repo, path)]
    assert severities == ["warning", "info"]


@pytest.mark.parametrize(
    "line",
    [
        'password = "password"',
        'api_key = "your-api-key"',
        'password = "${DB_PASSWORD}"',
        "password = get_password('main')",
        'secret = os.environ["SECRET"]',
        SAMPLES["AWSKeyDetector"] + "  # pragma: allowlist secret",
    ],
)
def test_what_only_looks_like_a_secret_is_left_alone(make_repo: MakeRepo, line: str) -> None:
    assert scanned(make_repo({"a.py": line + "\n"})) == []


def test_digests_in_lock_files_are_left_alone(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {"poetry.lock": SAMPLES["HexHighEntropyString"] + "\n", "package-lock.json": SAMPLES["Base64HighEntropyString"]}
    )
    assert scanned(repo, "poetry.lock") + scanned(repo, "package-lock.json") == []


def test_a_line_without_end_takes_no_time(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "password = '" + "ab cd=" * 150_000 + "\n" + SAMPLES["AWSKeyDetector"] + "\n"})
    assert [draft.line for draft in scanned(repo)][-1] == 2


def test_letters_that_grow_when_made_small_do_not_shift_the_lines(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "# " + "İ" * 50 + "\n" + SAMPLES["KeywordDetector"] + "\n\n\n"})
    assert [draft.line for draft in scanned(repo)] == [2]
