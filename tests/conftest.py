"""What every test may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# No test speaks TLS. To read the certificates of all the world takes each client, and each command, 50 ms.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

# What is started in the background of a shell is deaf to an interrupt, and so would be all commands that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.support.collecting",
    "tests.support.effort",
    "tests.support.postgres",
    "tests.support.stores",
    "tests.support.endpoints",
    "tests.support.sending",
    "tests.support.hall",
]
