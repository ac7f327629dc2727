"""Winners claim in time or are replaced by rank, on SQL of each kind, and anybody can check it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from room import moderation
from room.claiming import Claiming
from room.errors import Refused, Unavailable
from room.fairness import ranked, verify
from room.giveaways import Giveaways
from room.lottery import LotteryRecord
from room.ports import Stored
from room.replica import Replica
from room.room import Rooms
from room.storage.claims import SqlClaims
from room.storage.lottery_journal import SqlJournal
from room.storage.lottery_redis import RedisLotteries
from room.storage.redis import RedisRooms
from room.storage.sql import SqlArchive
from server.sealing import Sealer
from tests.contracts.room.giveaway_steps import joined, only, opened, refusal, told
from tests.room.people import HOST, NOW_MS

FORM = {"name": "王小明", "phone": "13800000000", "address": "杭州市"}
DUE_MS = NOW_MS + 60_000


@pytest.fixture
def claims(archive: SqlArchive) -> SqlClaims:
    return SqlClaims(archive._engine)


@pytest.fixture
def claiming(rooms: Rooms, archive: SqlArchive, claims: SqlClaims) -> Claiming:
    sealer = Sealer(b"secret" * 8, "test")
    return Claiming(rooms, claims, archive, seal=sealer.seal, unseal=sealer.unseal)


@pytest.fixture
def giveaways(
    rooms: Rooms,
    store: RedisRooms,
    lotteries: RedisLotteries,
    archive: SqlArchive,
    claiming: Claiming,
    new_id: Callable[[str], str],
) -> Giveaways:
    made = Giveaways(
        rooms,
        store,
        lotteries,
        archive,
        SqlJournal(archive._engine),
        new_id=new_id,
        random_bytes=lambda count: bytes(range(count)),
    )
    made.on_drawn = claiming.begin
    return made


async def drawn(giveaways: Giveaways, replica: Replica, count: int = 6) -> tuple[str, list[str]]:
    """A drawn lottery of two winners with a minute to claim, and everybody by rank."""
    lottery_id = await opened(giveaways, replica, winners=2, claim_s=60)
    await joined(giveaways, replica, lottery_id, count)
    await giveaways.draw(replica, lottery_id, NOW_MS)
    return lottery_id, [w.user_id for w in replica.state.lotteries[lottery_id].winners]


async def proven(giveaways: Giveaways, claiming: Claiming, lottery_id: str) -> list[str | None]:
    """Who came in, in order, by a proof that verifies."""
    proof = await giveaways.proof(lottery_id)
    assert proof is not None
    redraws = await claiming.redraws(lottery_id)
    assert verify({**proof, "redraws": [redraw.to_wire() for redraw in redraws]}) == []
    return [redraw.winner and redraw.winner.user_id for redraw in redraws]


async def test_a_claim_is_sealed_and_shown_to_those_who_may(
    giveaways: Giveaways, claiming: Claiming, claims: SqlClaims, replica: Replica
) -> None:
    lottery_id, (first, _) = await drawn(giveaways, replica)
    assert replica.state.lotteries[lottery_id].winners[0].claim_by_ms == DUE_MS
    assert await refusal(claiming.claim(replica, lottery_id, "nobody", FORM, NOW_MS)) == "not_found"
    short = {key: FORM[key] for key in ("name", "phone")}
    assert await refusal(claiming.claim(replica, lottery_id, first, short, NOW_MS)) == "bad_request"
    done = await claiming.claim(replica, lottery_id, first, {**FORM, "phone": "139"}, NOW_MS + 1)
    assert (done.state, done.claimed_ms) == ("claimed", NOW_MS + 1)
    await claiming.claim(replica, lottery_id, first, FORM, NOW_MS + 2)
    kept = await claims.claim_of(lottery_id, first)
    assert kept is not None
    assert kept.form is not None
    assert "王小明".encode() not in kept.form
    assert [form for _, form in await claiming.claims("r1", lottery_id)] == [FORM, {}]
    assert await claiming.claims("other", lottery_id) == []
    assert (await claiming.claims_by(first))[lottery_id][1] == FORM
    proof = await giveaways.proof(lottery_id)
    assert "王小明" not in str(proof)
    assert "王小明" not in str([event.raw for event in replica.ring])


async def test_who_does_not_claim_in_time_is_replaced_by_rank_again_and_again(
    giveaways: Giveaways, claiming: Claiming, replica: Replica
) -> None:
    """Two winners of six; nobody but the fourth rank claims, and the last place stays empty."""
    lottery_id, _ = await drawn(giveaways, replica)
    assert await claiming.resume(DUE_MS - 1, only(replica)) == 0
    await claiming.resume(DUE_MS, only(replica))
    now = replica.state.lotteries[lottery_id]
    assert [winner.rank for winner in now.winners] == [3, 4]
    assert now.winners[0].claim_by_ms == DUE_MS + 60_000
    fourth = now.winners[1].user_id
    await claiming.claim(replica, lottery_id, fourth, FORM, DUE_MS + 1)
    for turn in (1, 2, 3):
        await claiming.resume(DUE_MS + turn * 60_000, only(replica))
    now = replica.state.lotteries[lottery_id]
    assert [winner.user_id for winner in now.winners] == [fourth]
    assert now.removals == 5
    assert told(replica).count("lottery.redrawn") == 5
    assert await claiming.resume(DUE_MS * 2, only(replica)) == 0
    assert (await proven(giveaways, claiming, lottery_id))[-1] is None
    assert await refusal(claiming.claim(replica, lottery_id, "u0", FORM, DUE_MS)) in (
        "closed",
        "not_found",
    )


async def test_a_redraw_before_the_room_heard_of_the_draw_is_told_after_it(
    giveaways: Giveaways, claiming: Claiming, replica: Replica
) -> None:
    """The worker died between opening the claims and telling the winners."""
    lottery_id = await opened(giveaways, replica, winners=2, claim_s=60)
    await joined(giveaways, replica, lottery_id, 6)

    async def dies(drawn: LotteryRecord) -> None:
        await claiming.begin(drawn)
        raise Unavailable("killed")

    giveaways.on_drawn = dies
    with pytest.raises(Unavailable):
        await giveaways.draw(replica, lottery_id, NOW_MS)
    await claiming.resume(DUE_MS, only(replica))
    assert told(replica).count("lottery.redrawn") == 0
    giveaways.on_drawn = claiming.begin
    await giveaways.resume(DUE_MS, only(replica))
    await claiming.resume(DUE_MS + 1, only(replica))
    assert told(replica)[-3:] == ["lottery.drawn", "lottery.redrawn", "lottery.redrawn"]
    assert [w.rank for w in replica.state.lotteries[lottery_id].winners] == [3, 4]


async def test_a_prize_is_claimed_in_its_own_room(
    giveaways: Giveaways, claiming: Claiming, replica: Replica
) -> None:
    lottery_id, (first, _) = await drawn(giveaways, replica)
    elsewhere = Replica(Stored(replica.epoch, 0, replace(replica.state, room_id="r2")))
    assert await refusal(claiming.claim(elsewhere, lottery_id, first, FORM, NOW_MS)) == "not_found"


async def test_the_host_takes_a_winner_out_for_a_reason(
    giveaways: Giveaways, claiming: Claiming, replica: Replica
) -> None:
    lottery_id, (first, second) = await drawn(giveaways, replica)
    await claiming.claim(replica, lottery_id, first, FORM, NOW_MS)
    redraw = await claiming.disqualify(replica, lottery_id, first, "未满十八岁", NOW_MS + 5)
    assert (redraw.removal, redraw.reason, redraw.at_ms) == (1, "disqualified", NOW_MS + 5)
    again = await claiming.disqualify(replica, lottery_id, first, "again", NOW_MS + 9)
    assert again == redraw
    now = replica.state.lotteries[lottery_id]
    assert now.winners[0].user_id == second
    assert now.winners[1].rank == 3
    assert "未满十八岁" not in str([event.raw for event in replica.ring])
    claims = await claiming.claims("r1", lottery_id)
    assert claims[0][0].note == "未满十八岁"
    with pytest.raises(Refused, match="has won"):
        await claiming.disqualify(replica, lottery_id, "cousin", "x", NOW_MS)
    assert len(await proven(giveaways, claiming, lottery_id)) == 1


async def test_who_was_banned_since_the_draw_does_not_come_in(
    giveaways: Giveaways, claiming: Claiming, replica: Replica, rooms: Rooms
) -> None:
    """Nor the next banned one; both are told as passed over, and the proof still verifies."""
    lottery_id, (first, second) = await drawn(giveaways, replica)
    proof = await giveaways.proof(lottery_id)
    assert proof is not None
    order = [user_id for _, user_id in ranked_of(proof)]
    for user_id in order[2:4]:
        await rooms.change(replica, partial(moderation.ban, user_id=user_id, by=HOST), NOW_MS)
    redraw = await claiming.disqualify(replica, lottery_id, first, "x", NOW_MS)
    assert redraw.winner is not None
    winners = replica.state.lotteries[lottery_id].winners
    assert [winner.user_id for winner in winners] == [second, order[4]]
    assert await proven(giveaways, claiming, lottery_id) == order[2:5]
    claims = [
        (claim.user_id, claim.state, claim.note)
        for claim, _ in await claiming.claims("r1", lottery_id)
    ]
    assert claims[2:4] == [(one, "disqualified", "banned") for one in order[2:4]]
    assert told(replica).count("lottery.redrawn") == 3
    await claiming.resume(DUE_MS, only(replica))
    assert [winner.user_id for winner in replica.state.lotteries[lottery_id].winners] == [order[5]]


def ranked_of(proof: dict[str, Any]) -> list[tuple[str, str]]:
    seed = bytes.fromhex(proof["server_seed"])
    return ranked(seed, proof["lottery_id"], proof["entries_root"], proof["entries"])


async def test_two_taken_out_at_once_take_two_ranks(
    giveaways: Giveaways, claiming: Claiming, replica: Replica
) -> None:
    lottery_id, both = await drawn(giveaways, replica)
    await asyncio.gather(
        *(claiming.disqualify(replica, lottery_id, one, "x", NOW_MS) for one in both)
    )
    winners = replica.state.lotteries[lottery_id].winners
    assert [winner.rank for winner in winners] == [3, 4]
    await proven(giveaways, claiming, lottery_id)


async def test_a_replacement_that_was_not_told_is_told_later(
    giveaways: Giveaways,
    claiming: Claiming,
    replica: Replica,
    rooms: Rooms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SQL has it, then the worker dies: the next round tells it, once."""
    lottery_id, (first, _) = await drawn(giveaways, replica)

    async def silent(*_: object) -> list[object]:
        raise Unavailable("Redis did not answer")

    with monkeypatch.context() as broken:
        broken.setattr(rooms, "change", silent)
        with pytest.raises(Unavailable):
            await claiming.disqualify(replica, lottery_id, first, "x", NOW_MS)
    assert await claiming.resume(NOW_MS, only(replica)) == 1
    assert await claiming.resume(NOW_MS, only(replica)) == 0
    assert told(replica).count("lottery.redrawn") == 1
