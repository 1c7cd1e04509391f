"""The process a scan runs in; as a code review's, with other eyes."""

from collections.abc import Iterator, Sequence
from typing import Any

from runyard.agents.code_reviewer.analysers import Analyser
from runyard.agents.code_reviewer.analysers.secrets import Secrets
from runyard.agents.code_reviewer.child import main
from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft
from runyard.agents.security_scanner.bandit import Bandit
from runyard.agents.security_scanner.unsafe_settings import UnsafeSettings
from runyard.agents.security_scanner.workflows import Workflows

_GUESSES = {"secrets:KeywordDetector", "secrets:HexHighEntropyString", "secrets:Base64HighEntropyString"}


class SureSecrets(Secrets):
    """Secrets of a form that nothing else has; a random look, or a word beside it, makes one no more than likely."""

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        return (draft for draft in super().analyse(files) if draft.rule not in _GUESSES)


def scanners(options: dict[str, Any]) -> Sequence[Analyser]:
    """Who looks for what is insecure."""
    confidence = options["min_confidence"]
    secrets = SureSecrets() if confidence == "high" else Secrets()
    return (Bandit(confidence), secrets, UnsafeSettings(), Workflows())


if __name__ == "__main__":
    main(scanners)
