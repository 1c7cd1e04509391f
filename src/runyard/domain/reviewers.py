"""Which sessions may judge a run, and which reviews suit a session best. Pure.

What a task's profile says of its reviewers makes the class of its reviews, as it does with runs: all reviews of a class
suit the same sessions equally well. So handing one out looks at classes, of which there are few, and never passes over
reviews.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from runyard.domain.eligibility import Offer
from runyard.domain.profiles import Names, Profile
from runyard.domain.records import Json

_json = msgspec.json.Encoder()


class Criteria(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a session must be and offer to be given a review, and what is better than that."""

    agents: Names | None = None
    """Names, one of which its agent must have; None is any, as it is with channels and peers."""
    channels: Names | None = None
    peers: Names | None = None
    capabilities: Names = ()
    better_agents: Names = ()
    better_channels: Names = ()
    better_peers: Names = ()
    better_capabilities: Names = ()

    @property
    def token(self) -> Json:
        """The same as the one requirement of a class."""
        return _json.encode(self).decode()

    def met_by(self, offer: Offer, peer: str | None) -> bool:
        """Whether a session that offers this, known to others as that peer, may judge."""
        return (
            _is_among(offer.agent, self.agents)
            and _is_among(offer.channel, self.channels)
            and _is_among(peer, self.peers)
            and offer.capabilities.issuperset(self.capabilities)
        )

    def score(self, offer: Offer, peer: str | None) -> tuple[bool, bool, bool, int]:
        """How well the reviews suit a session that may judge them; the greatest suit best.

        The agent weighs most, then the channel, then the peer, then how many of the preferred capabilities it has.
        """
        return (
            offer.agent in self.better_agents,
            offer.channel in self.better_channels,
            peer in self.better_peers,
            len(offer.capabilities.intersection(self.better_capabilities)),
        )


_criteria = msgspec.json.Decoder(Criteria).decode


def criteria(tokens: Iterable[str]) -> Criteria:
    """What the requirements of a class of reviews say."""
    (token,) = tokens
    return _criteria(token)


def criteria_of(profile: Profile | None) -> Criteria:
    """Who may judge the runs of a task with this profile: as both reviewers and participants."""
    if profile is None:
        return Criteria()
    review, part = profile.review, profile.participants
    named = (review.agent_name,) if review.agent_name else ()
    return Criteria(
        agents=_within(named, review.allowed_agent_names, part.allowed_agent_names),
        channels=_within(review.allowed_channel_ids, part.allowed_channel_ids),
        peers=_within(review.allowed_peer_ids, part.allowed_peer_ids),
        capabilities=_either(review.required_capabilities, part.required_capabilities),
        better_agents=_either(review.preferred_agent_names, part.preferred_agent_names),
        better_channels=_either(review.preferred_channel_ids, part.preferred_channel_ids),
        better_peers=_either(review.preferred_peer_ids, part.preferred_peer_ids),
        better_capabilities=_either(review.preferred_capabilities, part.preferred_capabilities),
    )


def _is_among(name: str | None, names: Names | None) -> bool:
    return names is None or name in names


def _within(*lists: Names) -> Names | None:
    """What all lists allow that say anything; None where none does."""
    found: set[str] | None = None
    for names in lists:
        if names:
            found = set(names) if found is None else found & set(names)
    return None if found is None else tuple(sorted(found))


def _either(*lists: Names) -> Names:
    return tuple(sorted({name for names in lists for name in names}))
