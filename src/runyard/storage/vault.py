"""Seals what must not lie open in the database, and derives the keys that sign."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from runyard.domain.errors import Conflict, Invalid

SHORTEST = 32
_NONCE = 12
_FORM = "v1:"


class Vault:
    """AES-256-GCM under a key derived from the server's secret; a text opens only for what it was sealed for."""

    def __init__(self, secret: str) -> None:
        if len(secret) < SHORTEST:
            raise Invalid(f"the secret key needs at least {SHORTEST} characters")
        self._secret = secret.encode()
        self._cipher = AESGCM(self.key("seal"))

    def key(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose (RFC 5869)."""
        return HKDF(hashes.SHA256(), 32, None, f"runyard:{purpose}".encode()).derive(self._secret)

    def seal(self, text: str, purpose: str) -> str:
        """The text as it may be stored."""
        nonce = os.urandom(_NONCE)
        sealed = self._cipher.encrypt(nonce, text.encode(), purpose.encode())
        return _FORM + base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, purpose: str) -> str:
        """What was sealed for the purpose. Raises `Conflict` when another secret key, or another purpose, sealed it."""
        try:
            raw = base64.b64decode(sealed.removeprefix(_FORM), validate=True)
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode()).decode()
        except (InvalidTag, ValueError):
            raise Conflict(
                "a stored secret does not open: was RUNYARD_SECRET_KEY (or data/secret.key) changed?"
            ) from None


def kept_in(folder: Path) -> str:
    """The secret key kept in the folder, made (mode 0600) when there is none."""
    file = folder / "secret.key"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    secret = base64.urlsafe_b64encode(os.urandom(48)).decode()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    with os.fdopen(descriptor, "w") as out:
        out.write(secret + "\n")
        out.flush()
        # What is sealed with it will be on the disk as well.
        os.fsync(out.fileno())
    return secret
