"""The stand-alone verifier: recomputes a public proof and says each check in words.

Needs nothing but the proof. Draws, rains and gifts are told apart by their id; how each is made is
said in `fairness.py` and `packets.py`, and in the proof itself under `algorithm`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

import msgspec

from room import fairness, packets
from room.limits import RAIN_COUNT_MAX, RAIN_TOTAL_CENTS_MAX

SEED_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold. `name` is stable, `says` is what was looked at."""

    name: str
    ok: bool
    says: str


class NotAProof(Exception):
    """What was given is not the proof of something that is over."""


class _RainClaim(msgspec.Struct):
    index: int
    user_id: str
    amount_cents: int


class _Rain(msgspec.Struct):
    rain_id: str
    state: str
    total_cents: int
    count: int
    per_user: int
    amounts_hash: str
    seed: str
    amounts: list[int]
    claims: list[_RainClaim]
    claimed_cents: int
    returned_cents: int


class _GiftClaim(msgspec.Struct):
    position: int
    user_id: str
    running_hash: str


class _Gift(msgspec.Struct):
    gift_id: str
    state: str
    quota: int
    rules: str
    rules_hash: str
    entries_root: str
    claims: list[_GiftClaim]


_Shape = TypeVar("_Shape", _Rain, _Gift)


def verify(proof: Mapping[str, object]) -> list[Check]:
    """All checks of a draw, a rain or a gift, in the order in which they bind. Raises NotAProof."""
    if "lottery_id" in proof:
        return draw_checks(proof)
    if "rain_id" in proof:
        return _rain_checks(_converted(proof, _Rain))
    if "gift_id" in proof:
        return _gift_checks(_converted(proof, _Gift))
    raise NotAProof("neither a draw, nor a rain, nor a gift")


def _converted(proof: Mapping[str, object], shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.convert(proof, shape)
    except msgspec.ValidationError as wrong:
        if proof.get("state") == "open":
            _not_over()
        raise NotAProof(str(wrong)) from wrong


def _not_over() -> NoReturn:
    raise NotAProof("it is not over yet: seed, amounts and claims are published at the end")


def draw_checks(proof: Mapping[str, object]) -> list[Check]:
    """What `fairness.verify` finds, told by what it looks at."""
    if proof.get("state") in ("open", "frozen"):
        _not_over()
    failures = fairness.verify(proof)
    if failures and failures[0].startswith("this is not the proof"):
        raise NotAProof(failures[0])
    if failures:
        return [Check("draw", ok=False, says=failure) for failure in failures]
    return [
        Check("commitments", ok=True, says="seed and rules are those committed to at the opening"),
        Check("entries", ok=True, says=f"{proof['entries_count']} entries give the frozen root"),
        Check("winners", ok=True, says="the winners are the lowest scores, in their order"),
    ]


def _rain_checks(rain: _Rain) -> list[Check]:
    seed = _seed(rain.seed)
    sane = 1 <= rain.count <= min(rain.total_cents, RAIN_COUNT_MAX)
    sane = sane and rain.total_cents <= RAIN_TOTAL_CENTS_MAX
    if not sane:
        raise NotAProof("its count or total is out of bounds")
    split = packets.amounts(seed, rain.rain_id, total_cents=rain.total_cents, count=rain.count)
    hashed = packets.amounts_hash(seed, rain.rain_id, rain.amounts)
    sums = len(rain.amounts) == rain.count and sum(rain.amounts) == rain.total_cents
    claimed = sum(claim.amount_cents for claim in rain.claims)
    most = max(Counter(claim.user_id for claim in rain.claims).values(), default=0)
    returned = claimed == rain.claimed_cents and claimed + rain.returned_cents == rain.total_cents
    return [
        Check("hash", hashed == rain.amounts_hash, "seed and amounts give amounts_hash"),
        Check("split", tuple(rain.amounts) == split, "the amounts follow from the seed"),
        Check(
            "sum",
            sums and min(rain.amounts) >= 1,
            f"{rain.count} packets of a cent or more make {rain.total_cents} cents",
        ),
        Check("order", _in_order(rain), f"{len(rain.claims)} claims took the packets in order"),
        Check("limit", most <= rain.per_user, f"nobody has more than {rain.per_user}"),
        Check("remainder", returned, f"{claimed} cents claimed and {rain.returned_cents} returned"),
    ]


def _in_order(rain: _Rain) -> bool:
    """Each claim has the amount of its place. A rain called off may lack claims, not double one."""
    places = [claim.index for claim in rain.claims]
    if rain.state == "ended" and places != list(range(len(places))):
        return False
    if places != sorted(set(places)) or (places and places[-1] >= len(rain.amounts)):
        return False
    return all(rain.amounts[claim.index] == claim.amount_cents for claim in rain.claims)


def _gift_checks(gift: _Gift) -> list[Check]:
    users = [claim.user_id for claim in gift.claims]
    running, fits = fairness.chain_start(gift.gift_id), True
    for claim in gift.claims:
        running = fairness.chain_next(running, claim.user_id)
        fits = fits and claim.running_hash == running
    positions = [claim.position for claim in gift.claims]
    rules = fairness.sha256_hex(gift.rules.encode()) == gift.rules_hash
    return [
        Check("rules", rules, "the rules are those committed to at the opening"),
        Check(
            "positions",
            positions == list(range(1, len(users) + 1)) and len(set(users)) == len(users),
            f"{len(users)} different people in positions without a gap",
        ),
        Check("quota", len(users) <= gift.quota, f"not more than {gift.quota}"),
        Check("chain", fits and running == gift.entries_root, "the claims give entries_root"),
    ]


def _seed(text: str) -> bytes:
    try:
        seed = bytes.fromhex(text)
    except ValueError as wrong:
        raise NotAProof("its seed is not hex") from wrong
    if len(seed) != SEED_BYTES:
        raise NotAProof("its seed has not 32 bytes")
    return seed
