"""Everything recorded about a run, on the wire."""

from __future__ import annotations

from runyard.dialects.native.mapping import records
from runyard.dialects.native.mapping.runs import run_out
from runyard.dialects.native.mapping.values import when
from runyard.dialects.native.wire import debug as wire
from runyard.domain.traces import Sample
from runyard.engine.debug import Bundle


def bundle_out(bundle: Bundle, slug: str) -> wire.DebugBundle:
    """A debug bundle on the wire."""
    return wire.DebugBundle(
        run=run_out(bundle.run, slug),
        logs=[records.log_out(one) for one in bundle.events],
        checkpoints=[records.checkpoint_out(one) for one in bundle.checkpoints],
        usage=[records.usage_out(one) for one in bundle.usage],
        tool_calls=[records.tool_call_out(one) for one in bundle.tool_calls],
        outputs=[records.output_out(one) for one in bundle.outputs],
        samples=[_sample_out(one) for one in bundle.samples],
    )


def _sample_out(one: Sample) -> wire.Sample:
    return wire.Sample(
        id=one.id,
        run_id=one.run_id,
        at=when(one.at),
        cpu_percent=one.cpu_percent,
        memory_mb=one.memory_mb,
        memory_limit_mb=one.memory_limit_mb,
    )
