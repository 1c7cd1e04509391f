"""Talking with the agents of coding runs while they work."""

from __future__ import annotations

from litestar import post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.native import mapping as native
from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import talking as mapping
from runyard.dialects.native.routes.coding import RUN
from runyard.dialects.native.wire import coding as wire
from runyard.domain.coding import number_of
from runyard.engine.coding import named
from runyard.outbound.relay import Relay
from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.web.call import Call
from runyard.web.links import origin
from runyard.web.sandboxes import address, events_address, mode_of
from runyard.web.signed_tokens import SignedTokens
from runyard.web.talking import CANCEL, MESSAGE, Line, holder, tell

MARGIN = 3600
"""For how many seconds longer than a sandbox its tokens live."""
NO_ANSWER = (409, 502, 504)


def handlers(settings: Settings, vault: Vault, signed: SignedTokens, relay: Relay) -> list[HTTPRouteHandler]:
    """All routes of this module."""
    line = Line(relay=relay, signed=signed, vault=vault)

    @post(RUN + "/messages", needs="runs:write", status_code=200, refuses=NO_ANSWER)
    async def send_coding_message(call: Call, run_id: str, data: wire.CodingMessageIn) -> wire.CodingAnswer:
        """What the agent in the run's sandbox answers, when its turn ends: 504 after ten minutes, and the turn goes on.

        A message with a `message_id` can be sent again: during the turn it is answered as the first one is, afterwards
        with the `stop_reason` `duplicate_delivery` and no message.
        """
        seen = await call.read(named.see, call.project_id, native.run_id(run_id))
        said = mapping.message(data, seen.manifest)
        return mapping.answer_out(await tell(call, line, seen, doer(call, "command"), method=MESSAGE, params=said))

    @post(RUN + "/interrupt", needs="runs:write", status_code=204, refuses=NO_ANSWER)
    async def interrupt_coding_run(call: Call, run_id: str) -> None:
        """Stop the turn that the agent takes, if there is one; the run goes on where a person is at it."""
        seen = await call.read(named.see, call.project_id, native.run_id(run_id))
        mapping.done(await tell(call, line, seen, doer(call, "command"), method=CANCEL, params={}))

    @post(RUN + "/tokens", needs="runs:write", status_code=201)
    async def create_coding_token(call: Call, run_id: str, data: wire.CodingTokenIn) -> wire.CodingToken:
        """Make a token: for talking to the run's sandbox directly, or for a sandbox of one's own to tell its events.

        It is in this answer and in no other one, and cannot be taken back before it expires.
        """
        seen = await call.read(named.see, call.project_id, native.run_id(run_id))
        if data.purpose == "ingest":
            seconds = int(settings.sandbox_seconds) + MARGIN
            token = await signed.ingest(call.project_id, seen.row.task_id, seen.run.id, seconds=seconds)
            return mapping.token_out(token, events_address(origin(call.request.scope), seen))
        who = holder(call)
        token = await signed.connection(seen, number_of(who), who, mode=mode_of(seen))
        return mapping.token_out(token, address(seen))

    return [send_coding_message, interrupt_coding_run, create_coding_token]
