"""Advisories from a server that speaks OSV's API: one question about all packages, then pip-audit about Python's.

The server is the operator's choice, so it may be anywhere; redirects are not followed, sizes and times are bounded.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from msgspec import Struct

from runyard.agents.dependency_auditor.advisories import Advisory, Key, Record, Unavailable, told
from runyard.agents.dependency_auditor.dependencies import Dependency, known_as

_SECONDS = 15.0  # for one answer
_LARGEST_ANSWER = 32 << 20  # OSV's own limit
_IN_A_BATCH = 1000  # as many as OSV takes
_MOST_PAGES = 20
_MOST_DETAILS = 500
_PASSED_ON = {"PATH", "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "LC_ALL", "LANG"}
_PASSED_ON |= {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}


class _Vulnerability(Struct, frozen=True):
    id: str
    fix_versions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    description: str = ""


class _Audited(Struct, frozen=True):
    name: str
    version: str | None = None
    vulns: tuple[_Vulnerability, ...] = ()


class _Audit(Struct, frozen=True):
    dependencies: tuple[_Audited, ...]


class _Named(Struct, frozen=True):
    id: str


class _Result(Struct, frozen=True):
    vulns: tuple[_Named, ...] = ()
    next_page_token: str = ""


class _Batch(Struct, frozen=True):
    results: tuple[_Result, ...]


def look(url: str, dependencies: list[Dependency]) -> dict[Key, list[Advisory]]:
    """The advisories on each of these packages. Raises `Unavailable`."""
    try:
        with httpx2.Client(timeout=_SECONDS) as client:
            named = _named(client, url, sorted({one.key for one in dependencies}))
            npm = _npm(client, url, {key: ids for key, ids in named.items() if key[0] == "npm"})
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unavailable(f"{url} could not be asked: {str(error) or type(error).__name__}") from None
    except msgspec.DecodeError as error:
        raise Unavailable(f"{url} does not speak OSV's API: {error}") from None
    # Only those that something is known of: pip-audit asks for one package after the other.
    return npm | dict(_python(url, [key for key in named if key[0] == "PyPI"]))


def _python(url: str, keys: list[Key]) -> Iterator[tuple[Key, list[Advisory]]]:
    for pins in _rounds(keys):
        for audited in _pip_audit(url, pins).dependencies:
            advisories = [
                Advisory(id=one.id, summary=one.description[:300], aliases=one.aliases[:5], fixed=one.fix_versions)
                for one in audited.vulns
            ]
            version = pins.get(known_as("PyPI", audited.name))
            if advisories and version is not None:
                yield ("PyPI", known_as("PyPI", audited.name), version), advisories


def _rounds(keys: list[Key]) -> list[dict[str, str]]:
    """The packages in as many parts as the one with the most versions has: pip-audit takes one of each at a time."""
    rounds: list[dict[str, str]] = []
    for _, name, version in sorted(keys):
        part = next((part for part in rounds if name not in part), None)
        if part is None:
            rounds.append(part := {})
        part[name] = version
    return rounds


def _pip_audit(url: str, pins: dict[str, str]) -> _Audit:
    with tempfile.TemporaryDirectory(prefix="runyard-audit-") as folder:
        listing = Path(folder, "requirements.txt")
        listing.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "pip_audit", "--requirement", str(listing)),
                # Nothing is resolved, downloaded or installed: every version is known already.
                *("--no-deps", "--disable-pip", "--vulnerability-service=osv", f"--osv-url={url}/v1/query"),
                *("--format=json", "--progress-spinner=off", f"--cache-dir={folder}", f"--timeout={_SECONDS:.0f}"),
            ],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name in _PASSED_ON} | {"HOME": folder},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    try:
        return msgspec.json.decode(done.stdout, type=_Audit)
    except msgspec.DecodeError:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unavailable(f"pip-audit: {lines[-1][-300:] if lines else f'ended with {done.returncode}'}") from None


def _npm(client: httpx2.Client, url: str, named: dict[Key, list[str]]) -> dict[Key, list[Advisory]]:
    wanted = sorted({one for ids in named.values() for one in ids})
    records = {one: _record(client, url, one) for one in wanted[:_MOST_DETAILS]}
    return {
        key: [told(records[one], "npm", key[1]) if one in records else Advisory(id=one) for one in ids]
        for key, ids in named.items()
    }


def _named(client: httpx2.Client, url: str, keys: list[Key]) -> dict[Key, list[str]]:
    """The ids of the advisories on each package that has any."""
    named: dict[Key, list[str]] = {}
    for first in range(0, len(keys), _IN_A_BATCH):
        asked = [(key, "") for key in keys[first : first + _IN_A_BATCH]]
        for _ in range(_MOST_PAGES):
            if not asked:
                break
            asked = list(_page(client, url, asked, named))
    return named


def _page(
    client: httpx2.Client, url: str, asked: list[tuple[Key, str]], named: dict[Key, list[str]]
) -> Iterator[tuple[Key, str]]:
    """Adds one answer to what is named, and gives what has a further page, with the token for it."""
    queries: list[dict[str, Any]] = [
        {"package": {"ecosystem": ecosystem, "name": name}, "version": version}
        | ({"page_token": token} if token else {})
        for (ecosystem, name, version), token in asked
    ]
    answer = msgspec.json.decode(_asked(client, "POST", f"{url}/v1/querybatch", {"queries": queries}), type=_Batch)
    if len(answer.results) != len(asked):
        raise Unavailable(f"{url} answered {len(answer.results)} of {len(asked)} questions")
    for (key, _), result in zip(asked, answer.results, strict=True):
        if result.vulns:
            named.setdefault(key, []).extend(one.id for one in result.vulns)
        if result.next_page_token:
            yield key, result.next_page_token


def _record(client: httpx2.Client, url: str, id: str) -> Record:
    return msgspec.json.decode(_asked(client, "GET", f"{url}/v1/vulns/{id}", None), type=Record)


def _asked(client: httpx2.Client, method: str, url: str, body: object) -> bytes:
    with client.stream(method, url, json=body) as reply:
        content = bytearray()
        for chunk in reply.iter_bytes():
            content += chunk
            if len(content) > _LARGEST_ANSWER:
                raise Unavailable(f"{url} answered with more than {_LARGEST_ANSWER >> 20} MiB")
    if reply.status_code != 200:
        raise Unavailable(f"{url} answered {reply.status_code}")
    return bytes(content)
