"""Merge conflicts that were committed, in any text file."""

import re
from collections.abc import Iterator, Sequence

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft

_CONFLICT = re.compile(
    r"^<{7} [^\n]*\n(?:(?!<{7} |>{7} )[^\n]*\n)*?={7}\r?\n(?:(?!<{7} )[^\n]*\n)*?>{7} ", re.MULTILINE
)


class Conflicts:
    """Markers of a merge that nobody finished."""

    name = "conflicts"
    version = "1"
    batch = 200

    def wants(self, file: SourceFile) -> bool:
        return file.lines > 0

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        for file in files:
            text = file.read()
            if "\n>>>>>>> " not in text:
                continue
            for conflict in _CONFLICT.finditer(text):
                yield Draft(
                    severity="error",
                    type="syntax",
                    rule="text:merge-conflict",
                    file=file.path,
                    line=text.count("\n", 0, conflict.start()) + 1,
                    message="A merge conflict is left in the file",
                    suggestion="Decide between the two sides and delete the markers.",
                )
