"""Winners after the draw: claiming, being replaced by rank, and telling the room of it.

SQL decides, the room is told afterwards, and `resume` does again whatever a crash left undone.
Forms are sealed before they are stored; nothing here logs or tells them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final

import msgspec

from room import claims as rules
from room.claims import HOLDING, Claim, ClaimState, Redraw
from room.errors import Lost, Refused
from room.limits import REASON_GRAPHEMES_MAX
from room.lottery import LotteryRecord
from room.ports import LotteryArchive
from room.prize_ports import ClaimArchive
from room.ranking import ranks
from room.replica import Replica
from room.room import Rooms
from room.text import clean

# (plain bytes, what they belong to) → sealed bytes; None back when they cannot be opened.
Seal = Callable[[bytes, str], bytes]
Unseal = Callable[[bytes, str], bytes | None]
ReplicaOf = Callable[[str], Awaitable[Replica | None]]
_FORM: Final = msgspec.json.Decoder(dict[str, str])


class Claiming:
    """Use cases of winners."""

    def __init__(
        self,
        rooms: Rooms,
        claims: ClaimArchive,
        lotteries: LotteryArchive,
        *,
        seal: Seal,
        unseal: Unseal,
    ) -> None:
        self._rooms = rooms
        self._claims = claims
        self._lotteries = lotteries
        self._seal = seal
        self._unseal = unseal

    async def begin(self, drawn: LotteryRecord) -> None:
        """Before the room hears of a draw. Again is harmless."""
        await self._claims.open_claims(rules.first_claims(drawn))

    async def claim(
        self,
        replica: Replica,
        lottery_id: str,
        user_id: str,
        form: Mapping[str, str],
        now_ms: int,
    ) -> Claim:
        """Claim the prize, or correct the form before the deadline.

        Refuses not_found to who has not won in this room, closed after the deadline.
        """
        claim = await self._mine(lottery_id, user_id)
        if claim.room_id != replica.room_id:
            raise _no_winner()
        # The record holds every entry: it is read only where the room has forgotten the lottery.
        shown = replica.state.lotteries.get(lottery_id)
        fields = shown.form if shown is not None else (await self._record(lottery_id)).face.form
        filled = rules.clean_form(fields, form)
        if claim.state == "won":
            raise Refused("conflict", "there is nothing to claim")
        sealed = self._seal(msgspec.json.encode(filled), _belongs_to(claim))
        if not await self._claims.fill_claim(lottery_id, user_id, sealed, now_ms):
            raise Refused("closed", "the time to claim this prize is over")
        return await self._mine(lottery_id, user_id)

    async def disqualify(
        self, replica: Replica, lottery_id: str, user_id: str, reason: str, now_ms: int
    ) -> Redraw:
        """Take a winner out for the reason given; the next rank comes in. Refuses not_found."""
        note = clean(reason, graphemes_max=REASON_GRAPHEMES_MAX, field="reason")
        claim = await self._mine(lottery_id, user_id)
        if claim.room_id != replica.room_id:
            raise _no_winner()
        banned = replica.state.banned.keys()
        await self._replace([claim], "disqualified", note, now_ms, banned=banned)
        known = await self.redraws(lottery_id)
        await self._tell(replica, lottery_id, known, now_ms)
        return next(each for each in known if each.out == user_id)

    async def resume(self, now_ms: int, replica_of: ReplicaOf) -> int:
        """Replace who has not claimed in time, and tell what is untold; how many there were."""
        due = await self._claims.claims_due(now_ms)
        for lottery_id, room_id in {claim.lottery_id: claim.room_id for claim in due}.items():
            late = [one for one in due if one.lottery_id == lottery_id and one.state == "waiting"]
            try:
                replica = await replica_of(room_id)
                banned = replica.state.banned.keys() if replica is not None else ()
                await self._replace(late, "unclaimed", "", now_ms, banned=banned)
                if replica is not None:
                    await self._tell(replica, lottery_id, await self.redraws(lottery_id), now_ms)
            except (Refused, Lost):
                continue  # the copy is being opened again; others are not kept waiting
        return len(due)

    async def redraws(self, lottery_id: str) -> list[Redraw]:
        """Every replacement so far, as the public proof lists them."""
        known = await self._claims.claims_of(lottery_id)
        if not any(claim.removal for claim in known):
            return []
        record = await self._record(lottery_id)
        return rules.redraws(known, record.face.winners_count)

    async def claims(self, room_id: str, lottery_id: str) -> list[tuple[Claim, dict[str, str]]]:
        """All who ever won, by rank, with what they filled in: for the host alone."""
        known = await self._claims.claims_of(lottery_id)
        return [(claim, self._form(claim)) for claim in known if claim.room_id == room_id]

    async def claims_by(
        self, user_id: str, limit: int = 100
    ) -> dict[str, tuple[Claim, dict[str, str]]]:
        """A person's own standings by lottery."""
        mine = await self._claims.claims_by(user_id, limit)
        return {claim.lottery_id: (claim, self._form(claim)) for claim in mine}

    async def _mine(self, lottery_id: str, user_id: str) -> Claim:
        claim = await self._claims.claim_of(lottery_id, user_id)
        if claim is None or claim.state not in HOLDING | {"unclaimed", "disqualified"}:
            raise _no_winner()
        return claim

    async def _record(self, lottery_id: str) -> LotteryRecord:
        record = await self._lotteries.load_lottery(lottery_id)
        if record is None:
            raise Refused("not_found", "no such lottery")
        return record

    async def _replace(
        self,
        leaving: Sequence[Claim],
        reason: ClaimState,
        note: str,
        now_ms: int,
        *,
        banned: Collection[str],
    ) -> None:
        """Take winners of one lottery out; who comes in is not banned. Ranks once for all."""
        if not leaving:
            return
        record = await self._record(leaving[0].lottery_id)
        order = await ranks(record, record.entries)
        first_out = record.face.winners_count

        def next_in(removal: int) -> Claim | None:
            winner = order.at(first_out + removal - 1)
            if winner is None:
                return None
            claim = rules.claim_of(record, winner, now_ms)
            return rules.passed_over(claim) if winner.user_id in banned else claim

        for claim in leaving:
            await self._claims.remove_winner(
                claim.lottery_id,
                claim.user_id,
                reason=reason,
                note=note,
                now_ms=now_ms,
                next_in=next_in,
            )

    async def _tell(
        self, replica: Replica, lottery_id: str, known: list[Redraw], now_ms: int
    ) -> None:
        if not known:
            return
        shown = replica.state.lotteries.get(lottery_id)
        if shown is not None and shown.state in ("open", "frozen"):
            return  # the room has yet to hear of the draw itself; `resume` comes again
        await self._rooms.change(
            replica, lambda state: rules.told_redrawn(state, lottery_id, known), now_ms
        )
        await self._claims.note_told(lottery_id, known[-1].removal)

    def _form(self, claim: Claim) -> dict[str, str]:
        if claim.form is None:
            return {}
        opened = self._unseal(claim.form, _belongs_to(claim))
        return {} if opened is None else _FORM.decode(opened)


def _belongs_to(claim: Claim) -> str:
    return f"{claim.lottery_id}:{claim.user_id}"


def _no_winner() -> Refused:
    return Refused("not_found", "nobody of this id has won this lottery")
