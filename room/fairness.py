"""The arithmetic of a verifiable draw, and the verifier. Nothing here knows rooms or stores.

Before the draw the server is bound by `seed_hash` and `rules_hash`; entries are bound by a chain:

    running_0 = sha256(lottery_id)
    running_n = sha256(running_(n-1) ":" user_id_n)        entries_root = the last of them

so a receipt (index, running hash) proves that an entry, and all before it, are in the root.
At the draw each entry scores HMAC-SHA256(seed, lottery_id ":" entries_root ":" user_id); the
lowest scores win (hex, ascending; equal scores cannot happen in practice and fall to the user id).
The seed was fixed before the first entry and the root after the last, so neither side can steer
the result, and there is no modulo and therefore no bias. Hex is lower case, texts are UTF-8.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from typing import Final

import msgspec

ALGORITHM: Final = (
    "entries: r0=sha256(lottery_id), r=sha256(r_previous ':' user_id), root=last r; "
    "score=hmac_sha256(key=seed bytes, lottery_id ':' entries_root ':' user_id) in hex; "
    "winners=the lowest scores in ascending order, without the excluded, "
    "min(winners_count, eligible) of them; each winner taken out is replaced by the lowest score "
    "that has not won yet"
)

RANKED_AT_ONCE: Final = 1_000  # a few milliseconds of work


def sha256_hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def chain_start(lottery_id: str) -> str:
    """The running hash before the first entry."""
    return sha256_hex(lottery_id.encode())


def chain_next(previous: str, user_id: str) -> str:
    return sha256_hex(f"{previous}:{user_id}".encode())


def chain_root(lottery_id: str, entries: Iterable[str]) -> str:
    """The root of all entries, in their order."""
    running = chain_start(lottery_id)
    for user_id in entries:
        running = chain_next(running, user_id)
    return running


def score(seed: bytes, lottery_id: str, entries_root: str, user_id: str) -> str:
    """64 hex digits; nobody can know them before the entries are frozen."""
    message = f"{lottery_id}:{entries_root}:{user_id}".encode()
    return hmac.new(seed, message, hashlib.sha256).hexdigest()


def ranked(
    seed: bytes, lottery_id: str, entries_root: str, eligible: Iterable[str]
) -> list[tuple[str, str]]:
    """(score, user id) of every eligible entry, the best first."""
    return sorted(
        (score(seed, lottery_id, entries_root, user_id), user_id) for user_id in set(eligible)
    )


def ranked_slices(
    seed: bytes, lottery_id: str, entries_root: str, eligible: Iterable[str]
) -> Iterator[list[tuple[str, str]]]:
    """The same in sorted slices, each a step of the work. `merged` makes one order of them."""
    waiting = iter(set(eligible))
    while some := list(islice(waiting, RANKED_AT_ONCE)):
        yield ranked(seed, lottery_id, entries_root, some)


def merged(slices: Iterable[list[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    """(score, user id) of all slices, the best first, each found only when it is asked for."""
    return merge(*slices)


class _ProofWinner(msgspec.Struct):
    user_id: str
    rank: int
    score: str


class _ProofRedraw(msgspec.Struct):
    removal: int
    out: str
    reason: str
    winner: _ProofWinner | None = None


class _Proof(msgspec.Struct):
    lottery_id: str
    state: str
    rules: str
    rules_hash: str
    seed_hash: str
    entries_count: int
    entries_root: str
    server_seed: str
    entries: list[str]
    winners: list[_ProofWinner]
    excluded: list[str] = []
    redraws: list[_ProofRedraw] = []


def verify(proof: Mapping[str, object]) -> list[str]:
    """Recompute a drawn lottery from its public proof. Every failure in words; empty means right.

    The order of the checks is the order in which they bind: commitments, entries, winners.
    """
    try:
        given = msgspec.convert(proof, _Proof)
        seed = bytes.fromhex(given.server_seed)
        winners_count = int(msgspec.json.decode(given.rules)["winners_count"])
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError) as wrong:
        return [f"this is not the proof of a drawn lottery: {wrong}"]
    return [
        *_commitment_failures(given, seed),
        *_entry_failures(given),
        *_winner_failures(given, seed, winners_count),
    ]


def _commitment_failures(given: _Proof, seed: bytes) -> list[str]:
    failures = []
    if given.state != "drawn":
        failures.append(f"the lottery is {given.state}, not drawn")
    if len(seed) != 32 or sha256_hex(seed) != given.seed_hash:
        failures.append("server_seed is not the seed committed to by seed_hash")
    if sha256_hex(given.rules.encode()) != given.rules_hash:
        failures.append("rules are not the rules committed to by rules_hash")
    if msgspec.json.decode(given.rules).get("lottery_id") != given.lottery_id:
        failures.append("rules belong to another lottery")
    return failures


def _entry_failures(given: _Proof) -> list[str]:
    failures = []
    if len(given.entries) != given.entries_count:
        failures.append(f"{given.entries_count} entries claimed, {len(given.entries)} listed")
    if len(set(given.entries)) != len(given.entries):
        failures.append("somebody is entered twice")
    if chain_root(given.lottery_id, given.entries) != given.entries_root:
        failures.append("entries do not give entries_root")
    return failures


def _winner_failures(given: _Proof, seed: bytes, winners_count: int) -> list[str]:
    eligible = set(given.entries) - set(given.excluded)
    order = ranked(seed, given.lottery_id, given.entries_root, eligible)
    places = [(user_id, rank, points) for rank, (points, user_id) in enumerate(order, start=1)]
    failures = _redraw_failures(given.redraws, places, winners_count)
    return _draw_failures(given, places[:winners_count]) + failures


def _draw_failures(given: _Proof, wanted: list[tuple[str, int, str]]) -> list[str]:
    named = [(winner.user_id, winner.rank, winner.score) for winner in given.winners]
    if named == wanted:
        return []
    if len(named) != len(wanted):
        return [f"{len(wanted)} winners follow from the entries, {len(named)} are named"]
    first = next(
        at for at, pair in enumerate(zip(named, wanted, strict=True)) if pair[0] != pair[1]
    )
    return [f"winner {first + 1} should be {wanted[first][0]}, is {named[first][0]}"]


def _redraw_failures(
    redraws: Sequence[_ProofRedraw], places: list[tuple[str, int, str]], winners_count: int
) -> list[str]:
    """Each replacement must be the next rank that has not won, for somebody who was winning."""
    winning = {user_id for user_id, _, _ in places[:winners_count]}
    waiting = iter(places[winners_count:])
    failures = []
    for number, redraw in enumerate(redraws, start=1):
        wanted = next(waiting, None)
        came = redraw.winner
        named = None if came is None else (came.user_id, came.rank, came.score)
        if redraw.removal != number:
            failures.append(f"replacement {number} is numbered {redraw.removal}")
        if redraw.out not in winning:
            failures.append(f"replacement {number} is for {redraw.out}, who was not winning")
        if named != wanted:
            expected = wanted[0] if wanted else "nobody"
            failures.append(f"replacement {number} should be {expected}")
        winning.discard(redraw.out)
        winning |= {wanted[0]} if wanted else set()
    return failures


def receipt_fits(
    lottery_id: str, entries: Sequence[str], user_id: str, *, index: int, running_hash: str
) -> bool:
    """Whether an entrant's receipt is borne out by the published entries. `index` is from 0."""
    if not 0 <= index < len(entries) or entries[index] != user_id:
        return False
    return chain_root(lottery_id, entries[: index + 1]) == running_hash
