"""The rules of a lottery: what may be opened, who may enter, what the room is told.

Arithmetic of the draw is `fairness.py`; storing, freezing and drawing once is `giveaways.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec
from msgspec.structs import replace

from room import conditions as asked_for
from room import fairness
from room.conditions import Standing, require_qualified
from room.errors import Refused
from room.events import Event, LotteryDrawn, LotteryFrozen, LotteryOpened, LotteryVoided
from room.limits import (
    CLAIM_S_MAX,
    CLAIM_S_MIN,
    FORM_FIELD_GRAPHEMES_MAX,
    FORM_FIELDS_MAX,
    LOTTERY_DURATION_MS_MAX,
    PRIZE_GRAPHEMES_MAX,
    WINNERS_MAX,
)
from room.shapes import Conditions, Lottery, LotteryKind, LotteryState, User, Winner, plain
from room.state import RoomState, require_live
from room.text import clean

# Below this a closing time is a duration from now; above it is a date (from 1973 on).
DURATIONS_BELOW_MS: Final = 100_000_000_000

DEFAULT_FORM: Final = ("name", "phone", "address")
NOTHING_KNOWN: Final = Standing()

# A next state missing in a row is an illegal move: the room is not told of it.
TRANSITIONS: Final[dict[LotteryState, frozenset[LotteryState]]] = {
    "open": frozenset({"frozen", "void"}),
    "frozen": frozenset({"drawn", "void"}),
    "drawn": frozenset(),
    "void": frozenset(),
}


@dataclass(frozen=True, slots=True)
class LotterySpec:
    """A lottery as the host asks for it, checked. `close_ms` is Unix ms, None when manual."""

    prize: str
    winners_count: int
    conditions: Conditions
    close_ms: int | None
    kind: LotteryKind = "lottery"
    claim_s: int = 0
    form: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How the entries of a lottery were closed."""

    state: LotteryState
    entries_count: int
    entries_root: str


class LotteryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one lottery. Holds the SECRET `seed`: only `proof` may go outside."""

    room_id: str
    face: Lottery  # as published at opening
    rules: str
    seed: str  # 64 hex digits
    state: LotteryState = "open"
    entries_count: int = 0
    entries_root: str = ""
    excluded: tuple[str, ...] = ()  # entrants banned or absent when the entries were frozen
    absent: tuple[str, ...] = ()  # those among the excluded who were not in the room
    frozen_ms: int | None = None
    drawn_ms: int | None = None
    winners: tuple[Winner, ...] = ()
    entries: tuple[tuple[str, str], ...] = ()  # (user id, name); only in the archive, from freezing

    @property
    def lottery_id(self) -> str:
        return self.face.lottery_id

    @property
    def root(self) -> str:
        """The root so far; of no entries at all, the start of the chain."""
        return self.entries_root or fairness.chain_start(self.lottery_id)


def spec(
    *,
    winners: int,
    prize: str,
    now_ms: int,
    conditions: object = None,
    close_ms: int | None = None,
    kind: LotteryKind = "lottery",
    claim_s: int | None = None,
    form: Sequence[str] | None = None,
) -> LotterySpec:
    """Check what the host asked for. No closing time means it is drawn by hand; without `claim_s`
    there is nothing to claim.

    Refuses bad_request and too_long.
    """
    if not 1 <= winners <= WINNERS_MAX:
        raise Refused("bad_request", f"winners must be between 1 and {WINNERS_MAX}")
    return LotterySpec(
        prize=clean(prize, graphemes_max=PRIZE_GRAPHEMES_MAX, field="prize"),
        winners_count=winners,
        conditions=asked_for.parse(conditions),
        close_ms=_close_ms(close_ms, now_ms),
        kind=kind,
        claim_s=claim_s or 0,
        form=clean_form_fields(claim_s, form),
    )


def _close_ms(close_ms: int | None, now_ms: int) -> int | None:
    if close_ms is None:
        return None
    closing_ms = now_ms + close_ms if 0 < close_ms < DURATIONS_BELOW_MS else close_ms
    if not now_ms < closing_ms <= now_ms + LOTTERY_DURATION_MS_MAX:
        raise Refused("bad_request", "close_ms must be in the next seven days")
    return closing_ms


def clean_form_fields(claim_s: int | None, fields: Sequence[str] | None) -> tuple[str, ...]:
    """The fields of a lottery's form, checked. Without a deadline there is no form."""
    if claim_s is None:
        if fields:
            raise Refused("bad_request", "a form needs claim_s")
        return ()
    if not CLAIM_S_MIN <= claim_s <= CLAIM_S_MAX:
        raise Refused("bad_request", f"claim_s must be between {CLAIM_S_MIN} and {CLAIM_S_MAX}")
    asked = DEFAULT_FORM if fields is None else tuple(fields)
    if len(asked) > FORM_FIELDS_MAX or len(set(asked)) != len(asked):
        raise Refused("bad_request", f"form must be {FORM_FIELDS_MAX} different fields at most")
    limit = FORM_FIELD_GRAPHEMES_MAX
    return tuple(clean(field, graphemes_max=limit, field="form field") for field in asked)


def record(
    asked: LotterySpec, *, room_id: str, lottery_id: str, seed: bytes, now_ms: int
) -> LotteryRecord:
    """The lottery with its commitments made. `seed` is 32 bytes from a secure source."""
    rules = canonical(
        {
            "algorithm": fairness.ALGORITHM,
            "claim_s": asked.claim_s,
            "close_ms": asked.close_ms,  # at the latest: the host may draw sooner
            "conditions": plain(asked.conditions),
            "form": asked.form,
            "kind": asked.kind,
            "lottery_id": lottery_id,
            "manual": asked.close_ms is None,
            "open_ms": now_ms,
            "prize": asked.prize,
            "room_id": room_id,
            "winners_count": asked.winners_count,
        }
    )
    face = Lottery(
        lottery_id=lottery_id,
        state="open",
        prize=asked.prize,
        winners_count=asked.winners_count,
        conditions=asked.conditions,
        open_ms=now_ms,
        close_ms=asked.close_ms,
        manual=asked.close_ms is None,
        seed_hash=fairness.sha256_hex(seed),
        rules_hash=fairness.sha256_hex(rules.encode()),
        kind=asked.kind,
        claim_s=asked.claim_s,
        form=asked.form,
    )
    return LotteryRecord(room_id=room_id, face=face, rules=rules, seed=seed.hex())


def canonical(value: object) -> str:
    """JSON with sorted keys, no spaces, UTF-8: the same value gives the same bytes."""
    return msgspec.json.encode(value, order="sorted").decode()


def require_may_open(state: RoomState) -> None:
    require_live(state)
    opened = sum(lottery.state in ("open", "frozen") for lottery in state.lotteries.values())
    at_once = state.settings.lotteries_at_once
    if opened >= at_once:
        raise Refused("conflict", f"as many lotteries as may be at once are open: {at_once}")


def require_known(state: RoomState, lottery_id: str) -> Lottery:
    lottery = state.lotteries.get(lottery_id)
    if lottery is None:
        raise Refused("not_found", "no such lottery in this room")
    return lottery


def require_may_enter(
    state: RoomState, lottery_id: str, user: User, standing: Standing = NOTHING_KNOWN
) -> None:
    """Refuse with login_required, banned, not_found or not_qualified (details say what lacks)."""
    if user.role == "guest":
        raise Refused("login_required", "log in to join")
    if user.id in state.banned:
        raise Refused("banned", "you are banned from this room")
    require_qualified(require_known(state, lottery_id).conditions, standing)


def is_open(lottery: Lottery, now_ms: int) -> bool:
    """Whether new people may enter, by the clock as well as by the state."""
    return lottery.state == "open" and (lottery.close_ms is None or now_ms < lottery.close_ms)


def winners(
    drawn: LotteryRecord, entries: Sequence[tuple[str, str]], now_ms: int = 0
) -> tuple[Winner, ...]:
    """min(winners_count, eligible) different people, decided by seed and root alone.

    `now_ms` is when they win, from which on they may claim.
    """
    ranks = Ranks(drawn, entries, fairness.merged(slices(drawn, entries)))
    return ranks.winners(now_ms)


def slices(
    drawn: LotteryRecord, entries: Sequence[tuple[str, str]]
) -> Iterator[list[tuple[str, str]]]:
    """The work of ranking everybody eligible, in steps."""
    eligible = {user_id for user_id, _ in entries} - set(drawn.excluded)
    seed = bytes.fromhex(drawn.seed)
    return fairness.ranked_slices(seed, drawn.lottery_id, drawn.root, eligible)


class Ranks:
    """Everybody eligible in the order of the draw, found as far as they are asked for."""

    def __init__(
        self,
        drawn: LotteryRecord,
        entries: Sequence[tuple[str, str]],
        best: Iterator[tuple[str, str]],
    ) -> None:
        self._drawn = drawn
        self._names = dict(entries)
        self._best = best
        self._found: list[Winner] = []

    def at(self, place: int) -> Winner | None:
        """Who has rank `place + 1`; None past the last."""
        wanted = place + 1 - len(self._found)
        for points, user_id in islice(self._best, max(0, wanted)):
            rank = len(self._found) + 1
            self._found.append(Winner(user_id, self._names[user_id], rank, points))
        return self._found[place] if place < len(self._found) else None

    def winners(self, now_ms: int) -> tuple[Winner, ...]:
        """The first `winners_count` of them, who may claim from `now_ms` on."""
        face = self._drawn.face
        claim_by_ms = now_ms + face.claim_s * 1_000 if face.claim_s else 0
        first = map(self.at, range(face.winners_count))
        return tuple(replace(one, claim_by_ms=claim_by_ms) for one in first if one is not None)


def told_first(state: RoomState, opened: LotteryRecord) -> tuple[Event, ...]:
    """Open it, unless as many as may be at once are open already. Refuses conflict, room_ended."""
    if opened.lottery_id not in state.lotteries:
        require_may_open(state)
    return told_opened(state, opened)


def told_opened(state: RoomState, opened: LotteryRecord) -> tuple[Event, ...]:
    """The event that is still lacking in the room, if any. So with all `told_*`."""
    return () if opened.lottery_id in state.lotteries else (LotteryOpened(opened.face),)


def told_frozen(state: RoomState, frozen: LotteryRecord) -> tuple[Event, ...]:
    lottery = state.lotteries.get(frozen.lottery_id)
    if lottery is not None and "frozen" not in TRANSITIONS[lottery.state]:
        return ()
    event = LotteryFrozen(
        frozen.lottery_id, frozen.entries_count, frozen.root, len(frozen.excluded)
    )
    return (*told_opened(state, frozen), event)


def told_drawn(state: RoomState, drawn: LotteryRecord) -> tuple[Event, ...]:
    lottery = state.lotteries.get(drawn.lottery_id)
    if lottery is not None and not TRANSITIONS[lottery.state]:
        return ()
    event = LotteryDrawn(
        drawn.lottery_id, drawn.entries_count, drawn.root, drawn.seed, drawn.winners
    )
    return (*told_frozen(state, drawn), event)


def told_void(state: RoomState, lottery_id: str, reason: str) -> tuple[Event, ...]:
    lottery = state.lotteries.get(lottery_id)
    if lottery is None or "void" not in TRANSITIONS[lottery.state]:
        return ()
    return (LotteryVoided(lottery_id, reason),)


def proof(known: LotteryRecord) -> dict[str, object]:
    """What anybody may know. The seed and the entries only after the draw."""
    public: dict[str, object] = {
        "lottery_id": known.lottery_id,
        "room_id": known.room_id,
        "state": known.state,
        "prize": known.face.prize,
        "winners_count": known.face.winners_count,
        "rules": known.rules,
        "rules_hash": known.face.rules_hash,
        "seed_hash": known.face.seed_hash,
        "entries_count": known.entries_count,
        "entries_root": known.root,
        "algorithm": fairness.ALGORITHM,
        "excluded": list(known.excluded),
        "absent": list(known.absent),
    }
    if known.state == "drawn":
        public |= {
            "server_seed": known.seed,
            "winners": plain(known.winners),
            "entries": [user_id for user_id, _ in known.entries],
            "drawn_ms": known.drawn_ms,
        }
    return public
