"""Lotteries that anyone can check: committed before, proven after, drawn exactly once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any

import pytest

import room.fairness
import server.heartbeat
from tests.integration.house import House, Place, eventually

Two = tuple[Place, Place]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def root_of(lottery_id: str, entries: list[str]) -> list[str]:
    """The running hash after each entry, from the words of the protocol alone."""
    running, hashes = sha(lottery_id), []
    for user_id in entries:
        running = sha(f"{running}:{user_id}")
        hashes.append(running)
    return hashes


def winners_of(proof: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Who must have won, recomputed without any code of the server."""
    key = bytes.fromhex(proof["server_seed"])
    scores = sorted(
        (
            hmac.new(
                key, f"{proof['lottery_id']}:{proof['entries_root']}:{user}".encode(), "sha256"
            ).hexdigest(),
            user,
        )
        for user in set(proof["entries"]) - set(proof["excluded"])
    )
    count = json.loads(proof["rules"])["winners_count"]
    return [(user, rank, points) for rank, (points, user) in enumerate(scores[:count], 1)]


def check(proof: dict[str, Any], opened: dict[str, Any]) -> None:
    assert proof["state"] == "drawn"
    assert hashlib.sha256(bytes.fromhex(proof["server_seed"])).hexdigest() == opened["seed_hash"]
    assert sha(proof["rules"]) == opened["rules_hash"] == proof["rules_hash"]
    hashes = root_of(proof["lottery_id"], proof["entries"])
    assert proof["entries_root"] == (hashes[-1] if hashes else sha(proof["lottery_id"]))
    assert proof["entries_count"] == len(proof["entries"]) == len(set(proof["entries"]))
    named = [(w["user_id"], w["rank"], w["score"]) for w in proof["winners"]]
    assert named == winners_of(proof)
    assert room.fairness.verify(proof) == []


async def proof_of(place: Place, lottery_id: str) -> dict[str, Any]:
    status, body = await place.get(f"/v1/draws/{lottery_id}")
    assert status == 200
    proof: dict[str, Any] = body
    return proof


async def test_a_draw_by_hand_can_be_checked_by_anyone(two_places: Two) -> None:
    """Twenty enter at two workers; receipts, root, seed and winners all fit."""
    here, there = two_places
    witness = await there.enter("witness")
    opened = await here.do("lottery.open", winners=3, prize="一箱茶", manual=True)
    lottery_id = opened["lottery_id"]
    told = (await witness.event("lottery.opened"))["lottery"]
    assert (told["seed_hash"], told["state"]) == (opened["seed_hash"], "open")
    assert "server_seed" not in await proof_of(there, lottery_id)
    people = [await (here, there)[n % 2].enter(f"u{n}") for n in range(20)]
    receipts = await asyncio.gather(
        *(person.do("lottery.join", lottery_id=lottery_id) for person in people)
    )
    await witness.until(lambda: witness.state["lotteries"][lottery_id]["entries_count"] == 20)
    drawn = await here.do("lottery.draw", lottery_id=lottery_id)
    proof = await proof_of(there, lottery_id)
    check(proof, opened)
    assert [w["user_id"] for w in drawn["winners"]] == [w["user_id"] for w in proof["winners"]]
    hashes = root_of(lottery_id, proof["entries"])
    for number, answer in enumerate(receipts):
        receipt = answer["receipt"]
        assert proof["entries"][receipt["index"]] == f"u{number}"
        assert hashes[receipt["index"]] == receipt["running_hash"]
    frozen, result = await witness.event("lottery.frozen"), await witness.event("lottery.drawn")
    assert frozen["entries_root"] == result["entries_root"] == proof["entries_root"]
    assert result["winners"] == drawn["winners"]
    won = {w["user_id"]: w["rank"] for w in drawn["winners"]}
    for number, person in enumerate(people):
        await person.event("lottery.drawn")
        await person.do("ping")
        private = person.of("won")
        if f"u{number}" in won:
            assert [p["rank"] for p in private] == [won[f"u{number}"]]
        else:
            assert private == []


async def test_the_clock_draws_without_the_host(two_places: Two) -> None:
    """A countdown: closed to the millisecond, drawn once, although two workers could."""
    here, there = two_places
    witness, lin = await here.enter(), await there.enter("lin")
    opened = await here.do("lottery.open", winners=5, prize="tea", close_ms=700)
    lottery_id = opened["lottery_id"]
    await lin.event("lottery.opened")
    await lin.do("lottery.join", lottery_id=lottery_id)
    drawn = await witness.event("lottery.drawn")
    assert [w["user_id"] for w in drawn["winners"]] == ["lin"]
    check(await proof_of(here, lottery_id), opened)
    await lin.event("won")
    await here.do("announce", text="after")
    await witness.event("announcement")
    assert len(witness.of("lottery.drawn")) == len(witness.of("lottery.frozen")) == 1
    status, body = await here.command("lottery.draw", lottery_id=lottery_id)
    assert (status, body["err"]["code"]) == (409, "conflict")


async def test_nobody_enters_late_or_twice(two_places: Two) -> None:
    """A repeat gives the same receipt, at any worker and after the draw; a newcomer is `closed`."""
    here, there = two_places
    opened = await here.do("lottery.open", winners=1, prize="tea", manual=True)
    lottery_id = opened["lottery_id"]
    lin, kim = await here.enter("lin"), await there.enter("kim")
    first = await lin.do("lottery.join", lottery_id=lottery_id)
    again = await there.enter("lin")
    assert await again.do("lottery.join", lottery_id=lottery_id) == first
    await here.do("lottery.draw", lottery_id=lottery_id)
    await kim.event("lottery.drawn")
    assert await kim.refused("lottery.join", lottery_id=lottery_id) == "closed"
    assert await again.do("lottery.join", lottery_id=lottery_id) == first
    assert (await proof_of(here, lottery_id))["entries"] == ["lin"]
    status, body = await here.command("lottery.draw", lottery_id=lottery_id)
    assert (status, body["err"]["code"]) == (409, "conflict")


async def test_a_hundred_at_once_each_have_one_place(two_places: Two) -> None:
    """Everyone asks twice, at both workers, at the same time."""
    here, there = two_places
    lottery_id = (await here.do("lottery.open", winners=7, prize="t", manual=True))["lottery_id"]

    async def join(place: Place, sub: str) -> dict[str, Any]:
        status, body = await place.command(
            "lottery.join", sub=sub, role="viewer", lottery_id=lottery_id
        )
        assert status == 200, body
        receipt: dict[str, Any] = body["ok"]["receipt"]
        return receipt

    asked = [(place, f"u{n}") for n in range(50) for place in (here, there)]
    receipts = await asyncio.gather(*(join(place, sub) for place, sub in asked))
    assert receipts[::2] == receipts[1::2]
    assert sorted(receipt["index"] for receipt in receipts[::2]) == list(range(50))


async def test_a_phrase_must_be_said(place: Place) -> None:
    """Case and width do not matter, the words do; `not_qualified` says what lacks."""
    conditions = {"phrase": "Tea for Two"}
    opened = await place.do(
        "lottery.open", winners=1, prize="tea", manual=True, conditions=conditions
    )
    lin = await place.enter("lin")
    for phrase in (None, "", "coffee"):
        reply = await lin.ask("lottery.join", lottery_id=opened["lottery_id"], phrase=phrase)
        assert reply["err"]["code"] == "not_qualified"
        assert reply["err"]["details"]["condition"] == "phrase"
    await lin.do("lottery.join", lottery_id=opened["lottery_id"], phrase=" tea for TWO ")


async def test_watching_must_be_done(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the server's own measure; the refusal says how much is missing."""
    monkeypatch.setattr(server.heartbeat, "WATCH_EVERY_MS", 200)
    lin = await place.enter("lin")
    opened = await place.do(
        "lottery.open", winners=1, prize="tea", manual=True, conditions={"watch_s": 1}
    )
    lottery_id = opened["lottery_id"]
    status, body = await place.command(
        "lottery.join", sub="absent", role="viewer", lottery_id=lottery_id
    )
    assert (status, body["err"]["code"]) == (403, "not_qualified")
    reply = await lin.ask("lottery.join", lottery_id=lottery_id)
    if "err" in reply:
        assert reply["err"]["details"]["condition"] == "watch_s"
        assert 0 < reply["err"]["retry_ms"] <= 1_000

    async def admitted() -> bool:
        return "ok" in await lin.ask("lottery.join", lottery_id=lottery_id)

    await eventually(admitted)


async def test_who_is_banned_does_not_win(place: Place) -> None:
    """Banned after entering: named among the excluded, and the proof still fits."""
    opened = await place.do("lottery.open", winners=5, prize="tea", manual=True)
    for sub in ("ann", "mallory", "bob"):
        await place.command("lottery.join", sub=sub, role="viewer", lottery_id=opened["lottery_id"])
    await place.do("user.ban", user_id="mallory")
    drawn = await place.do("lottery.draw", lottery_id=opened["lottery_id"])
    assert {w["user_id"] for w in drawn["winners"]} == {"ann", "bob"}
    proof = await proof_of(place, opened["lottery_id"])
    assert proof["excluded"] == ["mallory"]
    check(proof, opened)


async def test_an_empty_lottery_has_no_winner(place: Place) -> None:
    """And a proof all the same."""
    opened = await place.do("lottery.open", winners=5, prize="tea", manual=True)
    assert await place.do("lottery.draw", lottery_id=opened["lottery_id"]) == {"winners": []}
    check(await proof_of(place, opened["lottery_id"]), opened)


@pytest.mark.parametrize(
    "wrong",
    [
        {"winners": 0, "prize": "x"},
        {"winners": 1001, "prize": "x"},
        {"winners": True, "prize": "x"},
        {"winners": 1, "prize": ""},
        {"winners": 1, "prize": "x", "close_ms": -5},
        {"winners": 1, "prize": "x", "close_ms": 1_000_000_000_000},
        {"winners": 1, "prize": "x", "conditions": {"watch_s": 0}},
        {"winners": 1, "prize": "x", "conditions": {"shoe_size": 43}},
        {"winners": 1, "prize": "x", "conditions": {"watch_s": "10"}},
    ],
    ids=str,
)
async def test_a_lottery_that_makes_no_sense(place: Place, wrong: dict[str, Any]) -> None:
    """Is refused before anything is committed to."""
    status, body = await place.command("lottery.open", **wrong)
    assert (status, body["err"]["code"]) == (400, "bad_request")
    assert place.live.replica.state.lotteries == {}


async def test_a_draw_is_finished_after_a_crash(house: House) -> None:
    """Frozen but not drawn when the worker died: the next one draws, with the seed from before."""
    first = await house.worker()
    here = await house.room(first)
    opened = await here.do("lottery.open", winners=2, prize="tea", manual=True)
    lottery_id = opened["lottery_id"]
    for number in range(9):
        await here.command("lottery.join", sub=f"u{number}", role="viewer", lottery_id=lottery_id)
    giveaways, hub = first.services.activities.giveaways, first.services.hub
    await first.clock.stop()  # the duties die with the worker
    await giveaways._lotteries.schedule(here.room_id, lottery_id, 1)
    await giveaways.freeze(here.live.replica, lottery_id, hub.now_ms())
    frozen = await proof_of(here, lottery_id)
    assert (frozen["state"], "server_seed" in frozen) == ("frozen", False)
    second = here.at(await house.worker())
    lin = await second.enter("lin")

    async def drawn() -> bool:
        return bool((await proof_of(second, lottery_id))["state"] == "drawn")

    await eventually(drawn)
    proof = await proof_of(second, lottery_id)
    check(proof, opened)
    assert proof["entries_root"] == frozen["entries_root"]
    await lin.until(lambda: lin.state["lotteries"][lottery_id]["state"] == "drawn")
    assert len(lin.state["lotteries"][lottery_id]["winners"]) == 2


async def test_conditions_are_judged_by_the_server_and_shown_as_a_checklist(
    two_places: Two,
) -> None:
    """Follow, tier, and the phrase said in a comment, which enters by itself."""
    here, there = two_places
    asked = {"phrase": "好运", "follow": True, "tiers": ["gold"], "bought": False}
    opened = await here.do(
        "lottery.open", kind="bag", winners=1, prize="茶", manual=True, conditions=asked
    )
    lottery_id = opened["lottery_id"]
    gold = there.worker.services.tokens.mint(
        sub="lin", role="viewer", tier="gold", ttl_s=60, now_ms=there.worker.services.hub.now_ms()
    )
    lin = await there.knock()
    await lin.hello(gold, None)
    await lin.until(lambda: lottery_id in lin.state["lotteries"])
    assert lin.state["lotteries"][lottery_id]["kind"] == "bag"

    async def lacking() -> list[str]:
        status = await lin.do("lottery.status", lottery_id=lottery_id)
        assert status["qualified"] == all(each["met"] for each in status["conditions"])
        return [each["condition"] for each in status["conditions"] if not each["met"]]

    assert await lacking() == ["phrase", "follow"]
    await lin.do("comment.send", text=" 好运 ")
    assert await lacking() == ["follow"]
    reply = await lin.ask("lottery.join", lottery_id=lottery_id)
    told = {each["condition"]: each["met"] for each in reply["err"]["details"]["conditions"]}
    assert told == {"phrase": True, "follow": False, "tiers": True}
    await lin.do("host.follow")
    await lin.do("comment.send", text="好运")
    joined = await lin.event("lottery.joined")
    assert (await lin.do("lottery.join", lottery_id=lottery_id))["receipt"] == joined["receipt"]
    assert (await lin.do("lottery.status", lottery_id=lottery_id))["receipt"] == joined["receipt"]
    status, body = await here.command("lottery.open", winners=1, prize="x", manual=True)
    assert (status, body["err"]["code"]) == (409, "conflict")
    await here.do("room.set", lotteries_at_once=2)
    await here.do("lottery.open", winners=1, prize="x", manual=True)


async def test_a_prize_is_claimed_or_passed_on_by_rank(two_places: Two) -> None:
    """Three enter; who is disqualified or late is replaced, and the proof shows it."""
    here, there = two_places
    opened = await here.do(
        "lottery.open", winners=1, prize="tea", manual=True, claim_s=3, form=["name", "size"]
    )
    lottery_id = opened["lottery_id"]
    people = {sub: await there.enter(sub) for sub in ("lin", "kim", "jo")}
    for person in people.values():
        await person.do("lottery.join", lottery_id=lottery_id)
    first = (await here.do("lottery.draw", lottery_id=lottery_id))["winners"][0]["user_id"]
    won = await people[first].event("won")
    assert (won["rank"], won["form"]) == (1, ["name", "size"])
    await here.do("lottery.disqualify", lottery_id=lottery_id, user_id=first, reason="staff")
    second = (await people[first].event("lottery.redrawn"))["winner"]["user_id"]
    assert (await people[second].event("won"))["rank"] == 2
    third = (await people[first].event("lottery.redrawn", 2))["winner"]["user_id"]
    form = {"name": "=1+1", "size": "M"}
    await people[third].do("lottery.claim", lottery_id=lottery_id, form=form)
    assert (
        await people[first].refused("lottery.claim", lottery_id=lottery_id, form=form) == "closed"
    )
    proof = await proof_of(here, lottery_id)
    assert [redraw["reason"] for redraw in proof["redraws"]] == ["disqualified", "unclaimed"]
    check(proof, opened)
    path = f"/v1/rooms/{here.room_id}/lotteries/{lottery_id}/claims"
    _, body = await here.get(path, sub="host", role="host")
    assert [claim["state"] for claim in body["claims"]] == ["disqualified", "unclaimed", "claimed"]
    assert body["claims"][2]["form"] == form
    assert body["claims"][0]["note"] == "staff"
    assert (await here.get(path, sub="help", role="assistant"))[0] == 403
    headers = here.bearer("host", "host")
    async with here.house.session.get(f"{here.url}{path}.csv", headers=headers) as answer:
        assert "'=1+1,M" in (await answer.read()).decode()
    _, mine = await here.get("/v1/me/wins", sub=third)
    assert mine["wins"][0]["claim"]["form"] == form
