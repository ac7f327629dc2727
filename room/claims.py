"""What a winner may or must do after the draw, and who comes next. Pure.

Everybody eligible has a rank by the draw's own arithmetic. Whoever does not claim in time, or is
disqualified by the host, is replaced by the next rank that has not had its turn; nobody is ever
drawn again. Storing and telling is `claiming.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from room.errors import Refused
from room.events import Event, LotteryRedrawn
from room.limits import FORM_VALUE_GRAPHEMES_MAX
from room.lottery import LotteryRecord
from room.shapes import Winner
from room.state import RoomState
from room.text import clean

# "won" means that there is nothing to claim.
ClaimState = Literal["won", "waiting", "claimed", "unclaimed", "disqualified"]
BANNED_NOTE: Final = "banned"
HOLDING: Final = frozenset({"won", "waiting", "claimed"})  # still winners


@dataclass(frozen=True, slots=True)
class Claim:
    """One winner's standing. `form` is sealed bytes; `removal` counts removals from 1, else 0.

    A winner who came in for another has a rank above the number of winners: the first removal
    brings in rank winners_count + 1, and so on.
    """

    lottery_id: str
    room_id: str
    user_id: str
    name: str
    rank: int
    score: str
    state: ClaimState
    claim_by_ms: int = 0
    claimed_ms: int = 0
    form: bytes | None = None
    removal: int = 0
    removed_ms: int = 0
    note: str = ""  # the host's words, for staff only


@dataclass(frozen=True, slots=True)
class Redraw:
    """One replacement as anybody may see it. `winner` is None when nobody was left."""

    removal: int
    out: str
    reason: str
    at_ms: int
    winner: Winner | None

    def to_wire(self) -> dict[str, object]:
        came = self.winner
        return {
            "removal": self.removal,
            "out": self.out,
            "reason": self.reason,
            "at_ms": self.at_ms,
            "winner": None
            if came is None
            else {
                "user_id": came.user_id,
                "name": came.name,
                "rank": came.rank,
                "score": came.score,
            },
        }


def clean_form(fields: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """What the winner filled in: every field of the form and no other. Refuses bad_request."""
    if set(given) != set(fields):
        raise Refused("bad_request", f"the form has these fields: {', '.join(fields) or 'none'}")
    limit = FORM_VALUE_GRAPHEMES_MAX
    return {field: clean(given[field], graphemes_max=limit, field="form") for field in fields}


def first_claims(drawn: LotteryRecord) -> list[Claim]:
    """The standing of everybody who has just won."""
    return [claim_of(drawn, winner, drawn.drawn_ms or 0) for winner in drawn.winners]


def claim_of(drawn: LotteryRecord, winner: Winner, won_ms: int) -> Claim:
    claim_s = drawn.face.claim_s
    return Claim(
        lottery_id=drawn.lottery_id,
        room_id=drawn.room_id,
        user_id=winner.user_id,
        name=winner.name,
        rank=winner.rank,
        score=winner.score,
        state="waiting" if claim_s else "won",
        claim_by_ms=won_ms + claim_s * 1_000 if claim_s else 0,
    )


def passed_over(claim: Claim) -> Claim:
    """Whose turn it is, but who was banned since the draw: in and out again in one act, for all to
    see, so that the order of the draw stays what anybody can compute."""
    return replace(claim, state="disqualified", note=BANNED_NOTE)


def redraws(claims: Sequence[Claim], winners_count: int) -> list[Redraw]:
    """Every replacement, in order, from the standings of all who ever won."""
    by_rank = {claim.rank: claim for claim in claims}
    removed = sorted((claim for claim in claims if claim.removal), key=lambda each: each.removal)
    # Where fewer than winners_count could win, nobody is left to come in.
    return [
        Redraw(
            removal=claim.removal,
            out=claim.user_id,
            reason=claim.state,
            at_ms=claim.removed_ms,
            winner=_winner(by_rank.get(winners_count + claim.removal)),
        )
        for claim in removed
    ]


def _winner(claim: Claim | None) -> Winner | None:
    if claim is None:
        return None
    return Winner(claim.user_id, claim.name, claim.rank, claim.score, claim.claim_by_ms)


def told_redrawn(state: RoomState, lottery_id: str, known: Sequence[Redraw]) -> tuple[Event, ...]:
    """The replacements that the room has not been told of yet."""
    lottery = state.lotteries.get(lottery_id)
    if lottery is None or lottery.state != "drawn":
        return ()
    return tuple(
        LotteryRedrawn(lottery_id, each.removal, each.out, each.reason, each.winner)
        for each in known
        if each.removal > lottery.removals
    )
