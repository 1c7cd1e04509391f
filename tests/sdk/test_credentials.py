from __future__ import annotations

import stat
from pathlib import Path

import pytest

from runyard.sdk import credentials
from runyard.sdk.credentials import Credentials


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"RUNYARD_CREDENTIALS": str(tmp_path / "deep" / "credentials.json")}


def test_arguments_stand_before_the_environment(env: dict[str, str]) -> None:
    env |= {"RUNYARD_URL": "http://env", "RUNYARD_KEY": "env", "RUNYARD_PROJECT": "env"}

    assert credentials.find(env=env) == Credentials(url="http://env", key="env", project="env")
    assert credentials.find("http://arg", "arg", project=7, env=env) == Credentials(
        url="http://arg", key="arg", project="7"
    )


def test_without_anything_it_is_the_server_on_this_machine(env: dict[str, str]) -> None:
    assert credentials.find(env=env) == Credentials(url="http://127.0.0.1:8321")


def test_the_file_is_the_last_resort(env: dict[str, str]) -> None:
    credentials.write(credentials.path(env), Credentials(url="http://127.0.0.1:9", key="stored"))

    assert credentials.find(env=env) == Credentials(url="http://127.0.0.1:9", key="stored")
    assert credentials.find("http://localhost:9/", env=env).key == "stored"
    assert credentials.find(key="given", env=env) == Credentials(url="http://127.0.0.1:8321", key="given")


def test_a_stored_key_never_goes_to_another_server(env: dict[str, str]) -> None:
    credentials.write(credentials.path(env), Credentials(url="http://127.0.0.1:9", key="stored"))

    assert credentials.find("http://elsewhere:9", env=env).key is None
    assert credentials.find(env=env | {"RUNYARD_URL": "http://elsewhere:9"}).key is None


def test_the_file_is_for_its_owner_alone_and_leaves_no_other_behind(env: dict[str, str]) -> None:
    file = credentials.path(env)
    credentials.write(file, Credentials(url="http://a", key="one"))
    credentials.write(file, Credentials(url="http://a", key="two"))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert credentials.read(file) == Credentials(url="http://a", key="two")
    assert [*file.parent.iterdir()] == [file]


def test_a_file_that_makes_no_sense_is_named(env: dict[str, str]) -> None:
    file = credentials.path(env)
    file.parent.mkdir()
    file.write_text("url = what")

    with pytest.raises(ValueError, match=r"credentials\.json is not a credentials file"):
        credentials.find(env=env)
