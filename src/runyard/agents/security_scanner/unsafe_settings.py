"""Settings that take protection away, each recognised by one line of a file of its kind.

Few and precise: what a line alone cannot prove is left to tools that understand the whole file.
"""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft, Severity

_LONGEST_LINE = 2000


class _Rule(Struct, frozen=True, kw_only=True):
    """A line that says too much, in files of some name."""

    name: str
    files: re.Pattern[str]
    line: re.Pattern[str]
    severity: Severity
    message: str
    suggestion: str


def _rule(name: str, files: str, line: str, severity: Severity, message: str, suggestion: str) -> _Rule:
    return _Rule(
        name=name,
        files=re.compile(rf"(^|/)(?:{files})$", re.IGNORECASE),
        line=re.compile(line),
        severity=severity,
        message=message,
        suggestion=suggestion,
    )


_SCRIPTS = r"[^/]*\.(?:sh|bash|zsh|ya?ml)|[^/]*dockerfile[^/]*|makefile|containerfile"
_YAML = r"[^/]*\.ya?ml"

_RULES = (
    _rule(
        "download-to-shell",
        _SCRIPTS,
        r"\b(?:curl|wget)\b[^|#]*\bhttp://(?!localhost|127\.)[^|]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b",
        "error",
        "A script is downloaded over an open connection and run",
        "Download it over HTTPS, check its digest, and then run it.",
    ),
    _rule(
        "certificates-unchecked",
        _SCRIPTS,
        r"^[^#]*(?:\bcurl\b[^|#&;]*\s(?:-[a-jl-zA-Z]*k[a-zA-Z]*|--insecure)\b|\bwget\b[^|#&;]*\s--no-check-certificate\b)",
        "warning",
        "A download does not check whom it comes from",
        "Leave certificate checks on; give a private authority with --cacert.",
    ),
    _rule(
        "git-certificates-unchecked",
        rf"{_SCRIPTS}|\.gitconfig|gitconfig",
        r"^[^#]*(?:http\.sslVerify[ =]+[\"']?(?:false|0)\b|\bGIT_SSL_NO_VERIFY=[\"']?(?:1|true)\b)"
        r"|^\s*sslVerify\s*=\s*false\b",
        "warning",
        "Git does not check whom it fetches from",
        "Leave http.sslVerify on; name a private authority in http.sslCAInfo.",
    ),
    _rule(
        "packages-unchecked",
        r"\.npmrc|\.yarnrc|pip\.conf|pip\.ini|\.condarc",
        r"^\s*(?:strict-ssl\s*[= ]\s*[\"']?false\b|trusted-host\s*=\s*\S|ssl_verify\s*:\s*[Ff]alse\b)",
        "warning",
        "Packages are installed without checking whom they come from",
        "Leave certificate checks on, and reach every index over HTTPS.",
    ),
    _rule(
        "host-keys-unchecked",
        rf"{_SCRIPTS}|ssh_config|\.ssh/config|ansible\.cfg",
        r"^[^#]*(?:StrictHostKeyChecking[ =]+no\b|host_key_checking\s*=\s*[Ff]alse\b)",
        "warning",
        "SSH does not check which host answers",
        "Put the host's key into known_hosts.",
    ),
    _rule(
        "root-login",
        r"sshd_config",
        r"^\s*(?:PermitRootLogin\s+yes|PermitEmptyPasswords\s+yes)\b",
        "error",
        "Anybody who guesses a password, or gives none, may log in with all rights",
        "Log in with keys, as another user.",
    ),
    _rule(
        "privileged-container",
        rf"{_YAML}",
        r"^\s*(?:-\s*)?privileged\s*:\s*true\b",
        "warning",
        "A container has all rights of its host",
        "Give it the capabilities and devices it needs instead.",
    ),
    _rule(
        "container-socket",
        rf"{_YAML}|[^/]*\.sh",
        r"^[^#]*/var/run/docker\.sock\s*:\s*/",
        "warning",
        "A container that reaches Docker's socket can do whatever its host can",
        "Use a proxy that lets through the calls it needs.",
    ),
    _rule(
        "host-namespace",
        _YAML,
        r"^\s*(?:-\s*)?(?:hostPID|hostIPC)\s*:\s*true\b",
        "warning",
        "A pod sees the processes or the memory of its host",
        "Leave hostPID and hostIPC out.",
    ),
    _rule(
        "old-tls",
        r"[^/]*nginx[^/]*|[^/]*\.conf",
        r"^\s*(?:ssl_protocols|SSLProtocol)\b[^#;]*(?<![-\w.])(?:SSLv[23]|TLSv1(?:\.1)?)(?![\w.])",
        "warning",
        "A server offers versions of TLS that are broken",
        "Offer TLSv1.2 and TLSv1.3 only.",
    ),
)


class UnsafeSettings:
    """Checks switched off, in files that no other tool here reads."""

    name = "settings"
    version = "1"
    batch = 200

    def wants(self, file: SourceFile) -> bool:
        return file.lines > 0 and any(rule.files.search(file.path) for rule in _RULES)

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        for file in files:
            rules = [rule for rule in _RULES if rule.files.search(file.path)]
            for number, line in enumerate(file.read().split("\n"), 1):
                for rule in rules:
                    if rule.line.search(line[:_LONGEST_LINE]):
                        yield Draft(
                            severity=rule.severity,
                            type="security",
                            rule=f"settings:{rule.name}",
                            file=file.path,
                            line=number,
                            message=rule.message,
                            suggestion=rule.suggestion,
                        )
