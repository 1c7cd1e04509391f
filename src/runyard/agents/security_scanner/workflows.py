"""Workflows of GitHub Actions that let strangers run commands with the repository's rights."""

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version

import yaml  # type: ignore[import-untyped]

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft

_FILE = re.compile(r"(^|/)(\.github/workflows/[^/]+\.ya?ml|action\.ya?ml)$")
# What anybody may write who opens an issue or a pull request.
_STRANGERS_WORDS = re.compile(
    r"\$\{\{[^}]*\bgithub\.(?:head_ref\b|event\.(?:(?:issue|pull_request|discussion)\.(?:title|body)\b"
    r"|pull_request\.head\.(?:ref|label)\b|(?:comment|review|review_comment)\.body\b"
    r"|(?:head_commit|commits[^}]*)\.(?:message|author\.(?:name|email))\b|pages[^}]*\.page_name\b))"
)
_STRANGERS_CODE = re.compile(r"github\.(?:head_ref|event\.pull_request\.head\.)|refs/pull/")
_MOST_NODES = 20_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Workflows:
    """Commands with strangers' words in them, and strangers' code checked out with rights."""

    name = "workflows"

    batch = 50

    @property
    def version(self) -> str:
        return f"pyyaml {version('pyyaml')}"

    def wants(self, file: SourceFile) -> bool:
        return file.lines > 0 and bool(_FILE.search(file.path))

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        for file in files:
            try:
                top = yaml.compose(file.read(), Loader=_LOADER)
            except (yaml.YAMLError, RecursionError):
                continue  # the code reviewer says that it cannot be read
            places = list(_places(top))
            yield from _injections(file, places)
            if _is_for_strangers(top):
                yield from _strangers_code(file, places)


def _places(top: object) -> Iterator[tuple[str, int, str]]:
    """Every text in the file, with the key it stands under and its line; each node once, however often it is named."""
    waiting: list[tuple[str, object]] = [("", top)]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_NODES:
        key, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield key, _line(node), node.value
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(key, one) for one in node.value]
        elif isinstance(node, yaml.MappingNode):
            waiting += [(_text(name), value) for name, value in node.value]


def _injections(file: SourceFile, places: list[tuple[str, int, str]]) -> Iterator[Draft]:
    for key, line, text in places:
        if key not in {"run", "script"}:
            continue
        for offset, part in enumerate(text.split("\n")):
            if _STRANGERS_WORDS.search(part):
                # The text of a block begins on the line below its key.
                shift = offset + (1 if _is_block(file, line) else 0)
                yield Draft(
                    severity="error",
                    type="security",
                    rule="workflows:injection",
                    file=file.path,
                    line=line + shift,
                    message="Whoever writes the title, text or branch of a pull request or issue can run commands here",
                    suggestion='Pass it by `env:` and use it as "$NAME" in the command.',
                )


def _strangers_code(file: SourceFile, places: list[tuple[str, int, str]]) -> Iterator[Draft]:
    for key, line, text in places:
        if key == "ref" and _STRANGERS_CODE.search(text):
            yield Draft(
                severity="error",
                type="security",
                rule="workflows:pull-request-target",
                file=file.path,
                line=line,
                message="A pull request's code is checked out where the repository's secrets and rights are at hand",
                suggestion="Run it on `pull_request`, without secrets, and act on its result in another workflow.",
            )


def _is_for_strangers(top: object) -> bool:
    """Whether it runs with the repository's rights for pull requests of anybody."""
    if not isinstance(top, yaml.MappingNode):
        return False
    for name, value in top.value:
        if _text(name) == "on":
            return any("pull_request_target" in {key, text} for key, _, text in _places(value)) or (
                isinstance(value, yaml.MappingNode)
                and any(_text(event) == "pull_request_target" for event, _ in value.value)
            )
    return False


def _is_block(file: SourceFile, line: int) -> bool:
    """Whether the text that begins here is written below its key."""
    lines = file.read().split("\n")
    return line <= len(lines) and bool(re.search(r":\s*[|>][+\-0-9]*\s*(?:#.*)?$", lines[line - 1]))


def _line(node: yaml.ScalarNode) -> int:
    return int(node.start_mark.line) + 1


def _text(node: object) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
