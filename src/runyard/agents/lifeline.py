"""A pipe whose other end only the parent holds: it closes when the parent is gone, however it went."""

import os
import threading
from collections.abc import Callable


def watch(fd: int, on_end: Callable[[], None]) -> None:
    """Call `on_end` from a background thread once the other end of the pipe is closed."""

    def wait() -> None:
        while os.read(fd, 512):
            pass
        on_end()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
