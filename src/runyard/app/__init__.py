"""The composition root: settings → store → one ASGI app, its loops and its built-in agents."""

from runyard.app.server import Server
from runyard.app.serving import serve
from runyard.app.stores import backup, open_store, restore, upgrade, wall_clock

__all__ = ["Server", "backup", "open_store", "restore", "serve", "upgrade", "wall_clock"]
