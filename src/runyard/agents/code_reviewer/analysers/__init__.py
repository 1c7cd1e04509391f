"""The seam for whoever looks at files."""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft


class Analyser(Protocol):
    """Looks at the files it wants, some at a time, and says what it finds. May raise `ToolFailed`."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def batch(self) -> int:
        """How many files it takes at once; progress is told between batches."""

    def wants(self, file: SourceFile) -> bool: ...

    def analyse(self, files: Sequence[SourceFile]) -> Iterable[Draft]: ...


@runtime_checkable
class Noting(Protocol):
    """An analyser with something to say about its looking, once it has looked."""

    @property
    def notes(self) -> Sequence[str]: ...
