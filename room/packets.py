"""The arithmetic of a verifiable red-packet rain. Nothing here knows rooms or stores.

Everything follows from a secret 32-byte seed that is fixed before the rain is announced:

    number n (48 bits) = the first 6 bytes, big-endian, of HMAC-SHA256(seed, "<rain_id>:<n>")
    below(b)           = the next number mod b; numbers >= 2^48 - (2^48 mod b) are passed over
    split              = with k packets and c cents left, 1 + below(min(2c div k, c - k + 1)) cents;
                         the last packet takes what is left
    shuffle            = Fisher-Yates from the last place down: swap place i with below(i + 1)
    amounts_hash       = sha256("<rain_id>:<seed hex>:<amounts, comma-separated>")

The bound keeps one cent for everybody who comes later; early places of a split have a narrower
spread than late ones, and the shuffle takes that away. The seed in the hash makes it impossible to
try out splits against `amounts_hash`. Packets are handed out in the order of the list.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from typing import Final

from room.fairness import sha256_hex

ALGORITHM: Final = (
    "number n = first 6 bytes of hmac_sha256(key=seed bytes, rain_id ':' n), big-endian, n from 0; "
    "below(b) = next number mod b, passing over numbers >= 2^48 - 2^48 mod b; "
    "split: with k packets, c cents left: 1 + below(min(2c div k, c - k + 1)); the last the rest; "
    "shuffle: for i from count-1 down to 1 swap i with below(i + 1); "
    "amounts_hash = sha256(rain_id ':' seed hex ':' amounts joined by ','); "
    "the claim of index i gets amounts[i]"
)

_SPAN: Final = 1 << 48  # exact in a browser's numbers too


class _Numbers:
    """The numbers that follow from a seed, in their order."""

    def __init__(self, seed: bytes, rain_id: str) -> None:
        self._stream = self._all(seed, rain_id)

    @staticmethod
    def _all(seed: bytes, rain_id: str) -> Iterator[int]:
        nth = 0
        while True:
            digest = hmac.digest(seed, f"{rain_id}:{nth}".encode(), "sha256")
            yield int.from_bytes(digest[:6], "big")
            nth += 1

    def below(self, bound: int) -> int:
        """Evenly from 0 to bound - 1."""
        end = _SPAN - _SPAN % bound
        return next(number for number in self._stream if number < end) % bound


def bound_cents(cents_left: int, packets_left: int) -> int:
    """The most one packet may hold: about twice the mean, and a cent stays for each after it."""
    return min(2 * cents_left // packets_left, cents_left - packets_left + 1)


def amounts(seed: bytes, rain_id: str, *, total_cents: int, count: int) -> tuple[int, ...]:
    """`count` amounts of at least a cent, in the order in which they are handed out.

    Needs 1 <= count <= total_cents.
    """
    numbers = _Numbers(seed, rain_id)
    left, shares = total_cents, []
    for packets_left in range(count, 1, -1):
        share = 1 + numbers.below(bound_cents(left, packets_left))
        shares.append(share)
        left -= share
    shares.append(left)
    for at in range(count - 1, 0, -1):
        other = numbers.below(at + 1)
        shares[at], shares[other] = shares[other], shares[at]
    return tuple(shares)


def amounts_hash(seed: bytes, rain_id: str, shares: Sequence[int]) -> str:
    """What is published before anybody may grab."""
    return sha256_hex(f"{rain_id}:{seed.hex()}:{','.join(map(str, shares))}".encode())
