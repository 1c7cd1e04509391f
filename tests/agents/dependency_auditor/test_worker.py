import json
from pathlib import Path
from typing import Any

import pytest

from runyard.agents.dependency_auditor.worker import work
from runyard.agents.errors import ToolFailed
from runyard.agents.settings import AgentSettings
from runyard.sdk import NonRetryable
from tests.agents.conftest import MakeRepo, Repo
from tests.agents.dependency_auditor.osv import JINJA, LODASH, osv
from tests.agents.desk import Desk, assigned

FILES: dict[str, str | bytes] = {
    "requirements.txt": "flask==3.0.0\nJinja2==3.1.5\n",
    "package-lock.json": json.dumps({"packages": {"node_modules/lodash": {"version": "4.17.11"}}}),
    "app.py": "import jinja2\n",
}


def audit(repo: Repo, config: dict[str, Any] | None = None, **settings: Any) -> tuple[Desk, dict[str, Any]]:
    desk = Desk()
    output = work(desk.context, assigned(repo.root, config), AgentSettings(roots=(repo.root.parent,), **settings))
    return desk, output


@pytest.fixture
def advisories(tmp_path: Path) -> Path:
    folder = tmp_path / "advisories"
    folder.mkdir()
    for record in (JINJA, LODASH, {**JINJA, "id": "PYSEC-1", "aliases": [JINJA["id"]]}):
        (folder / f"{record['id']}.json").write_text(json.dumps(record))
    return folder


def test_known_vulnerabilities_and_careless_pins_are_found(make_repo: MakeRepo, advisories: Path) -> None:
    desk, output = audit(make_repo(FILES), advisories=advisories)
    assert desk.found == [
        ("error", f"osv:{JINJA['id']}", "requirements.txt", 2),
        ("info", "deps:unhashed", "requirements.txt", 1),
        ("warning", f"osv:{LODASH['id']}", "package-lock.json", 1),
    ]
    first = desk.reports[0]["findings"][0]
    assert (first["type"], first["suggestion"]) == ("vulnerability", "Upgrade to 3.1.6.")
    assert first["message"] == f"Jinja2 3.1.5: Jinja2 sandbox breakout, {JINJA['id']} (CVE-2025-27516)"
    assert output["summary"] == {"error": 1, "warning": 1, "info": 1, "total": 3}
    assert "3 exact versions were looked up" in output["notes"]
    assert [name for name, _ in desk.tools] == ["manifests", "advisories"]


def test_advisories_come_from_a_server_where_no_folder_is_given(make_repo: MakeRepo) -> None:
    with osv() as server:
        desk, _ = audit(make_repo(FILES), {"ignore": ["CVE-2019-10744"]}, advisories_url=server.url)
    # pip-audit calls it by the name that most databases know.
    assert [rule for _, rule, *_ in desk.found] == [f"osv:{JINJA['aliases'][0]}", "deps:unhashed"]


def test_without_advisories_the_report_says_so(make_repo: MakeRepo) -> None:
    repo = make_repo(FILES)
    desk, output = audit(repo, advisories_url="http://127.0.0.1:1")
    assert [(severity, rule) for severity, rule, *_ in desk.found] == [
        ("info", "deps:advisories-unavailable"),
        ("info", "deps:unhashed"),
    ]
    assert any("Nobody could be asked" in note for note in output["notes"])


def test_without_advisories_the_run_fails_where_they_are_required(make_repo: MakeRepo) -> None:
    with pytest.raises(ToolFailed, match="advisories"):
        audit(make_repo(FILES), {"require_advisories": True}, advisories_url="http://127.0.0.1:1")


def test_only_what_changed_is_told_where_that_is_asked_for(make_repo: MakeRepo, advisories: Path) -> None:
    repo = make_repo({"requirements.txt": "flask\nJinja2==3.1.5\n"})
    repo.commit({"requirements.txt": "flask\nJinja2==3.1.5\nclick\n"})
    config = {"base": "HEAD~1", "changed_only": True}
    assert [line for *_, line in audit(repo, config, advisories=advisories)[0].found] == [3]
    assert len(audit(repo, {"base": "HEAD~1"}, advisories=advisories)[0].found) == 3


def test_a_repository_without_manifests_has_nothing_to_find(make_repo: MakeRepo) -> None:
    desk, output = audit(make_repo({"a.py": ""}), advisories_url="http://127.0.0.1:1")
    assert (desk.found, len(output["notes"])) == ([], 0)


def test_a_configuration_that_makes_no_sense_is_refused(make_repo: MakeRepo) -> None:
    with pytest.raises(NonRetryable, match="require_advisories"):
        audit(make_repo(FILES), {"require_advisories": "maybe"})
