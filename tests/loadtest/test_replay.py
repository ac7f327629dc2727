"""A room is recorded and played again as load, by the command line, at four times its speed."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtest.api import LiveroomApi, Person
from loadtest.buyer import Buyer
from loadtest.client import Address
from loadtest.own_server import OwnServer
from loadtest.record import record
from loadtest.recording import Commented, SaleStarted, Sold, read, write
from loadtest.replay import main
from loadtest.stage import PRODUCT_ID, Stage
from loadtest.steady import SteadySeat

PEOPLE = ("Wei Ling", "Bo", "Amelie")
LIVEROOM = [sys.executable, "-m", "server"]


async def evening(server: OwnServer, out: Path) -> None:
    """Cards, talk, a sale of two units to three people and a draw, with the recorder listening."""
    async with LiveroomApi(server.url, jwt_secret=server.jwt_secret) as api:
        stage = Stage(api, "evening", token=(await api.person("secret-host", role="host")).token)
        await stage.open()
        listening = asyncio.Event()
        recording = asyncio.create_task(
            record(server.url, "evening", str(out), seconds=60, on_start=listening.set)
        )  # ends with the room
        await listening.wait()
        people = [await api.person(f"secret-{name[0]}", name=name) for name in PEOPLE]
        seats = [await _seat(server, person) for person in people]
        await stage.viewer.command("card.show", product_id=PRODUCT_ID, mode="explaining")
        await stage.viewer.command("announce", text="tonight only")
        for seat in seats:
            await seat.viewer.command("like.add", n=20)
            await seat.viewer.command("comment.send", text="hello @Wei Ling")
        await _sell_and_draw(stage, seats)
        await stage.viewer.command("room.end")
        await recording


async def _seat(server: OwnServer, person: Person) -> SteadySeat:
    seat = SteadySeat(
        Address.of(server.url, "evening"), name=person.name, person=person, rng=random.Random(1)
    )
    await seat.start()
    return seat


async def _sell_and_draw(stage: Stage, seats: list[SteadySeat]) -> None:
    sale_id, sku_id = await stage.make_sale(stock=2)
    await stage.start_sale(sale_id, countdown_s=0)
    bought = await asyncio.gather(
        *(Buyer(seat, sale_id=sale_id, sku_id=sku_id).buy(asks=1) for seat in seats)
    )
    assert sorted(answer.code for (answer,) in bought) == ["", "", "sold_out"]
    lottery_id = await stage.open_lottery(1)
    for seat in seats:
        await seat.viewer.command("lottery.join", lottery_id=lottery_id)
    await stage.draw(lottery_id)


async def liveroom(*arguments: str, secret: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LIVEROOM_JWT_SECRET": secret}
    return await asyncio.to_thread(
        subprocess.run, [*LIVEROOM, *arguments], capture_output=True, text=True, env=environment
    )


@pytest.mark.slow
async def test_an_evening_is_recorded_without_names_and_played_again(tmp_path: Path) -> None:
    file, told = tmp_path / "evening.jsonl.gz", tmp_path / "told.json"
    async with OwnServer(workers=2) as server:
        await evening(server, file)
        written = gzip.decompress(file.read_bytes())
        for secret in (b"secret", b"Amelie", b"Ling", b"eyJ"):
            assert secret not in written
        kinds = [type(each) for each in read(file).happenings]
        assert kinds.count(Commented) == 3
        assert {SaleStarted, Sold} <= set(kinds)
        done = await liveroom(
            "replay", str(file), "--url", server.url, "--speed", "4", "--viewers", "30",
            "--rush", "20", "--json", str(told), secret=server.jwt_secret,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(told.read_text())
    assert found["broken"] == {}
    assert (found["comments_published"], found["reservations"]) == (3, 2)
    assert found["delivered_percent"] == 100
    assert all(verdict["looked_at"] for verdict in found["verdicts"])


def test_a_file_that_cannot_be_played_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "cut.gz", "Room", [])
    (tmp_path / "cut.gz").write_bytes((tmp_path / "cut.gz").read_bytes()[:-9])
    assert main([str(tmp_path / "cut.gz")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "cannot play" in told
