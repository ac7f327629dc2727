"""A lottery over its stores: opened, entered, frozen, drawn once, told, and finished after a crash.

The order is always: make it durable, then tell the room. Every step may be repeated, so `resume`
finishes whatever a crash left by doing the remaining steps again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec.structs import replace

from room import lottery as rules
from room.conditions import Standing
from room.entries import Entries, EntriesLost
from room.errors import Lost, Refused, Unavailable
from room.limits import ENTRIES_MAX
from room.lottery import LotteryRecord, LotterySpec
from room.micro_batch import MicroBatch
from room.ports import LotteryArchive, LotteryStore, RoomStore, Stored
from room.prize_ports import EntryJournal
from room.ranking import ranks
from room.replica import Replica
from room.room import Rooms
from room.shapes import Lottery, Receipt, User, Winner

SEED_BYTES: Final = 32
JOIN_BATCH_MAX: Final = 256
JOIN_WAITING_MAX: Final = 10_000  # per lottery and worker; about a second of work

# In the timetable a real time is a closing or opening time; these mean "see what Redis still has of
# it" and "draw it now".
SETTLE_ASKED: Final = 0
DRAW_ASKED: Final = 1
# A lottery in the timetable but not in the store: created this moment, or never after a crash.
CREATING_MS_MAX: Final = 60_000

ReplicaOf = Callable[[str], Awaitable[Replica | None]]


class Giveaways:
    """Use cases of lotteries. `random_bytes` must be a secure source."""

    def __init__(
        self,
        rooms: Rooms,
        store: RoomStore,
        lotteries: LotteryStore,
        archive: LotteryArchive,
        journal: EntryJournal,
        *,
        new_id: Callable[[str], str],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._rooms = rooms
        self._store = store
        self._lotteries = lotteries
        self._archive = archive
        self._entries = Entries(lotteries, journal)
        self.on_drawn: Callable[[LotteryRecord], Awaitable[None]] = _nothing  # before it is told
        self._new_id = new_id
        self._random_bytes = random_bytes
        self._joins: MicroBatch[tuple[str, str], tuple[str, str], Receipt | None] = MicroBatch(
            self._join_batch, batch_max=JOIN_BATCH_MAX, waiting_max=JOIN_WAITING_MAX
        )
        rooms.before_rebase.append(self._ask_to_settle)

    async def open(self, replica: Replica, spec: LotterySpec, now_ms: int) -> Lottery:
        """Commit to seed and rules, then tell the room. Refuses room_ended, conflict."""
        rules.require_may_open(replica.state)
        record = rules.record(
            spec,
            room_id=replica.room_id,
            lottery_id=self._new_id("lottery"),
            seed=self._random_bytes(SEED_BYTES),
            now_ms=now_ms,
        )
        room_id, lottery_id = record.room_id, record.lottery_id
        await self._archive.save_lottery(record, now_ms)
        await self._lotteries.schedule(room_id, lottery_id, now_ms)
        if not await self._lotteries.create(record):
            raise Unavailable("a lottery of this id exists already")
        await self._tell_opened(replica, record, now_ms)
        return record.face

    async def _tell_opened(self, replica: Replica, record: LotteryRecord, now_ms: int) -> None:
        try:
            await self._rooms.change(replica, lambda state: rules.told_first(state, record), now_ms)
        except Refused:  # another was opened at the same time: nobody has heard of this one
            await self._archive.save_lottery(replace(record, state="void"), now_ms)
            await self._lotteries.unschedule(record.room_id, record.lottery_id)
            raise
        if record.face.close_ms is None:
            await self._lotteries.unschedule(record.room_id, record.lottery_id)
        else:
            await self._lotteries.schedule(record.room_id, record.lottery_id, record.face.close_ms)

    async def join(
        self, replica: Replica, lottery_id: str, user: User, standing: Standing, now_ms: int
    ) -> Receipt:
        """Enter once; again gives the same receipt, also late. Refuses closed, not_qualified, …"""
        lottery = rules.require_known(replica.state, lottery_id)
        if not rules.is_open(lottery, now_ms):
            return await self._receipt_after_closing(replica.room_id, lottery_id, user)
        rules.require_may_enter(replica.state, lottery_id, user, standing)
        receipt = await self._joins.submit((replica.room_id, lottery_id), (user.id, user.name))
        if receipt is None:
            raise _closed()
        return receipt

    async def _receipt_after_closing(self, room_id: str, lottery_id: str, user: User) -> Receipt:
        """Someone whose answer was lost asks again after the end: they are in all the same."""
        receipt = await self.receipt(room_id, lottery_id, user.id)
        if receipt is None:
            raise _closed()
        return receipt

    async def receipt(self, room_id: str, lottery_id: str, user_id: str) -> Receipt | None:
        return await self._lotteries.receipt(room_id, lottery_id, user_id)

    async def _join_batch(
        self, key: tuple[str, str], entrants: Sequence[tuple[str, str]]
    ) -> list[Receipt | None]:
        try:
            return await self._entries.enter(key[0], key[1], entrants)
        except EntriesLost:
            await self._lotteries.schedule(key[0], key[1], SETTLE_ASKED)
            raise

    async def freeze(self, replica: Replica, lottery_id: str, now_ms: int) -> LotteryRecord:
        """Close the entries and publish their root. Again is harmless until the draw."""
        lottery = rules.require_known(replica.state, lottery_id)
        room_id, must_be_here = replica.room_id, lottery.conditions.present is True
        progress = await self._lotteries.freeze(
            room_id,
            lottery_id,
            banned=replica.state.banned.keys(),
            now_ms=now_ms,
            must_be_here=must_be_here,
        )
        if progress is not None and progress.state == "frozen":
            await self._put_back(replica, lottery_id, now_ms)
            if must_be_here:
                await self._lotteries.note_absent(room_id, lottery_id)
        record = await self._lotteries.load(room_id, lottery_id)
        if progress is None or record is None:
            raise Refused("not_found", "the entries of this lottery are gone")
        await self._rooms.change(replica, lambda state: rules.told_frozen(state, record), now_ms)
        return record

    async def _put_back(self, replica: Replica, lottery_id: str, now_ms: int) -> None:
        """What Redis has lost of the entries; what cannot be put back calls the lottery off."""
        try:
            await self._entries.settle(replica.room_id, lottery_id)
        except EntriesLost:
            await self._call_off(replica, lottery_id, now_ms)
            raise _drawn_already() from None

    async def draw(self, replica: Replica, lottery_id: str, now_ms: int) -> tuple[Winner, ...]:
        """Freeze if still open, decide, store, tell. Only one draw succeeds.

        Refuses not_found, and conflict when it has been drawn or called off.
        """
        if rules.require_known(replica.state, lottery_id).state in ("drawn", "void"):
            raise _drawn_already()
        before = await self._lotteries.load(replica.room_id, lottery_id)
        if before is not None and before.state == "drawn":
            raise _drawn_already()
        asked = await self._lotteries.schedule(replica.room_id, lottery_id, DRAW_ASKED)
        record = await self.freeze(replica, lottery_id, now_ms)
        drawn = await self._decide(record, now_ms)
        await self._tell_drawn(replica, drawn, now_ms)
        if not asked:  # who asked first has drawn it, though `resume` may have been faster
            raise _drawn_already()
        return drawn.winners

    async def _decide(self, record: LotteryRecord, now_ms: int) -> LotteryRecord:
        """The lottery with its result, which whoever is first stores and all find."""
        room_id, lottery_id = record.room_id, record.lottery_id
        entries = tuple(await self._lotteries.entries(room_id, lottery_id))
        if record.state == "drawn":
            return replace(record, entries=entries)
        frozen = replace(record, entries=entries)
        await self._archive.save_lottery(frozen, now_ms)
        won = (await ranks(frozen, entries)).winners(now_ms)
        await self._lotteries.store_result(room_id, lottery_id, winners=won, now_ms=now_ms)
        stored = await self._lotteries.load(room_id, lottery_id)
        if stored is None or stored.state != "drawn":
            raise Unavailable("the result of this lottery is not readable now")
        return replace(stored, entries=entries)

    async def _tell_drawn(self, replica: Replica, drawn: LotteryRecord, now_ms: int) -> None:
        await self._archive.save_lottery(drawn, now_ms)
        await self.on_drawn(drawn)
        await self._entries.forget(drawn.lottery_id)
        await self._rooms.change(replica, lambda state: rules.told_drawn(state, drawn), now_ms)
        await self._lotteries.unschedule(drawn.room_id, drawn.lottery_id)

    async def resume(self, now_ms: int, replica_of: ReplicaOf) -> int:
        """Do what is due or was left by a crash; returns how many lotteries moved on.

        One lottery that cannot go on does not keep the others waiting.
        """
        moved = 0
        for room_id, lottery_id, at_ms in await self._lotteries.due(now_ms):
            replica = await replica_of(room_id)
            if replica is None:
                await self._lotteries.unschedule(room_id, lottery_id)
                continue
            try:
                moved += await self._resume_one(replica, lottery_id, at_ms, now_ms)
            except (Refused, Lost):
                continue  # called off meanwhile, or the copy is being opened again
        return moved

    async def _resume_one(self, replica: Replica, lottery_id: str, at_ms: int, now_ms: int) -> int:
        record = await self._lotteries.load(replica.room_id, lottery_id)
        if record is None:
            if at_ms < now_ms - CREATING_MS_MAX:
                await self._settle_lost(replica, lottery_id, now_ms)
            return 0
        if at_ms == SETTLE_ASKED:
            await self._put_back(replica, lottery_id, now_ms)
            await self._schedule_again(record)
            return 1
        close_ms = record.face.close_ms
        if record.state == "open" and at_ms != DRAW_ASKED and (close_ms or now_ms + 1) > now_ms:
            await self._tell_opened(replica, record, now_ms)
            return 1
        if lottery_id not in replica.state.lotteries:
            await self._rooms.change(
                replica, lambda state: rules.told_opened(state, record), now_ms
            )
        frozen = await self.freeze(replica, lottery_id, now_ms)
        drawn = await self._decide(frozen, now_ms)
        await self._tell_drawn(replica, drawn, now_ms)
        return 1

    async def _ask_to_settle(self, base: Stored) -> None:
        """A room is about to be rebuilt: Redis may have lost the timetable, or the entries."""
        for lottery in base.state.lotteries.values():
            if lottery.state in ("open", "frozen"):
                await self._lotteries.schedule(base.state.room_id, lottery.lottery_id, SETTLE_ASKED)

    async def _schedule_again(self, record: LotteryRecord) -> None:
        """The entries are there: the lottery goes on as if nothing had happened."""
        room_id, lottery_id = record.room_id, record.lottery_id
        if record.state != "open":
            await self._lotteries.schedule(room_id, lottery_id, DRAW_ASKED)
        elif record.face.close_ms is not None:
            await self._lotteries.schedule(room_id, lottery_id, record.face.close_ms)
        else:
            await self._lotteries.unschedule(room_id, lottery_id)

    async def _settle_lost(self, replica: Replica, lottery_id: str, now_ms: int) -> None:
        """Redis lost the lottery. A result or frozen entries in the archive still count, and so do
        the receipts in the journal; without them it is called off.
        """
        archived = await self._archive.load_lottery(lottery_id)
        is_open = archived is not None and archived.state == "open"
        is_open = is_open and lottery_id in replica.state.lotteries  # else nobody could enter
        if archived is not None and is_open and await self._entries.restore(archived):
            await self._schedule_again(archived)
            return
        if archived is not None and archived.state == "frozen":
            won = (await ranks(archived, archived.entries)).winners(now_ms)
            archived = replace(archived, state="drawn", drawn_ms=now_ms, winners=won)
        if archived is not None and archived.state == "drawn":
            await self._tell_drawn(replica, archived, now_ms)
            return
        await self._call_off(replica, lottery_id, now_ms)

    async def _call_off(self, replica: Replica, lottery_id: str, now_ms: int) -> None:
        archived = await self._archive.load_lottery(lottery_id)
        if archived is not None:
            await self._archive.save_lottery(replace(archived, state="void"), now_ms)
        await self._tell_void(replica, lottery_id, "its entries were lost", now_ms)

    async def _tell_void(self, replica: Replica, lottery_id: str, reason: str, now_ms: int) -> None:
        await self._rooms.change(
            replica, lambda state: rules.told_void(state, lottery_id, reason), now_ms
        )
        await self._lotteries.unschedule(replica.room_id, lottery_id)

    async def counts(self, replica: Replica) -> dict[str, int]:
        """Entries so far of the lotteries that are open."""
        opened = [
            lottery.lottery_id
            for lottery in replica.state.lotteries.values()
            if lottery.state == "open"
        ]
        return await self._lotteries.counts(replica.room_id, opened) if opened else {}

    async def live(self, replica: Replica) -> dict[str, dict[str, int]]:
        """The same as fields of the open lotteries, for the room's state."""
        counts = await self.counts(replica)
        return {lottery_id: {"entries_count": count} for lottery_id, count in counts.items()}

    async def proof(self, lottery_id: str) -> dict[str, object] | None:
        """What anybody may check (see `fairness.verify`). None for an unknown lottery."""
        archived = await self._archive.load_lottery(lottery_id)
        if archived is None:
            return None
        if archived.state in ("drawn", "void"):
            return rules.proof(archived)
        live = await self._lotteries.load(archived.room_id, lottery_id)
        if live is None:
            return rules.proof(archived)
        if live.state != "drawn":
            return rules.proof(live)
        entries = tuple(await self._lotteries.entries(archived.room_id, lottery_id))
        return rules.proof(replace(live, entries=entries))


async def _nothing(_: LotteryRecord) -> None:
    """Where nobody wants to know of a draw."""


def _closed() -> Refused:
    return Refused("closed", f"entries are closed (or all {ENTRIES_MAX} places are taken)")


def _drawn_already() -> Refused:
    return Refused("conflict", "this lottery has ended already")
