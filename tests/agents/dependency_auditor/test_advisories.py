import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runyard.agents.dependency_auditor import advisory_folder, advisory_service
from runyard.agents.dependency_auditor.advisories import Record, Unavailable, is_affected, told
from runyard.agents.dependency_auditor.dependencies import Dependency, Ecosystem
from tests.agents.dependency_auditor.osv import JINJA, LODASH, osv


def package(ecosystem: Ecosystem, name: str, version: str) -> Dependency:
    return Dependency(ecosystem=ecosystem, name=name, version=version, file="f", line=1)


def affected(ecosystem: Ecosystem, version: str, *events: dict[str, str], **more: Any) -> bool:
    kind = "ECOSYSTEM" if ecosystem == "PyPI" else "SEMVER"
    spans = [{"type": kind, "events": events}]
    one = {"package": {"ecosystem": ecosystem, "name": "x"}, "ranges": spans, **more}
    return is_affected(msgspec.convert({"id": "A", "affected": [one]}, Record), package(ecosystem, "x", version))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.9", False),
        ("1.0rc1", False),
        ("1.0", True),
        ("1.9.9", True),
        ("2.0", False),
        ("2.5", False),
        ("3.0.post1", True),
    ],
)
def test_a_version_between_introduction_and_fix_is_affected(version: str, expected: bool) -> None:
    # Events come in any order.
    events = ({"fixed": "2.0"}, {"introduced": "3.0"}, {"introduced": "1.0"})
    assert affected("PyPI", version, *events) == expected


def test_the_last_affected_version_is_affected() -> None:
    events = ({"introduced": "0"}, {"last_affected": "4.17.11"})
    assert affected("npm", "4.17.11", *events)
    assert affected("npm", "4.17.11-beta.1", *events)
    assert not affected("npm", "4.17.12-0", *events)


def test_versions_may_be_listed_and_odd_ones_are_not_affected() -> None:
    assert affected("PyPI", "odd version", versions=["odd version"])
    assert not affected("PyPI", "odd version", {"introduced": "0"})


def test_an_advisory_that_was_withdrawn_or_is_about_another_package_counts_for_nothing() -> None:
    withdrawn = msgspec.convert({**JINJA, "withdrawn": "2025-01-01T00:00:00Z"}, Record)
    assert not is_affected(withdrawn, package("PyPI", "jinja2", "3.1.5"))
    record = msgspec.convert(JINJA, Record)
    assert is_affected(record, package("PyPI", "Jinja2", "3.1.5"))
    assert not is_affected(record, package("npm", "jinja2", "3.1.5"))


def test_what_is_told_names_the_versions_that_mend_it() -> None:
    advisory = told(msgspec.convert(LODASH, Record), "npm", "lodash")
    assert (advisory.fixed, advisory.severity, advisory.aliases) == (("4.17.12",), "warning", ("CVE-2019-10744",))


def test_a_folder_of_files_or_archives_is_looked_through(tmp_path: Path) -> None:
    (tmp_path / "npm").mkdir()
    (tmp_path / "npm" / "a.json").write_text(json.dumps(LODASH))
    (tmp_path / "broken.json").write_text("[")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("b.json", json.dumps(JINJA))
    packages = [package("npm", "lodash", "4.17.11"), package("PyPI", "Jinja2", "3.1.5"), package("PyPI", "flask", "1")]
    found = advisory_folder.look(tmp_path, packages)
    assert {key: [one.id for one in advisories] for key, advisories in found.items()} == {
        ("npm", "lodash", "4.17.11"): [LODASH["id"]],
        ("PyPI", "jinja2", "3.1.5"): [JINJA["id"]],
    }


def test_a_folder_without_advisories_is_no_answer(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(Unavailable, match="OSV"):
            advisory_folder.look(folder, [])


@pytest.mark.parametrize("paged", [False, True])
def test_a_server_is_asked_once_about_all_and_pip_audit_about_what_is_known(paged: bool) -> None:
    packages = [
        package("npm", "lodash", "4.17.11"),
        package("npm", "left-pad", "1.0.0"),
        package("PyPI", "Jinja2", "3.1.5"),
        package("PyPI", "jinja2", "3.1.6"),
        package("PyPI", "flask", "3.0.0"),
    ]
    with osv() as server:
        server.paged = paged
        found = advisory_service.look(server.url, packages)
    assert {key: [(one.id, one.fixed) for one in advisories] for key, advisories in found.items()} == {
        ("npm", "lodash", "4.17.11"): [(LODASH["id"], ("4.17.12",))],
        ("PyPI", "jinja2", "3.1.5"): [(JINJA["aliases"][0], ("3.1.6",))],
    }
    assert server.asked == ["/v1/querybatch"] * (1 + paged) + [f"/v1/vulns/{LODASH['id']}", "/v1/query"]


def test_a_server_that_cannot_answer_is_said_to_be_unavailable() -> None:
    packages = [package("npm", "lodash", "4.17.11")]
    with osv() as server:
        server.status = 500
        with pytest.raises(Unavailable, match="500"):
            advisory_service.look(server.url, packages)
        server.status, server.says = 200, b'{"results": 7}'
        with pytest.raises(Unavailable, match="OSV"):
            advisory_service.look(server.url, packages)
        server.says = b'{"results": []}'
        with pytest.raises(Unavailable, match="0 of 1"):
            advisory_service.look(server.url, packages)
        url = server.url
    with pytest.raises(Unavailable, match="could not be asked"):
        advisory_service.look(url, packages)
