"""Rains and gifts over two workers: exact, the same answer again, and provable by anyone."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from tests.integration.house import Place

Two = tuple[Place, Place]


async def outcome(place: Place, op: str, sub: str, **params: Any) -> dict[str, Any] | str:
    """What was got, or the code of the refusal."""
    _, body = await place.command(op, sub=sub, role="viewer", **params)
    if "ok" in body:
        got: dict[str, Any] = body["ok"]
        return got
    return str(body["err"]["code"])


async def test_a_rain_is_exact_and_can_be_checked_by_anyone(two_places: Two) -> None:
    """Sixty people grab twice at two workers for twenty packets."""
    places = here, there = two_places
    witness = await there.enter("witness")
    started = await here.do("rain.start", total_cents=500, count=20, seconds=300)
    rain_id = started["rain_id"]
    told = (await witness.event("rain.started"))["rain"]
    assert (told["amounts_hash"], told["state"]) == (started["amounts_hash"], "open")
    _, before = await there.get(f"/v1/rains/{rain_id}")
    assert not {"seed", "amounts", "claims"} & before.keys()

    async def twice(nth: int) -> list[dict[str, Any] | str]:
        return [await outcome(places[(nth + n) % 2], "rain.grab", f"u{nth}", rain_id=rain_id)
                for n in range(2)]  # fmt: skip

    got = await asyncio.gather(*(twice(nth) for nth in range(60)))
    assert all(first == again for first, again in got)
    amounts = [first["amount_cents"] for first, _ in got if isinstance(first, dict)]
    assert (len(amounts), sum(amounts), min(amounts) >= 1) == (20, 500, True)
    assert [first for first, _ in got if isinstance(first, str)] == ["none_left"] * 40
    ended = await witness.event("rain.ended")
    assert (ended["claimed_count"], ended["claimed_cents"], ended["returned_cents"]) == (20, 500, 0)
    await witness.until(lambda: witness.state["rain"]["state"] == "ended")
    assert witness.state["rain"]["left"] == 0
    _, proof = await here.get(f"/v1/rains/{rain_id}")
    text = f"{rain_id}:{proof['seed']}:{','.join(map(str, proof['amounts']))}"
    assert hashlib.sha256(text.encode()).hexdigest() == started["amounts_hash"]
    assert [claim["amount_cents"] for claim in proof["claims"]] == proof["amounts"]
    assert sorted(proof["amounts"]) == sorted(amounts)
    lucky = proof["claims"][0]["user_id"]
    _, mine = await there.get("/v1/me/wins", sub=lucky, role="viewer")
    assert [win["amount_cents"] for win in mine["rains"]] == [proof["amounts"][0]]


async def test_a_countdown_and_an_early_end(two_places: Two) -> None:
    """Nobody grabs before the time; what is left goes back once, told once."""
    here, there = two_places
    witness = await there.enter("witness")
    rain = await here.do("rain.start", total_cents=90, count=9, seconds=60, starts_in_s=300)
    assert await outcome(there, "rain.grab", "lin", rain_id=rain["rain_id"]) == "not_started"
    await here.do("rain.stop", rain_id=rain["rain_id"])
    await here.do("rain.stop", rain_id=rain["rain_id"])
    ended = await witness.event("rain.ended")
    assert (ended["claimed_count"], ended["returned_cents"]) == (0, 90)
    await here.do("announce", text="after")
    await witness.event("announcement")
    assert len(witness.of("rain.ended")) == 1


async def test_a_gift_is_first_come_first_served(two_places: Two) -> None:
    """Positions are 1 to N; what is left is shown live, to late joiners too."""
    places = here, there = two_places
    witness = await there.enter("witness")
    gift_id = (await here.do("gift.open", title="杯子", quota=6))["gift_id"]
    await witness.event("gift.opened")
    slow = (await here.do("gift.open", title="tea", quota=1, watch_s=3600))["gift_id"]
    await witness.event("gift.opened", 2)
    assert await outcome(there, "gift.claim", "lin", gift_id=slow) == "not_qualified"
    first = await outcome(here, "gift.claim", "u0", gift_id=gift_id)
    assert isinstance(first, dict)
    assert first["position"] == 1
    await witness.until(lambda: witness.state["gifts"][gift_id]["left"] == 5)
    late = await there.enter("late")
    assert late.state["gifts"][gift_id]["left"] == 5
    got = await asyncio.gather(
        *(outcome(places[nth % 2], "gift.claim", f"u{nth}", gift_id=gift_id) for nth in range(20))
    )
    assert got[0] == first
    positions = [answer["position"] for answer in got if isinstance(answer, dict)]
    assert sorted(positions) == [1, 2, 3, 4, 5, 6]
    assert [answer for answer in got if isinstance(answer, str)] == ["none_left"] * 14
    closed = await witness.event("gift.closed")
    _, proof = await there.get(f"/v1/gifts/{gift_id}")
    running = hashlib.sha256(gift_id.encode()).hexdigest()
    for claim in proof["claims"]:
        running = hashlib.sha256(f"{running}:{claim['user_id']}".encode()).hexdigest()
        assert claim["running_hash"] == running
    assert closed["entries_root"] == proof["entries_root"] == running


async def test_a_gift_asks_for_all_that_a_lottery_can(two_places: Two) -> None:
    """A tier of the token, following, being here: each judged when claiming."""
    here, there = two_places
    asked = {"follow": True, "present": True}
    gift_id = (await here.do("gift.open", title="tea", quota=9, conditions=asked))["gift_id"]
    fan = await there.enter("fan")
    await fan.until(lambda: gift_id in fan.state["gifts"])
    assert await fan.refused("gift.claim", gift_id=gift_id) == "not_qualified"
    await fan.do("host.follow")
    assert (await fan.do("gift.claim", gift_id=gift_id))["position"] == 1
    _, body = await there.command("host.follow", sub="away", role="viewer")
    assert "ok" in body, body
    assert await outcome(there, "gift.claim", "away", gift_id=gift_id) == "not_qualified"
