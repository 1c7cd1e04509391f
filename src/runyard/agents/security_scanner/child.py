"""The process a scan runs in; as a code review's, with other eyes."""

from collections.abc import Iterator, Sequence
from typing import Any

from runyard.agents.code_reviewer.analysers import Analyser
from runyard.agents.code_reviewer.analysers.secrets import Secrets
from runyard.agents.code_reviewer.child import main
from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft
from runyard.agents.security_scanner.bandit import CONFIDENCE, Bandit
from runyard.agents.security_scanner.unsafe_settings import UnsafeSettings
from runyard.agents.security_scanner.workflows import Workflows

_RANK = {"info": 0, "warning": 1, "error": 2}
_GUESSES = ("secrets:KeywordDetector", "secrets:HexHighEntropyString", "secrets:Base64HighEntropyString")


class Grave:
    """An analyser of which only the worse findings are heard."""

    def __init__(self, inner: Analyser, min_severity: str, deaf_to: tuple[str, ...] = ()) -> None:
        self._inner = inner
        self._least = _RANK[min_severity]
        self._deaf_to = deaf_to
        self.name, self.version, self.batch = inner.name, inner.version, inner.batch

    def wants(self, file: SourceFile) -> bool:
        return self._inner.wants(file)

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        for draft in self._inner.analyse(files):
            if _RANK[draft.severity] >= self._least and draft.rule not in self._deaf_to:
                yield draft


def scanners(options: dict[str, Any]) -> Sequence[Analyser]:
    """Who looks for what is insecure."""
    confidence = options["min_confidence"]
    # A word or a random look beside it makes a secret likely; a form that only secrets have makes it sure.
    deaf_to = _GUESSES if CONFIDENCE[confidence] > CONFIDENCE["medium"] else ()
    inner = ((Bandit(confidence), ()), (Secrets(), deaf_to), (UnsafeSettings(), ()), (Workflows(), ()))
    return [Grave(analyser, options["min_severity"], deaf) for analyser, deaf in inner]


if __name__ == "__main__":
    main(scanners)
