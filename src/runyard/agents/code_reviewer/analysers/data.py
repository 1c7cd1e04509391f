"""Files of data that cannot be read: JSON, TOML, YAML."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version

import yaml  # type: ignore[import-untyped]

from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft

# Their readers allow comments and trailing commas.
_RELAXED_JSON = re.compile(
    r"(^|/)(\.vscode/.*|\.devcontainer/.*|[jt]sconfig[^/]*|\.?devcontainer|\.\w+rc|api-extractor|angular)\.json$"
)
_TEMPLATE = re.compile(r"\{\{|\{%|<%")
_TOML_LINE = re.compile(r"\(at line (\d+), column \d+\)")
# libyaml where it is built in: ten times as fast.
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Fault = tuple[int, str]


class Data:
    """Whether data files can be read at all."""

    name = "data"
    batch = 50

    @property
    def version(self) -> str:
        return f"pyyaml {version('pyyaml')}"

    def wants(self, file: SourceFile) -> bool:
        return file.lines > 0 and _reader(file.path) is not None

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        for file in files:
            read = _reader(file.path)
            text = file.read()
            if read is None or _TEMPLATE.search(text):
                continue
            fault = read(text.removeprefix("\ufeff"))
            if fault is not None:
                yield _draft(file, *fault)


def _reader(path: str) -> Callable[[str], Fault | None] | None:
    if path.endswith(".json") and not _RELAXED_JSON.search(path):
        return _json_fault
    if path.endswith(".toml"):
        return _toml_fault
    return _yaml_fault if path.endswith((".yaml", ".yml")) else None


def _json_fault(text: str) -> Fault | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno, f"Not valid JSON: {error.msg}"
    except RecursionError:
        return 1, "Not readable JSON: nested too deeply"
    except ValueError:
        return None  # a number of more digits than Python reads, which is still JSON
    return None


def _toml_fault(text: str) -> Fault | None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_LINE.search(str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        return line, f"Not valid TOML: {_TOML_LINE.sub('', str(error)).strip()}"
    except RecursionError:
        return 1, "Not readable TOML: nested too deeply"
    return None


def _yaml_fault(text: str) -> Fault | None:
    try:
        # Events only: tags are not looked up and aliases not followed, so no document can make us build anything.
        for _ in yaml.parse(text, Loader=_YAML_LOADER):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return mark.line + 1 if mark else 1, f"Not valid YAML: {error.problem or error.context}"
    except yaml.YAMLError as error:
        return 1, f"Not valid YAML: {str(error).splitlines()[0]}"
    except RecursionError:
        return 1, "Not readable YAML: nested too deeply"
    return None


def _draft(file: SourceFile, line: int, message: str) -> Draft:
    return Draft(
        severity="warning" if file.is_test else "error",
        type="syntax",
        rule=f"data:{file.path.rsplit('.', 1)[-1].replace('yml', 'yaml')}",
        file=file.path,
        line=line,
        message=message,
        suggestion="Correct the file: whatever reads it will stop here.",
    )
