"""A poll over its stores: opened, voted in, closed once, told; a crash in between changes nothing.

Opening is one event of the room; votes are marked and counted in one act of the store, which also
judges by its own clock whether the poll is still open. What is to be closed stands in a timetable
before the step that would need it, so `resume` finishes what a crash left.

When Redis has lost votes there is no honest result, and the poll is closed as void. What a worker
has counted is remembered, so that a part that went missing shows too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from room import polls as rules
from room.errors import Lost, Refused
from room.micro_batch import MicroBatch
from room.ports import Stored
from room.replica import Replica
from room.room import Rooms
from room.shapes import Poll
from room.stage_ports import Options, PollStore, Timetable, VoteOutcome

# A poll in the timetable that the room does not know: opened this moment, or never after a crash.
OPENING_MS_MAX: Final = 60_000
VOID_ASKED: Final = 0  # in the timetable: votes were lost, close it without a result

VOTE_BATCH_MAX: Final = 256
VOTE_WAITING_MAX: Final = 10_000  # per poll and worker; about a second of work

Counted = tuple[VoteOutcome, Options | None, rules.Tally]
ReplicaOf = Callable[[str], Awaitable[Replica | None]]


@dataclass(frozen=True, slots=True)
class Vote:
    """A counted vote, or the same one again, and how the poll stands."""

    options: tuple[int, ...]
    tally: rules.Tally


class Polls:
    """Use cases of polls."""

    def __init__(self, rooms: Rooms, store: PollStore, timetable: Timetable) -> None:
        self._rooms = rooms
        self._store = store
        self._timetable = timetable
        self._votes: MicroBatch[tuple[str, Poll], tuple[str, Options], Counted] = MicroBatch(
            self._vote_batch, batch_max=VOTE_BATCH_MAX, waiting_max=VOTE_WAITING_MAX
        )
        self._seen: dict[tuple[str, str], int] = {}  # room, open poll → voters seen in the store
        rooms.before_rebase.append(self._schedule_again)

    async def open(self, replica: Replica, poll: Poll, now_ms: int) -> None:
        """Ask the room. Refuses room_ended, conflict."""
        if poll.close_ms is not None:
            await self._timetable.schedule(replica.room_id, poll.poll_id, poll.close_ms)
        await self._store.open(replica.room_id, poll.poll_id)
        await self._rooms.change(replica, lambda state: rules.told_opened(state, poll), now_ms)

    async def vote(
        self, replica: Replica, poll_id: str, user_id: str, options: Sequence[int]
    ) -> Vote:
        """Count a vote once. Refuses closed, and conflict for another vote than the first."""
        poll, chosen = rules.choice(replica.state, poll_id, options)
        if poll.state == "closed":
            return await self._vote_after_closing(replica.room_id, poll, user_id, chosen)
        key = (replica.room_id, poll)
        outcome, before, tally = await self._votes.submit(key, (user_id, chosen))
        if outcome in ("closed", "lost"):
            raise _closed()
        if outcome == "other":
            details = {"options": list(before or ())}
            raise Refused("conflict", "you have voted already", details=details)
        return Vote(chosen, tally)

    async def _vote_batch(
        self, key: tuple[str, Poll], votes: Sequence[tuple[str, Options]]
    ) -> list[Counted]:
        room_id, poll = key
        seen = self._seen.get((room_id, poll.poll_id), 0)
        counted = await self._store.vote(room_id, poll, votes, seen=seen)
        if any(outcome == "lost" for outcome, _ in counted):
            await self._timetable.schedule(room_id, poll.poll_id, VOID_ASKED)
        tally = (await self._tallies(room_id, [poll])).get(poll.poll_id)
        if tally is None:
            return [("lost", None, rules.Tally(poll.counts, poll.voters)) for _ in votes]
        return [(outcome, before, tally) for outcome, before in counted]

    async def _tallies(self, room_id: str, polls: Sequence[Poll]) -> dict[str, rules.Tally]:
        """How polls stand; of one that has lost votes nothing, and it is to be closed."""
        # What was seen before asking: an answer may come after a later one's.
        seen = {poll.poll_id: self._seen.get((room_id, poll.poll_id), 0) for poll in polls}
        found = await self._store.tallies(room_id, polls)
        whole = {key: tally for key, tally in found.items() if tally.voters >= seen[key]}
        for poll_id in seen.keys() - whole.keys():
            await self._timetable.schedule(room_id, poll_id, VOID_ASKED)
        for poll_id, tally in whole.items():
            known = self._seen.get((room_id, poll_id), 0)
            self._seen[room_id, poll_id] = max(known, tally.voters)
        return whole

    async def _vote_after_closing(
        self, room_id: str, poll: Poll, user_id: str, chosen: Options
    ) -> Vote:
        """Someone whose answer was lost asks again after the end: it counted all the same."""
        if poll.void or await self._store.vote_of(room_id, poll.poll_id, user_id) != chosen:
            raise _closed()
        return Vote(chosen, rules.Tally(poll.counts, poll.voters))

    async def close(self, replica: Replica, poll_id: str, now_ms: int) -> rules.Tally:
        """Close, whether or not it was closed before, and tell the room the final counts."""
        poll = rules.require_known(replica.state, poll_id)
        if poll.state == "closed":
            return rules.Tally(poll.counts, poll.voters)
        await self._timetable.schedule(replica.room_id, poll_id, now_ms)
        await self._close(replica, poll, now_ms)
        closed = replica.state.polls.get(poll_id, poll)
        return rules.Tally(closed.counts, closed.voters)

    async def _close(
        self, replica: Replica, poll: Poll, now_ms: int, *, void: bool = False
    ) -> None:
        poll_id = poll.poll_id
        seen = self._seen.get((replica.room_id, poll_id), 0)
        tally = await self._store.close(replica.room_id, poll)
        if void or (tally is not None and tally.voters < seen):
            tally = None
        await self._rooms.change(
            replica, lambda state: rules.told_closed(state, poll_id, tally), now_ms
        )
        await self._timetable.unschedule(replica.room_id, poll_id)
        self._seen.pop((replica.room_id, poll_id), None)

    async def resume(self, now_ms: int, replica_of: ReplicaOf) -> int:
        """Close what is due or was left half closed by a crash; returns how many were closed."""
        closed = 0
        for room_id, poll_id, at_ms in await self._timetable.due(now_ms):
            replica = await replica_of(room_id)
            poll = replica.state.polls.get(poll_id) if replica is not None else None
            if replica is None or poll is None:
                if replica is None or at_ms < now_ms - OPENING_MS_MAX:
                    await self._timetable.unschedule(room_id, poll_id)
                continue
            try:
                await self._close(replica, poll, now_ms, void=at_ms == VOID_ASKED)
            except (Refused, Lost):
                continue  # the copy is being opened again; the next round finds it
            closed += 1
        return closed

    async def _schedule_again(self, base: Stored) -> None:
        """A room is about to be rebuilt: Redis may have lost the timetable."""
        for poll in base.state.polls.values():
            if poll.state == "open" and poll.close_ms is not None:
                room_id = base.state.room_id
                await self._timetable.schedule(room_id, poll.poll_id, poll.close_ms)

    async def live(self, replica: Replica) -> dict[str, dict[str, object]]:
        """How the open polls stand, as fields for the room's state."""
        opened = [poll for poll in replica.state.polls.values() if poll.state == "open"]
        self._forget_closed(replica.room_id, {poll.poll_id for poll in opened})
        if not opened:
            return {}
        tallies = await self._tallies(replica.room_id, opened)
        return {
            poll_id: {"counts": list(tally.counts), "voters": tally.voters}
            for poll_id, tally in tallies.items()
        }

    def _forget_closed(self, room_id: str, opened: set[str]) -> None:
        """Of polls that another worker has closed too."""
        for key in [key for key in self._seen if key[0] == room_id and key[1] not in opened]:
            del self._seen[key]


def _closed() -> Refused:
    return Refused("closed", "this poll is closed")
