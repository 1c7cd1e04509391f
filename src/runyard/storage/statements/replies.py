"""SQL of stored replies: what was answered to requests with an `Idempotency-Key`."""

from __future__ import annotations

import msgspec

from runyard.storage.port import Insert, Tx

FIND = (
    "SELECT body_hash, status, body FROM replies "
    "WHERE project_id = :project_id AND key_hash = :key_hash AND route = :route"
)
KEEP = Insert(
    "replies",
    {
        "project_id": "bigint",
        "key_hash": "text",
        "route": "text",
        "body_hash": "text",
        "status": "bigint",
        "body": "text",
        "created_at": "bigint",
    },
    "ON CONFLICT (project_id, key_hash, route) DO NOTHING",
)
PRUNE = (
    "DELETE FROM replies WHERE (project_id, key_hash, route) IN "
    "(SELECT project_id, key_hash, route FROM replies WHERE created_at < :before ORDER BY created_at LIMIT :n)"
)


class StoredReply(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered, and the hash of the request it answered."""

    body_hash: str
    status: int
    body: str


def find(tx: Tx, project_id: int, key_hash: str, route: str) -> StoredReply | None:
    """The reply stored under the key, if there is one."""
    row = tx.row(FIND, project_id=project_id, key_hash=key_hash, route=route)
    return StoredReply(body_hash=row[0], status=row[1], body=row[2]) if row else None


def keep(tx: Tx, project_id: int, key_hash: str, route: str, *, reply: StoredReply) -> bool:
    """Store a reply; False when another writer stored one first. Waits for a writer of the same key."""
    row = (project_id, key_hash, route, reply.body_hash, reply.status, reply.body, tx.now)
    return tx.insert_counted(KEEP, [row]) == 1


def prune(tx: Tx, before: int, limit: int) -> int:
    """Drop replies stored before the time, oldest first; how many went."""
    return tx.run(PRUNE, before=before, n=limit)
