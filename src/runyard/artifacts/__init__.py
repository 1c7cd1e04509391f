"""Bytes of artifacts and archives: one port, over a local folder or object storage."""
