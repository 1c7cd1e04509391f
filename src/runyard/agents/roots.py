"""Which folders agents may read."""

from pathlib import Path

from runyard.agents.errors import BadRequest, NotARepository, OutsideRoots


def admit(path: str, roots: tuple[Path, ...]) -> Path:
    """The real folder behind `path`. Raises `BadRequest`, `OutsideRoots` or `NotARepository`."""
    if "\0" in path or not Path(path).is_absolute():
        raise BadRequest(f"The path must be absolute, on the machine where the agents run: {path!r}")
    if not roots:
        raise OutsideRoots("The agents may read no folder yet: name some in RUNYARD_REVIEW_ROOTS")
    try:
        real = Path(path).resolve()
    except (OSError, RuntimeError) as error:
        raise NotARepository(f"{path!r} cannot be followed: {error}") from None
    # Before anything is said about the folder itself, so that nobody can feel around outside the roots.
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        allowed = ", ".join(str(root) for root in roots)
        raise OutsideRoots(
            f"{path!r} lies outside the folders the agents may read ({allowed}): "
            "put the repository there, or add its folder to RUNYARD_REVIEW_ROOTS"
        )
    if not real.is_dir():
        raise NotARepository(f"{path!r} does not exist or is not a folder; give the top folder of a git repository")
    return real
