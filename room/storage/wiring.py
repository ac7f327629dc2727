"""Puts the activities of rooms together over Redis and SQL, for the composition root."""

from __future__ import annotations

from collections.abc import Callable

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from room.activities import Activities
from room.asking import Questions
from room.auctioning import Auctions
from room.claiming import Claiming, Seal, Unseal
from room.follows import Follows
from room.giveaways import Giveaways
from room.handout_duty import HandoutDuty
from room.handouts import Handouts
from room.polling import Polls
from room.ports import RoomArchive, RoomStore
from room.room import Rooms
from room.run_sheets import RunSheets
from room.storage.attendance import RedisAttendance
from room.storage.auctions_redis import RedisAuctions
from room.storage.claims import SqlClaims
from room.storage.follows import RedisFollows, SqlFollows
from room.storage.handouts_redis import RedisHandouts
from room.storage.handouts_sql import SqlHandouts
from room.storage.keys import AUCTIONS_DUE, POLLS_DUE
from room.storage.lottery_journal import SqlJournal
from room.storage.lottery_redis import RedisLotteries
from room.storage.polls_redis import RedisPolls
from room.storage.questions_redis import RedisQuestions
from room.storage.questions_sql import SqlQuestions
from room.storage.run_sheets_sql import SqlRunSheets
from room.storage.timetable import RedisTimetable


def assemble(
    client: Redis,
    engine: AsyncEngine,
    *,
    rooms: Rooms,
    store: RoomStore,
    archive: RoomArchive,
    new_id: Callable[[str], str],
    random_bytes: Callable[[int], bytes],
    seal: Seal,
    unseal: Unseal,
) -> Activities:
    """`random_bytes` must be a secure source; `seal` and `unseal` keep winners' forms."""
    giveaways = Giveaways(
        rooms,
        store,
        RedisLotteries(client),
        archive,
        SqlJournal(engine),
        new_id=new_id,
        random_bytes=random_bytes,
    )
    claiming = Claiming(rooms, SqlClaims(engine), archive, seal=seal, unseal=unseal)
    giveaways.on_drawn = claiming.begin
    handed_out, ledger = RedisHandouts(client), SqlHandouts(engine)
    return Activities(
        giveaways=giveaways,
        claiming=claiming,
        attendance=RedisAttendance(client),
        auctions=Auctions(rooms, RedisAuctions(client), RedisTimetable(client, AUCTIONS_DUE)),
        run_sheets=RunSheets(SqlRunSheets(engine)),
        polls=Polls(rooms, RedisPolls(client), RedisTimetable(client, POLLS_DUE)),
        questions=Questions(rooms, RedisQuestions(client), SqlQuestions(engine)),
        handouts=Handouts(
            HandoutDuty(rooms, handed_out, ledger),
            handed_out,
            ledger,
            new_id=new_id,
            random_bytes=random_bytes,
        ),
        handout_ledger=ledger,
        follows=Follows(RedisFollows(client), SqlFollows(engine)),
    )
