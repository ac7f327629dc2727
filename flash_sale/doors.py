"""How people get to a sale: its waiting room, its puzzle and its limits, and the proofs of passage.

Pure: times and secrets are arguments. A sale without a door is open to everybody at its start.
Admissions and challenges are signed, so that any worker can check them without asking a store.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, replace

from flash_sale.errors import Refused

RATE_PER_S_MAX = 100_000
OPENS_BEFORE_S_MAX = 3_600
PUZZLE_BITS_MAX = 22  # about ten seconds of a phone; more keeps people out, not machines
LIMIT_MAX = 1_000_000
LIMIT_WINDOW_MS = 10_000  # what the limits of a door are counted over
ADMISSION_MS = 120_000  # from being admitted to the last moment of buying
CHALLENGE_MS = 300_000  # a challenge asked for at the countdown is good past the start
NONCE_CHARS_MAX = 32
SIGNATURE_BYTES = 16
SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Limits:
    """Buys, and joins, in LIMIT_WINDOW_MS for one subject over all workers; 0: no limit."""

    user: int = 20
    device: int = 40
    address: int = 400  # a company or a campus shares one


@dataclass(frozen=True, slots=True)
class Door:
    """`rate_per_s` 0: nobody waits. `puzzle_bits` 0: no puzzle. `seed` is hex, secret at first."""

    sale_id: str
    seed: str
    rate_per_s: int = 0
    opens_before_s: int = 0
    puzzle_bits: int = 0
    limits: Limits = Limits()

    @property
    def guarded(self) -> bool:
        """Whether buying takes an admission."""
        return self.rate_per_s > 0 or self.puzzle_bits > 0

    @property
    def seed_hash(self) -> str:
        """What is shown before anybody joins: it fixes the seed without telling it."""
        return hashlib.sha256(bytes.fromhex(self.seed)).hexdigest()

    def same_rules(self, other: Door) -> bool:
        """Whether both ask the same of a buyer; each door has a seed of its own."""
        return replace(self, seed=other.seed) == other

    def check(self) -> None:
        """Raise `Refused("bad_request")` unless every number is within its limits."""
        limits = self.limits
        good = (
            0 <= self.rate_per_s <= RATE_PER_S_MAX
            and 0 <= self.opens_before_s <= OPENS_BEFORE_S_MAX
            and 0 <= self.puzzle_bits <= PUZZLE_BITS_MAX
            and all(0 <= n <= LIMIT_MAX for n in (limits.user, limits.device, limits.address))
            and len(bytes.fromhex(self.seed)) == SEED_BYTES
        )
        if not good:
            raise Refused("bad_request", "Not acceptable: the waiting room's numbers.")

    def to_wire(self) -> dict[str, object]:
        """What everybody may know."""
        return {
            "rate_per_s": self.rate_per_s,
            "opens_before_s": self.opens_before_s,
            "pow_bits": self.puzzle_bits,
            "seed_hash": self.seed_hash,
        }


# -- signed passages ------------------------------------------------------------------------


def _signature(secret: bytes, kind: str, text: str) -> str:
    mac = hmac.new(secret, f"{kind}:{text}".encode(), hashlib.sha256).digest()[:SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def admission(secret: bytes, sale_id: str, user_id: str, until_ms: int) -> str:
    """A token that lets one person buy in one sale until a time: `until_ms.signature`."""
    text = f"{sale_id}:{user_id}:{until_ms}"
    return f"{until_ms}.{_signature(secret, 'admission', text)}"


def admits(secret: bytes, token: str, sale_id: str, user_id: str, now_ms: int) -> bool:
    """Whether a token lets this person buy in this sale now."""
    until_ms = _time_of(token)
    if until_ms is None or now_ms >= until_ms:
        return False
    expected = admission(secret, sale_id, user_id, until_ms)
    return hmac.compare_digest(token.encode(), expected.encode())


def challenge(secret: bytes, sale_id: str, user_id: str, until_ms: int) -> str:
    """A puzzle for one person and one sale, good until a time."""
    text = f"{sale_id}:{user_id}:{until_ms}"
    return f"{until_ms}.{_signature(secret, 'challenge', text)}"


def solves(
    secret: bytes, puzzle: str, nonce: str, bits: int, *, sale_id: str, user_id: str, now_ms: int
) -> bool:
    """Whether `nonce` solves a puzzle of ours that is still good."""
    until_ms = _time_of(puzzle)
    if until_ms is None or now_ms >= until_ms or len(nonce) > NONCE_CHARS_MAX:
        return False
    expected = challenge(secret, sale_id, user_id, until_ms)
    ours = hmac.compare_digest(puzzle.encode(), expected.encode())
    return ours and zero_bits(puzzle, nonce) >= bits


def zero_bits(puzzle: str, nonce: str) -> int:
    """Leading zero bits of SHA-256 over `puzzle:nonce`."""
    digest = hashlib.sha256(f"{puzzle}:{nonce}".encode()).digest()
    return 256 - int.from_bytes(digest, "big").bit_length()


def _time_of(token: str) -> int | None:
    head = token.partition(".")[0]
    return int(head) if head.isascii() and head.isdigit() and len(head) <= 15 else None
