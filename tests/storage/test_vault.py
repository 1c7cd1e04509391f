"""Sealed texts open only with the same secret key and for the purpose they were sealed for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runyard.domain.errors import Conflict, Invalid
from runyard.storage.vault import Vault, kept_in

SECRET = "a secret key of more than 32 characters"


@given(st.text())
def test_what_was_sealed_opens(text: str):
    vault = Vault(SECRET)
    sealed = vault.seal(text, "job:1")
    assert vault.open(sealed, "job:1") == text
    assert len(text) < 4 or text not in sealed


def test_the_same_text_is_sealed_differently_each_time():
    vault = Vault(SECRET)
    assert vault.seal("same", "x") != vault.seal("same", "x")


@pytest.mark.parametrize("damage", [str.upper, lambda s: s[:-4], lambda s: "v1:", lambda s: "plain text"])
def test_a_damaged_text_does_not_open(damage):
    vault = Vault(SECRET)
    with pytest.raises(Conflict, match="does not open"):
        vault.open(damage(vault.seal("hidden", "x")), "x")


def test_a_text_sealed_for_something_else_does_not_open():
    vault = Vault(SECRET)
    with pytest.raises(Conflict):
        vault.open(vault.seal("hidden", "job:1"), "job:2")


def test_another_secret_key_opens_nothing():
    with pytest.raises(Conflict, match="RUNYARD_SECRET_KEY"):
        Vault(SECRET + "!").open(Vault(SECRET).seal("hidden", "x"), "x")


def test_a_short_secret_key_is_refused():
    with pytest.raises(Invalid, match="at least 32"):
        Vault("short")


def test_the_secret_key_is_made_once_and_for_the_owner_alone(tmp_path: Path):
    first = kept_in(tmp_path / "data")
    assert kept_in(tmp_path / "data") == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600


def test_a_new_secret_key_is_on_the_disk_before_anything_is_sealed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").read_bytes()))
    secret = kept_in(tmp_path)
    assert synced == [secret.encode() + b"\n"]
