"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

# No test speaks TLS. To read the certificates of all the world takes each client, and each command, 50 ms.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

pytest_plugins = [
    "tests.support.collecting",
    "tests.support.effort",
    "tests.support.postgres",
    "tests.support.stores",
    "tests.support.endpoints",
    "tests.support.sending",
    "tests.support.hall",
]
