"""Passwords, keys and tokens, by the detectors of detect-secrets.

Its own scan takes every line through every detector, about 0.4 ms a line. Here each detector's patterns look at a
whole file first, and only lines that one of them may match go through the detector itself: the same findings in a
twentieth of the time. Nothing is ever sent anywhere to find out whether a secret is valid.
"""

import importlib.metadata
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.filters import allowlist, heuristic
from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin
from detect_secrets.plugins.keyword import DENYLIST as KEYWORDS
from detect_secrets.plugins.keyword import KeywordDetector
from detect_secrets.util.code_snippet import get_code_snippet

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import MASK, Draft, Severity

_LONGEST_LINE = 4096
_NOT_SECRETS = {"IPPublicDetector"}
# Patterns that begin with something optional are slow; a line they match has a word of this length in it for certain.
_LONG_WORD = re.compile(r"[\w-]{24}")
_ARTIFACTORY = re.compile(r"AKC[a-zA-Z0-9]{10}|AP[0-9A-F][a-zA-Z0-9]{8}")
_LONG_WORDED = {"CloudantDetector", "IbmCloudIamDetector", "IbmCosHmacDetector", "SoftlayerDetector"}
# Every way to write each keyword, as plain text: `api_?key` is `apikey` and `api_key`.
_WORDS = tuple({word.replace("_?", between) for word in KEYWORDS for between in ("", "_")})
# Words that stand where a secret would, such as the name of the field that holds it.
_PLACEHOLDER = re.compile(
    r"[a-z_\-. ]*(pass(word|wd|phrase)?|pwd|secret|token|key|credential|example|change.?me|placeholder|dummy|x{3,})"
    r"s?[a-z_\-. ]*",
    re.IGNORECASE,
)

Span = tuple[int, int]
Hint = Callable[[str], Iterable[Span]]


class Secrets:
    """Secrets in any text file."""

    name = "detect-secrets"
    batch = 50

    def __init__(self) -> None:
        classes: Iterable[type[BasePlugin]] = get_mapping_from_secret_type_to_class().values()
        detectors = (make() for make in sorted(classes, key=lambda make: make.__name__))
        self._detectors = [(detector, _hint(detector)) for detector in detectors if _is_wanted(detector)]

    @property
    def version(self) -> str:
        return importlib.metadata.version("detect-secrets")

    def wants(self, file: SourceFile) -> bool:
        return file.lines > 0

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        for file in files:
            yield from self._scan(file)

    def _scan(self, file: SourceFile) -> Iterator[Draft]:
        # Without the ends of overlong lines, on which patterns would take for ever.
        lines = [line[:_LONGEST_LINE] for line in file.read().split("\n")]
        text = "\n".join(lines)
        starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
        found: dict[int, list[tuple[BasePlugin, str]]] = {}
        for detector, hint in self._detectors:
            for number in _lines_of(hint(text), starts):
                for secret in _secrets(detector, file.path, lines, number):
                    found.setdefault(number, []).append((detector, secret))
        for number in sorted(found):
            yield from (_draft(file, number, detector, secret) for detector, secret in _most_telling(found[number]))


def _is_wanted(detector: BasePlugin) -> bool:
    return type(detector).__name__ not in _NOT_SECRETS


def _hint(detector: BasePlugin) -> Hint:
    """Where in a whole text the detector may find something: never less than what it finds line by line."""
    if type(detector).__name__ in _LONG_WORDED:
        return _long_words
    if type(detector).__name__ == "ArtifactoryDetector":
        return lambda text: (hit.span() for hit in _ARTIFACTORY.finditer(text))
    if isinstance(detector, KeywordDetector):
        return _keywords
    if isinstance(detector, HighEntropyStringsPlugin):
        return lambda text: (hit.span() for hit in detector.regex.finditer(text) if _may_be_random(hit[2]))
    if isinstance(detector, RegexBasedDetector):
        patterns = [re.compile(pattern.pattern, pattern.flags | re.MULTILINE) for pattern in detector.denylist]
    else:  # one that a later release brings
        patterns = [re.compile(r"^.", re.MULTILINE)]
    return lambda text: (hit.span() for pattern in patterns for hit in pattern.finditer(text))


@lru_cache(maxsize=1)  # four detectors ask for the same text in turn
def _long_words(text: str) -> list[Span]:
    return [hit.span() for hit in _LONG_WORD.finditer(text)]


def _keywords(text: str) -> Iterator[Span]:
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter whose small form is longer would shift every place behind it
        lowered = "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
    for word in _WORDS:
        at = lowered.find(word)
        while at >= 0:
            yield at, at + len(word)
            at = lowered.find(word, at + len(word))


def _may_be_random(text: str) -> bool:
    """Entropy over 3 bits, the lowest limit used, takes more than 8 different characters."""
    return len(text) > 8 and len(set(text)) > 8


def _lines_of(spans: Iterable[Span], starts: list[int]) -> list[int]:
    numbers: set[int] = set()
    for start, end in spans:
        numbers.update(range(bisect_right(starts, start), bisect_right(starts, max(start, end - 1)) + 1))
    return sorted(numbers)


def _secrets(detector: BasePlugin, path: str, lines: list[str], number: int) -> Iterator[str]:
    line = lines[number - 1].rstrip()
    is_generic = not isinstance(detector, RegexBasedDetector)
    if is_generic and (_is_data_file(path) or heuristic.is_indirect_reference(line)):
        return
    found = {secret.secret_value for secret in detector.analyze_line(filename=path, line=line, line_number=number)}
    for secret in sorted(value for value in found if value):
        if not _is_harmless(secret, line, detector) and not _is_allowed(path, lines, number):
            yield secret


def _is_data_file(path: str) -> bool:
    """Files full of digests, where randomness and the word "key" say nothing."""
    return heuristic.is_lock_file(path) or heuristic.is_non_text_file(path) or heuristic.is_swagger_file(path)


def _is_harmless(secret: str, line: str, detector: BasePlugin) -> bool:
    return (
        heuristic.is_templated_secret(secret)
        or heuristic.is_prefixed_with_dollar_sign(secret)
        or heuristic.is_sequential_string(secret)
        or heuristic.is_potential_uuid(secret)
        or heuristic.is_not_alphanumeric_string(secret)
        or heuristic.is_likely_id_string(secret, line, detector)
        or (isinstance(detector, KeywordDetector | BasicAuthDetector) and bool(_PLACEHOLDER.fullmatch(secret)))
    )


def _is_allowed(path: str, lines: list[str], number: int) -> bool:
    """Whether the line, or the one before it, says `pragma: allowlist secret`."""
    return allowlist.is_line_allowlisted(path, lines[number - 1], get_code_snippet(lines, number))


def _most_telling(found: list[tuple[BasePlugin, str]]) -> list[tuple[BasePlugin, str]]:
    """One finding for each secret: the detector that knows its form before one that guesses."""
    told: list[tuple[BasePlugin, str]] = []
    for detector, secret in sorted(found, key=lambda pair: (_guesses(pair[0]), -len(pair[1]), pair[1])):
        if not any(secret in other or other in secret for _, other in told):
            told.append((detector, secret))
    return told


def _guesses(detector: BasePlugin) -> int:
    return 2 if isinstance(detector, HighEntropyStringsPlugin) else int(isinstance(detector, KeywordDetector))


def _draft(file: SourceFile, number: int, detector: BasePlugin, secret: str) -> Draft:
    severities: tuple[Severity, ...] = ("error", "warning", "info")
    guess = min(_guesses(detector), 1) + file.is_test
    return Draft(
        severity=severities[guess],
        type="secret",
        rule=f"secrets:{type(detector).__name__}",
        file=file.path,
        line=number,
        message=f"Possible secret in the source: {detector.secret_type} {MASK}",
        suggestion="Take it out of the repository and its history, replace it at its provider, "
        "and read it from the environment or a secret store.",
        secret=secret,
    )
