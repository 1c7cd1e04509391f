import textwrap
from pathlib import Path

import pytest

from runyard.agents.code_reviewer.pipeline import Task, perform
from runyard.agents.code_reviewer.request import Limits, ReviewRequest
from runyard.agents.security_scanner.unsafe_settings import UnsafeSettings
from runyard.agents.security_scanner.workflows import Workflows
from tests.agents.conftest import MakeRepo, Repo


def looked_at(repo: Repo) -> list[tuple[str, str, str, int]]:
    task = Task(
        request=ReviewRequest(path=str(repo.root)),
        roots=(Path("/"),),
        limits=Limits(),
        analysers=(UnsafeSettings(), Workflows()),
        model=None,
        on_progress=lambda _message, _done, _total: None,
        on_usage=lambda _usage: None,
    )
    return sorted((found.severity, found.rule, found.file, found.line) for found in perform(task).findings)


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("ci.sh", "curl -fsSLk https://x | tar x", "certificates-unchecked"),
        ("ci.sh", "wget --no-check-certificate https://x", "certificates-unchecked"),
        ("Makefile", "\tgit -c http.sslVerify=false clone x", "git-certificates-unchecked"),
        ("a.yml", "  - ssh -o StrictHostKeyChecking=no host", "host-keys-unchecked"),
        ("etc/sshd_config", "PermitRootLogin yes", "root-login"),
        ("compose.yaml", "    privileged: true", "privileged-container"),
        ("compose.yaml", "      - /var/run/docker.sock:/var/run/docker.sock", "container-socket"),
        ("pod.yaml", "  hostPID: true", "host-namespace"),
        ("nginx.conf", "  ssl_protocols TLSv1 TLSv1.2;", "old-tls"),
        ("pip.conf", "trusted-host = pypi.example", "packages-unchecked"),
    ],
)
def test_a_setting_that_takes_protection_away_is_told(make_repo: MakeRepo, file: str, line: str, rule: str) -> None:
    assert [(told, number) for _, told, _, number in looked_at(make_repo({file: f"x\n{line}\n"}))] == [
        (f"settings:{rule}", 2)
    ]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("ci.sh", "curl -fsSL --key k https://x | sh -k"),
        ("ci.sh", "# curl -k https://x"),
        ("ci.sh", "curl https://x | sh"),
        ("ci.sh", "curl http://localhost/x | sh"),
        ("nginx.conf", "  ssl_protocols TLSv1.2 TLSv1.3;"),
        ("a.txt", "privileged: true"),
        ("compose.yaml", "    privileged: false"),
        ("etc/sshd_config", "#PermitRootLogin yes"),
        ("etc/sshd_config", "PermitRootLogin prohibit-password"),
    ],
)
def test_settings_that_keep_protection_are_not_told(make_repo: MakeRepo, file: str, line: str) -> None:
    assert looked_at(make_repo({file: f"{line}\n"})) == []


def test_workflows_in_which_strangers_can_run_commands_are_told(make_repo: MakeRepo) -> None:
    workflow = """\
        on:
          pull_request_target:
            types: [opened]
        jobs:
          greet:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
                with:
                  ref: ${{ github.event.pull_request.head.sha }}
              - run: echo "${{ github.event.pull_request.title }}"
              - run: |
                  echo safe
                  echo "${{ github.head_ref }}"
              - run: echo "$TITLE"
                env:
                  TITLE: ${{ github.event.pull_request.title }}
    """
    repo = make_repo({".github/workflows/greet.yml": textwrap.dedent(workflow)})
    assert [(rule, line) for _, rule, _, line in looked_at(repo)] == [
        ("workflows:injection", 11),
        ("workflows:injection", 14),
        ("workflows:pull-request-target", 10),
    ]


@pytest.mark.parametrize("on", ["pull_request_target", "[push, pull_request_target]"])
def test_a_pull_requests_code_is_told_where_it_has_rights_only(make_repo: MakeRepo, on: str) -> None:
    steps = "jobs: {a: {steps: [{uses: actions/checkout, with: {ref: '${{ github.head_ref }}'}}]}}\n"
    repo = make_repo({".github/workflows/a.yml": f"on: {on}\n{steps}", ".github/workflows/b.yml": f"on: push\n{steps}"})
    assert [file for *_, file, _ in looked_at(repo)] == [".github/workflows/a.yml"]


def test_a_workflow_that_names_one_node_over_and_over_is_read_in_no_time(make_repo: MakeRepo) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert looked_at(make_repo({".github/workflows/a.yml": bomb})) == []
