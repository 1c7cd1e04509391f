"""Chat threads and what is said in them."""

from __future__ import annotations

from runyard.dialects.native.mapping.values import maybe_when, when
from runyard.dialects.native.wire import threads as wire
from runyard.domain.threads import Relay, Thread


def thread_out(thread: Thread) -> wire.Thread:
    """A run's thread."""
    return wire.Thread(
        run_id=thread.run_id,
        service=thread.service,
        channel=thread.channel,
        thread=thread.thread,
        mention=thread.mention,
        created_at=when(thread.created_at),
        updated_at=when(thread.updated_at),
    )


def relay_out(relay: Relay) -> wire.Relay:
    """Something that was to be said."""
    return wire.Relay(
        id=relay.id,
        kind=relay.kind,
        state=relay.state,
        text=relay.body or None,
        attempts=relay.attempts,
        error=relay.error,
        created_at=when(relay.created_at),
        due_at=maybe_when(relay.due_at),
        done_at=maybe_when(relay.done_at),
    )
