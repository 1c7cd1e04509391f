"""What the rules of ruff mean to a reader: how bad, of what kind, and what to do."""

from runyard.agents.code_reviewer.findings import Kind, Severity

SELECTED = (
    *("E4", "E7", "E9", "F", "W6", "B", "S", "ASYNC", "SIM", "PERF", "C4", "C90", "PLE", "PLW", "DTZ", "PIE", "RSE"),
    *("T10", "LOG", "BLE", "YTT", "DJ", "INT", "RUF006"),
)
IGNORED = (
    *("S105", "S106", "S107"),  # the secrets analyser says it, and masks it
    "S404",  # that a module can start processes; the calls themselves are looked at
    *("SIM108", "E731"),  # matters of taste
)
# A test asserts, makes up passwords and dice, writes to temporary folders and starts its own programs.
IGNORED_IN_TESTS = ("S101", "S108", "S110", "S113", "S311", "S603", "S604", "S607", "S608", "B011", "B017", "DTZ")
TEST_FILES = ("**/tests/**", "**/test/**", "**/testing/**", "**/test_*.py", "**/conftest.py")
MOST_BRANCHES = 15

# The longest prefix of a rule's code decides.
_MEANING: dict[str, tuple[Severity, Kind]] = {
    "": ("warning", "bug"),
    "invalid-syntax": ("error", "syntax"),
    "ASYNC": ("warning", "bug"),
    "B": ("warning", "bug"),
    "B007": ("info", "maintainability"),
    "B009": ("info", "style"),
    "B010": ("info", "style"),
    "B028": ("info", "maintainability"),
    "B904": ("info", "maintainability"),
    "B905": ("info", "bug"),
    "BLE": ("info", "maintainability"),
    "C4": ("info", "performance"),
    "C408": ("info", "style"),
    "C90": ("info", "maintainability"),
    "DTZ": ("warning", "bug"),
    "E": ("info", "style"),
    "E711": ("warning", "bug"),
    "E712": ("info", "style"),
    "E721": ("warning", "bug"),
    "E722": ("warning", "bug"),
    "E9": ("error", "syntax"),
    "E902": ("warning", "maintainability"),  # the file cannot be read, most often because it is not UTF-8
    "F": ("warning", "bug"),
    "F401": ("warning", "maintainability"),
    "F403": ("warning", "maintainability"),
    "F405": ("info", "maintainability"),
    "F5": ("error", "bug"),
    "F541": ("info", "style"),
    "F63": ("error", "bug"),
    "F7": ("error", "syntax"),
    "F811": ("warning", "maintainability"),
    "F821": ("error", "bug"),
    "F822": ("error", "bug"),
    "F823": ("error", "bug"),
    "F841": ("warning", "maintainability"),
    "F842": ("warning", "maintainability"),
    "LOG015": ("info", "style"),
    "PERF": ("info", "performance"),
    "PIE": ("info", "style"),
    "PIE794": ("warning", "bug"),
    "PLE": ("error", "bug"),
    "PLW": ("warning", "bug"),
    "PLW06": ("info", "maintainability"),
    "PLW2901": ("info", "maintainability"),
    "RSE": ("info", "style"),
    "S": ("warning", "security"),
    "S101": ("info", "security"),
    "S110": ("warning", "bug"),
    "S112": ("warning", "bug"),
    "S113": ("warning", "bug"),
    "S201": ("error", "security"),
    "S202": ("error", "security"),
    "S307": ("error", "security"),
    "S311": ("info", "security"),
    "S50": ("error", "security"),
    "S602": ("error", "security"),
    "S603": ("info", "security"),
    "S606": ("info", "security"),
    "S607": ("info", "security"),
    "S608": ("warning", "security"),
    "SIM": ("info", "style"),
    "SIM115": ("warning", "bug"),
    "T10": ("warning", "maintainability"),
}

# For rules that ruff has no automatic fix for.
_ADVICE = {
    "invalid-syntax": "Correct the syntax; nothing else in this file could be checked in full.",
    "B006": "Default to None and make the value inside the function.",
    "B008": "Call it inside the function; a default is computed only once.",
    "B023": "Bind the loop variable as a default argument of the inner function.",
    "B904": "Use `raise … from error`, or `from None` to hide the cause.",
    "BLE001": "Catch the exceptions you can handle.",
    "C901": "Split the function by what its branches decide.",
    "DTZ005": "Pass a time zone, such as `datetime.now(UTC)`.",
    "E902": "Save the file as UTF-8.",
    "E722": "Name the exceptions you can handle.",
    "F403": "Import the names you use.",
    "F821": "Define or import the name.",
    "PLW2901": "Give the new value a name of its own.",
    "RUF006": "Keep the task in a variable, or it may be collected before it ends.",
    "S102": "Avoid exec; look the behaviour up in a table instead.",
    "S110": "Handle or log the exception; use contextlib.suppress where ignoring it is meant.",
    "S113": "Pass `timeout=`.",
    "S301": "Read untrusted data with a format that cannot run code, such as JSON.",
    "S307": "Use ast.literal_eval, or parse the text.",
    "S324": "Use SHA-256 or better, or say `usedforsecurity=False`.",
    "S501": "Leave certificate checks on.",
    "S506": "Use yaml.safe_load.",
    "S602": "Pass a list of arguments and leave `shell` out.",
    "S605": "Use subprocess.run with a list of arguments.",
    "S608": "Send values as query parameters.",
    "SIM115": "Open the file in a `with` statement.",
}


def meaning(code: str) -> tuple[Severity, Kind]:
    """How bad a rule's finding is, and of what kind."""
    prefixes = (code[:length] for length in range(len(code), -1, -1))
    return next(_MEANING[prefix] for prefix in prefixes if prefix in _MEANING)


def advice(code: str, fix: str | None, url: str | None) -> str:
    """What to do about it: our own words, else those of ruff's fix, else where to read on."""
    return _ADVICE.get(code) or fix or (f"See {url}" if url else "")
