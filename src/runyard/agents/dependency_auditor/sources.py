"""Where packages come from, other than by name and version from a registry."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft
from runyard.agents.dependency_auditor.dependencies import draft

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)
_VCS = re.compile(r"(?:git|hg|svn|bzr)(?:\+|://)|git@|github:|gitlab:|bitbucket:")


def unusual(file: SourceFile, line: int, name: str, url: str, *, hashed: bool = False) -> Iterator[Draft]:
    """What is wrong with a package that is taken from this address."""
    shown = without_password(url)
    if re.match(r"(?:[a-z]+\+)?http://|git://|svn://", url):
        yield draft(
            file,
            line,
            "insecure-source",
            "error",
            f"{name} is fetched over an open connection, where anybody on the way can change it: {shown}",
            "Fetch it over HTTPS.",
        )
    if _VCS.match(url):
        if not is_at_commit(url):
            yield draft(
                file,
                line,
                "moving-source",
                "warning",
                f"{name} is whatever its repository holds at that moment: {shown}",
                "Name the full commit behind an @ (or # for npm).",
            )
    elif re.match(r"https?://", url) and not hashed and "sha256=" not in url:
        yield draft(
            file,
            line,
            "url-source",
            "warning",
            f"{name} is fetched from an address without a digest to check it by: {shown}",
            "Take it from a registry, or add its digest.",
        )


def is_at_commit(url: str) -> bool:
    """Whether a repository's address names one commit, as pip (`@`) or npm (`#`) writes it."""
    plain, _, fragment = url.partition("#")
    return bool(_COMMIT.fullmatch(plain.rpartition("@")[2]) or _COMMIT.fullmatch(fragment))


def without_password(url: str) -> str:
    """The address, to be shown: what stands before an @ in its host is left out."""
    try:
        netloc = urlsplit(url).netloc
    except ValueError:
        return url.split("://", 1)[0] + "://…"
    return url.replace(netloc, netloc.rpartition("@")[2], 1)[:200] if "@" in netloc else url[:200]
