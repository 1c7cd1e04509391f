import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.agents.code_reviewer.pipeline import Task, perform
from runyard.agents.code_reviewer.request import Limits, ReviewRequest
from runyard.agents.dependency_auditor.child import Manifests
from runyard.agents.dependency_auditor.dependencies import Dependency
from tests.agents.conftest import MakeRepo

SHA = "sha256:" + "a" * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"

Read = Callable[..., tuple[list[tuple[str, int]], list[tuple[str, str, int]]]]


@pytest.fixture
def read(make_repo: MakeRepo) -> Read:
    """What is told (rule and line), and which versions are found."""

    def read(files: dict[str, str]) -> tuple[list[tuple[str, int]], list[tuple[str, str, int]]]:
        repo = make_repo({name: textwrap.dedent(text) for name, text in files.items()})
        found: list[Dependency] = []
        task = Task(
            request=ReviewRequest(path=str(repo.root)),
            roots=(Path("/"),),
            limits=Limits(),
            analysers=(Manifests(found),),
            model=None,
            on_progress=lambda _message, _done, _total: None,
            on_usage=lambda _usage: None,
        )
        told = sorted((one.rule.removeprefix("deps:"), one.line) for one in perform(task).findings)
        return told, [(one.name, one.version, one.line) for one in found]

    return read


def test_requirements_are_read_as_pip_reads_them(read: Read) -> None:
    told, found = read(
        {
            "requirements.txt": f"""\
        # comment
        -r other.txt
        flask==3.0.0 \\
            --hash={SHA} \\
            --hash={SHA}
        Jinja2[i18n] == 3.1.5 ; python_version >= "3.8" --hash={SHA}  # why
        ./local
        vendored.whl
        """
        }
    )
    assert (told, found) == ([], [("flask", "3.0.0", 3), ("Jinja2", "3.1.5", 6)])


def test_what_is_not_pinned_or_has_no_digest_is_told(read: Read) -> None:
    assert read({"requirements.txt": "flask>=3\njinja2\ndjango==5.*\nclick==8.1.0\n"})[0] == [
        ("unpinned", 1),
        ("unpinned", 2),
        ("unpinned", 3),
    ]


def test_pins_without_digests_are_told_once(read: Read) -> None:
    assert read({"requirements.txt": "flask==3.0.0\nclick==8.1.0\n"})[0] == [("unhashed", 1)]


def test_a_file_that_pip_would_refuse_for_missing_digests_is_told(read: Read) -> None:
    assert read({"requirements.txt": f"flask==3.0.0 --hash={SHA}\nclick==8.1.0\n"})[0] == [("unhashed", 2)]


def test_the_ranges_a_lock_is_made_from_are_meant(read: Read) -> None:
    assert read({"requirements/base.in": "flask>=3\njinja2\n"})[0] == []


def test_unusual_sources_and_indexes_are_told(read: Read) -> None:
    told, found = read(
        {
            "requirements.txt": f"""\
        --index-url http://pypi.example/simple
        --extra-index-url https://me:sesame@pypi.example/simple
        --trusted-host pypi.example
        git+https://github.com/acme/shop.git@main#egg=shop
        git+https://github.com/acme/shop.git@{COMMIT}#egg=shop
        -e git+https://github.com/acme/editable.git#egg=editable
        tool @ https://host.example/tool.whl
        tool @ https://host.example/tool.whl#sha256={"a" * 64}
        http://host.example/x.tar.gz
        """
        }
    )
    assert told == [
        ("insecure-index", 1),
        ("insecure-index", 3),
        ("insecure-source", 9),
        ("moving-source", 4),
        ("moving-source", 6),
        ("several-indexes", 2),
        ("url-source", 7),
        ("url-source", 9),
    ]
    assert found == []


def test_what_excludes_itself_is_told(read: Read) -> None:
    told, _ = read(
        {"requirements.txt": "a==1\nA==2\nb==1\nb>=2\nc==1; sys_platform=='win32'\nc==2; sys_platform!='win32'\n???\n"}
    )
    assert told == [("conflict", 2), ("conflict", 4), ("invalid", 7), ("unpinned", 4)]


def test_a_project_is_read_by_the_standards_and_by_the_tables_of_tools(read: Read) -> None:
    told, found = read(
        {
            "pyproject.toml": """\
        [build-system]
        requires = ["hatchling"]
        [project]
        dependencies = ["flask>=3", "jinja2==3.1.5"]
        [project.optional-dependencies]
        x = ["tool @ git+https://github.com/acme/tool"]
        [dependency-groups]
        dev = ["pytest", {include-group = "x"}]
        [tool.uv.sources]
        shop = { git = "https://github.com/acme/shop", branch = "main" }
        fixed = { git = "https://github.com/acme/fixed", rev = "0123456789abcdef0123456789abcdef01234567" }
        [[tool.uv.index]]
        url = "http://pypi.example/simple"
        [tool.poetry.dependencies]
        python = "^3.11"
        old = { url = "http://host.example/old.whl" }
        """
        }
    )
    assert told == [
        ("insecure-index", 13),
        ("insecure-source", 16),
        ("moving-source", 6),
        ("moving-source", 10),
        ("unbounded", 2),
        ("unbounded", 8),
        ("url-source", 16),
    ]
    assert found == [("jinja2", "3.1.5", 4)]


def test_the_lock_of_uv_is_read(read: Read) -> None:
    told, found = read(
        {
            "uv.lock": f"""\
        version = 1

        [[package]]
        name = "jinja2"
        version = "3.1.5"
        source = {{ registry = "https://pypi.org/simple" }}
        sdist = {{ url = "https://x/jinja2.tar.gz", hash = "{SHA}" }}

        [[package]]
        name = "shop"
        version = "1.0"
        source = {{ editable = "." }}

        [[package]]
        name = "forked"
        version = "1.0"
        source = {{ git = "https://github.com/acme/forked?rev=main#{COMMIT}" }}

        [[package]]
        name = "plain"
        version = "1.0"
        source = {{ registry = "http://pypi.example/simple" }}
        wheels = [{{ url = "http://x/plain.whl", hash = "{SHA}" }}]
        """
        }
    )
    assert told == [("insecure-index", 20)]
    assert found == [("jinja2", "3.1.5", 4), ("plain", "1.0", 20)]


def test_the_lock_of_poetry_is_read(read: Read) -> None:
    told, found = read(
        {
            "poetry.lock": f"""\
        [[package]]
        name = "jinja2"
        version = "3.1.5"
        files = [{{file = "jinja2.whl", hash = "{SHA}"}}]

        [[package]]
        name = "bare"
        version = "1.0"
        files = []

        [[package]]
        name = "forked"
        version = "1.0"
        files = []
        [package.source]
        type = "git"
        url = "https://github.com/acme/forked.git"
        reference = "main"
        resolved_reference = "{COMMIT}"
        """
        }
    )
    assert (told, found) == ([("unhashed", 1)], [("jinja2", "3.1.5", 2), ("bare", "1.0", 7)])


def test_a_package_of_npm_is_read(read: Read) -> None:
    package = {
        "name": "shop",
        "dependencies": {"a": "^1.0.0", "b": "*", "c": "acme/c", "d": f"github:acme/d#{COMMIT}", "e": "../e"},
        "devDependencies": {"f": "http://host.example/f.tgz", "g": "latest", "h": "workspace:*", "i": "npm:j@^1"},
    }
    text = json.dumps(package, indent=1)
    assert read({"package.json": text})[0] == [
        ("insecure-source", 11),
        ("moving-source", 6),
        ("no-lock", 1),
        ("unbounded", 5),
        ("unbounded", 12),
        ("url-source", 11),
    ]


def test_a_lock_above_counts_for_the_packages_of_a_workspace(read: Read) -> None:
    package = '{"dependencies": {"a": "^1"}}'
    assert read({"packages/a/package.json": package, "package-lock.json": "{}"})[0] == []


def test_locks_of_npm_of_every_version_are_read(read: Read) -> None:
    new = {
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "shop"},
            "packages/a": {"version": "1.0.0"},
            "node_modules/a": {"link": True, "resolved": "packages/a"},
            "node_modules/lodash": {"version": "4.17.11", "resolved": "https://r/l.tgz", "integrity": "sha512-x"},
            "node_modules/x/node_modules/@acme/y": {"version": "2.0.0", "resolved": "http://r/y.tgz"},
            "node_modules/g": {"version": "1.0.0", "resolved": f"git+ssh://git@github.com/acme/g.git#{COMMIT}"},
        },
    }
    told, found = read({"package-lock.json": json.dumps(new, indent=1)})
    assert told == [("insecure-source", 19), ("unhashed", 1)]
    assert found == [("lodash", "4.17.11", 14), ("@acme/y", "2.0.0", 19)]


def test_an_old_lock_of_npm_is_read(read: Read) -> None:
    old = {"dependencies": {"a": {"version": "1.0.0", "dependencies": {"lodash": {"version": "4.17.11"}}}}}
    assert read({"npm-shrinkwrap.json": json.dumps(old)})[1] == [("a", "1.0.0", 1), ("lodash", "4.17.11", 1)]


@pytest.mark.parametrize("text", ["", "[", "null", "[1]", '{"dependencies": [1], "packages": 7}', "a = ", "\0"])
def test_files_that_hold_something_else_stop_nothing(read: Read, text: str) -> None:
    told, found = read(
        {
            "package.json": text,
            "package-lock.json": text,
            "pyproject.toml": text,
            "uv.lock": text,
            "requirements.txt": text,
        }
    )
    assert (found, {rule for rule, _ in told} <= {"invalid", "unpinned"}) == ([], True)
