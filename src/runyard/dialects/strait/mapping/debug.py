"""Everything recorded about a run, on the wire."""

from __future__ import annotations

from runyard.dialects.strait.mapping import records
from runyard.dialects.strait.mapping.runs import run_out
from runyard.dialects.strait.mapping.values import maybe, when
from runyard.dialects.strait.wire import debug as wire
from runyard.domain.traces import Sample
from runyard.engine.debug import Bundle


def bundle_out(bundle: Bundle, slug: str) -> wire.DebugBundle:
    """A debug bundle on the wire."""
    return wire.DebugBundle(
        run=run_out(bundle.run, slug),
        events=[records.event_out(one) for one in bundle.events],
        checkpoints=[records.checkpoint_out(one) for one in bundle.checkpoints],
        usage=[records.usage_out(one) for one in bundle.usage],
        tool_calls=[records.tool_call_out(one) for one in bundle.tool_calls],
        outputs=[records.output_out(one) for one in bundle.outputs],
        resource_snapshots=[_sample_out(one) for one in bundle.samples],
    )


def _sample_out(one: Sample) -> wire.RunResourceSnapshot:
    return wire.RunResourceSnapshot(
        id=one.id,
        run_id=one.run_id,
        cpu_percent=maybe(one.cpu_percent),
        memory_mb=maybe(one.memory_mb),
        memory_limit_mb=maybe(one.memory_limit_mb),
        created_at=when(one.at),
    )
