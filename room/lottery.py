"""The rules of a lottery: what may be opened, who may enter, what the room is told.

Arithmetic of the draw is `fairness.py`; storing, freezing and drawing once is `giveaways.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from room import fairness
from room.errors import Refused
from room.events import Event, LotteryDrawn, LotteryFrozen, LotteryOpened, LotteryVoided
from room.limits import (
    LOTTERIES_OPEN_MAX,
    LOTTERY_DURATION_MS_MAX,
    PHRASE_GRAPHEMES_MAX,
    PRIZE_GRAPHEMES_MAX,
    WATCH_S_MAX,
    WINNERS_MAX,
)
from room.shapes import Conditions, Lottery, LotteryState, User, Winner, plain
from room.state import RoomState, require_live
from room.text import clean, normalise

# Below this a closing time is a duration from now; above it is a date (from 1973 on).
DURATIONS_BELOW_MS: Final = 100_000_000_000

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
    excluded: tuple[str, ...] = ()  # entrants banned when the entries were frozen
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
) -> LotterySpec:
    """Check what the host asked for. No closing time means it is drawn by hand.

    Refuses bad_request and too_long.
    """
    if not 1 <= winners <= WINNERS_MAX:
        raise Refused("bad_request", f"winners must be between 1 and {WINNERS_MAX}")
    return LotterySpec(
        prize=clean(prize, graphemes_max=PRIZE_GRAPHEMES_MAX, field="prize"),
        winners_count=winners,
        conditions=_conditions(conditions),
        close_ms=_close_ms(close_ms, now_ms),
    )


def _close_ms(close_ms: int | None, now_ms: int) -> int | None:
    if close_ms is None:
        return None
    closing_ms = now_ms + close_ms if 0 < close_ms < DURATIONS_BELOW_MS else close_ms
    if not now_ms < closing_ms <= now_ms + LOTTERY_DURATION_MS_MAX:
        raise Refused("bad_request", "close_ms must be in the next seven days")
    return closing_ms


def _conditions(asked: object) -> Conditions:
    """None, {}, [] and "everyone" ask for nothing."""
    if asked is None or asked in ({}, [], "everyone"):
        return Conditions()
    try:
        given = msgspec.convert(asked, Conditions, strict=True)
    except msgspec.ValidationError as wrong:
        raise Refused("bad_request", f"conditions: {wrong}") from wrong
    if isinstance(given.phrase, str):
        phrase = clean(given.phrase, graphemes_max=PHRASE_GRAPHEMES_MAX, field="phrase")
        given = replace(given, phrase=phrase)
    if isinstance(given.watch_s, int) and not 1 <= given.watch_s <= WATCH_S_MAX:
        raise Refused("bad_request", f"watch_s must be between 1 and {WATCH_S_MAX}")
    return given


def record(
    asked: LotterySpec, *, room_id: str, lottery_id: str, seed: bytes, now_ms: int
) -> LotteryRecord:
    """The lottery with its commitments made. `seed` is 32 bytes from a secure source."""
    rules = canonical(
        {
            "algorithm": fairness.ALGORITHM,
            "close_ms": asked.close_ms,  # at the latest: the host may draw sooner
            "conditions": plain(asked.conditions),
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
    )
    return LotteryRecord(room_id=room_id, face=face, rules=rules, seed=seed.hex())


def canonical(value: object) -> str:
    """JSON with sorted keys, no spaces, UTF-8: the same value gives the same bytes."""
    return msgspec.json.encode(value, order="sorted").decode()


def require_may_open(state: RoomState) -> None:
    require_live(state)
    opened = sum(lottery.state == "open" for lottery in state.lotteries.values())
    if opened >= LOTTERIES_OPEN_MAX:
        raise Refused("conflict", f"{LOTTERIES_OPEN_MAX} lotteries are open already")


def require_known(state: RoomState, lottery_id: str) -> Lottery:
    lottery = state.lotteries.get(lottery_id)
    if lottery is None:
        raise Refused("not_found", "no such lottery in this room")
    return lottery


def require_may_enter(
    state: RoomState, lottery_id: str, user: User, *, phrase: str | None, watched_ms: int
) -> None:
    """Refuse with login_required, banned, not_found or not_qualified (details say what lacks)."""
    if user.role == "guest":
        raise Refused("login_required", "log in to join")
    if user.id in state.banned:
        raise Refused("banned", "you are banned from this room")
    conditions = require_known(state, lottery_id).conditions
    if conditions.phrase is not UNSET and not _same_phrase(phrase, conditions.phrase):
        raise Refused(
            "not_qualified", "the phrase is not the one asked for", details={"condition": "phrase"}
        )
    if conditions.watch_s is not UNSET and watched_ms < conditions.watch_s * 1_000:
        lacking_ms = conditions.watch_s * 1_000 - watched_ms
        raise Refused(
            "not_qualified",
            "you have not watched long enough yet",
            retry_ms=lacking_ms,
            details={
                "condition": "watch_s",
                "have_s": watched_ms // 1_000,
                "need_s": conditions.watch_s,
            },
        )


def _same_phrase(given: str | None, wanted: str) -> bool:
    return given is not None and normalise(given[:1_000]).casefold() == wanted.casefold()


def is_open(lottery: Lottery, now_ms: int) -> bool:
    """Whether new people may enter, by the clock as well as by the state."""
    return lottery.state == "open" and (lottery.close_ms is None or now_ms < lottery.close_ms)


def winners(drawn: LotteryRecord, entries: Sequence[tuple[str, str]]) -> tuple[Winner, ...]:
    """min(winners_count, eligible) different people, decided by seed and root alone."""
    names = dict(entries)
    eligible = names.keys() - set(drawn.excluded)
    seed = bytes.fromhex(drawn.seed)
    best = fairness.ranked(seed, drawn.lottery_id, drawn.root, eligible)
    return tuple(
        Winner(user_id, names[user_id], rank, points)
        for rank, (points, user_id) in enumerate(best[: drawn.face.winners_count], start=1)
    )


def told_opened(state: RoomState, opened: LotteryRecord) -> tuple[Event, ...]:
    """The event that is still lacking in the room, if any. So with all `told_*`."""
    return () if opened.lottery_id in state.lotteries else (LotteryOpened(opened.face),)


def told_frozen(state: RoomState, frozen: LotteryRecord) -> tuple[Event, ...]:
    lottery = state.lotteries.get(frozen.lottery_id)
    if lottery is not None and "frozen" not in TRANSITIONS[lottery.state]:
        return ()
    event = LotteryFrozen(frozen.lottery_id, frozen.entries_count, frozen.root)
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
    }
    if known.state == "drawn":
        public |= {
            "server_seed": known.seed,
            "winners": plain(known.winners),
            "entries": [user_id for user_id, _ in known.entries],
            "drawn_ms": known.drawn_ms,
        }
    return public
