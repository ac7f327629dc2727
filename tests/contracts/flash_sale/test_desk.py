"""What staff can do with a sale."""

from __future__ import annotations

import pytest

from flash_sale.errors import Refused
from flash_sale.sale import Level, Phase, SaleSpec, SkuSpec, Stage
from flash_sale.storage.sales import LATELY_S, SqlSales
from tests.contracts.flash_sale.shop import ROOM, START_MS, Shop, sku

BASE = 1_010_000_000


def spec(**changes: object) -> SaleSpec:
    return SaleSpec(**{"sale_id": "s1", "skus": (sku("a"),), **changes})  # type: ignore[arg-type]


async def phase(shop: Shop) -> Phase:
    sale = await shop.sale.desk.get("s1")
    assert sale is not None
    return sale.phase(shop.now_ms, await shop.sale.desk.levels("s1"))


async def test_a_sale_goes_from_draft_to_ended_by_the_clock(shop: Shop) -> None:
    desk = shop.sale.desk
    await desk.create(spec(duration_s=60), ROOM, shop.now_ms)
    assert await phase(shop) is Phase.DRAFT
    assert (await shop.buy("ann")).code == "not_started"
    await desk.preheat("s1")
    assert await phase(shop) is Phase.PREHEAT
    sale = await desk.start("s1", 10)
    assert (sale.start_ms, sale.end_ms) == (START_MS + 10_000, START_MS + 70_000)
    assert await phase(shop) is Phase.COUNTDOWN
    shop.now_ms += 9_999
    assert (await shop.buy("ann")).code == "not_started"
    shop.now_ms += 1
    assert await phase(shop) is Phase.LIVE
    assert (await shop.buy("ann", lines=[("a", 10)])).code == "held"
    assert await phase(shop) is Phase.SOLD_OUT
    shop.now_ms += 59_999
    assert (await shop.buy("bob")).code == "sold_out"
    shop.now_ms += 1
    assert await phase(shop) is Phase.ENDED
    assert (await shop.buy("bob")).code == "ended"


async def test_a_planned_sale_preheats_counts_down_and_opens(shop: Shop) -> None:
    await shop.sale.desk.create(spec(start=START_MS + 600_000), ROOM, shop.now_ms)
    assert await phase(shop) is Phase.PREHEAT
    shop.now_ms += 300_000
    assert await phase(shop) is Phase.COUNTDOWN
    shop.now_ms += 300_000
    assert (await shop.buy("ann")).code == "held"


async def test_due_tells_each_phase_until_it_was_announced(shop: Shop) -> None:
    await shop.open_sale(stock=1)
    [(sale, its_phase, levels)] = await shop.sale.desk.due()
    assert (sale.sale_id, its_phase, levels) == ("s1", Phase.LIVE, {"a": Level(1, BASE)})
    await shop.sale.desk.announced(sale, Phase.LIVE)
    assert await shop.sale.desk.due() == []
    await shop.buy("ann")
    [(_, its_phase, _)] = await shop.sale.desk.due()
    assert its_phase is Phase.SOLD_OUT


async def test_moves_from_the_wrong_stage_are_conflicts(shop: Shop) -> None:
    await shop.open_sale()
    for act in (shop.sale.desk.preheat, shop.sale.desk.start):
        with pytest.raises(Refused) as refusal:
            await act("s1")
        assert refusal.value.code == "conflict"
    await shop.sale.desk.stop("s1")
    with pytest.raises(Refused):
        await shop.sale.desk.stop("s1")


async def test_a_sale_id_is_taken_once(shop: Shop) -> None:
    await shop.open_sale(stock=10)
    with pytest.raises(Refused) as refusal:
        await shop.open_sale(stock=11)
    assert refusal.value.code == "conflict"
    with pytest.raises(Refused) as refusal:
        await shop.sale.desk.create(spec(), "another-room", shop.now_ms)
    assert refusal.value.code == "conflict"


async def test_a_sale_asked_for_again_is_the_one_that_was_made(shop: Shop) -> None:
    first = await shop.open_sale(stock=10)
    await shop.hold("ann")
    again = await shop.open_sale(stock=10)
    assert (again.number, again.start_ms) == (first.number, first.start_ms)
    assert (await shop.sale.desk.levels("s1"))["a"].left == 9
    await shop.sale.desk.stop("s1")
    assert (await shop.open_sale(stock=10)).stage is Stage.STOPPED


async def test_a_sale_asked_for_again_waits_for_stock_that_redis_lost(shop: Shop) -> None:
    """As after an answer that never came: Redis may lack the sale, and may have sold of it."""
    await shop.open_sale(stock=10)
    await shop.hold("ann")
    await shop.sale.consumer.step()
    await shop.redis.flushall()
    with pytest.raises(Refused) as refusal:
        await shop.open_sale(stock=10)
    assert refusal.value.code == "unknown_outcome"
    assert await shop.sale.recovery.step() == 1
    await shop.open_sale(stock=10)
    assert (await shop.sale.desk.levels("s1"))["a"].left == 9


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "changes",
    [
        {"sale_id": "a/b"},
        {"skus": ()},
        {"skus": (sku("a"), sku("a"))},
        {"skus": (sku("a", stock=-1),)},
        {"skus": (sku("a", stock=1_000_001),)},
        {"skus": (sku("a", cents=-1),)},
        {"skus": (SkuSpec("a", "p", "t", 1, True),)},
        {"skus": (SkuSpec("a", "p", "t", 1, 1.5),)},  # type: ignore[arg-type]
        {"skus": (sku("a b"),)},
        {"start": "soon"},
        {"start": -5},
        {"duration_s": 0},
        {"hold_s": 10, "pay_s": 11},
        {"currency": "yuan"},
    ],
)
async def test_a_senseless_sale_is_refused_and_not_stored(
    shop: Shop, changes: dict[str, object]
) -> None:
    with pytest.raises(Refused) as refusal:
        await shop.sale.desk.create(spec(**changes), ROOM, shop.now_ms)
    assert refusal.value.code == "bad_request"
    assert await shop.sale.desk.for_room(ROOM) == []


async def test_restock_and_write_off_keep_the_books(shop: Shop) -> None:
    await shop.open_sale(stock=2)
    desk = shop.sale.desk
    await shop.buy("ann", lines=[("a", 2)])
    assert await desk.restock("s1", "a", 5, actor="host", reason="found some") == (5, BASE + 2)
    assert await desk.write_off("s1", "a", 4, actor="host", key="w1") == (1, BASE + 3)
    assert await desk.write_off("s1", "a", 4, actor="host", key="w1") == (1, BASE + 3)
    assert await shop.pieces() == (1, 2, 0)
    assert shop.stock_seen[-2:] == [{"a": (1, BASE + 3)}] * 2
    for act, code in (
        (desk.write_off("s1", "a", 2, actor="host"), "conflict"),
        (desk.write_off("s1", "a", 1, actor="host", key="w1"), "key_reused"),
        (desk.restock("s1", "a", 0, actor="host"), "bad_request"),
        (desk.restock("s1", "a", True, actor="host"), "bad_request"),
        (desk.restock("s1", "a", 1_000_000, actor="host"), "conflict"),
        (desk.restock("s1", "zz", 1, actor="host"), "not_found"),
        (desk.restock("nope", "a", 1, actor="host"), "not_found"),
    ):
        with pytest.raises(Refused) as refusal:
            await act
        assert refusal.value.code == code
    assert await shop.pieces() == (1, 2, 0)


async def test_a_later_sale_of_the_same_sku_has_higher_stock_versions(shop: Shop) -> None:
    """Else viewers would take its stock for older news."""
    await shop.open_sale("s1", stock=3)
    await shop.buy("ann")
    await shop.open_sale("s2", stock=3)
    first = (await shop.sale.desk.levels("s1"))["a"]
    second = (await shop.sale.desk.levels("s2"))["a"]
    assert second.v > first.v


async def test_a_sale_looks_like_this_to_the_room(shop: Shop) -> None:
    await shop.open_sale(stock=1, per_user=1)
    await shop.buy("ann")
    [sale] = await shop.sale.desk.for_room(ROOM)
    levels = await shop.sale.desk.levels("s1")
    assert sale.to_wire(sale.phase(shop.now_ms, levels), levels) == {
        "sale_id": "s1",
        "phase": "sold_out",
        "start_ms": START_MS,
        "end_ms": START_MS + 600_000,
        "duration_s": 600,
        "hold_s": 330,
        "pay_s": 300,
        "paused": False,
        "rev": 1,
        "eligibility": {},
        "skus": [
            {
                "sku_id": "a",
                "product_id": "p-a",
                "title": "Product a",
                "image": "",
                "list_cents": 200,
                "sale_cents": 100,
                "per_user": 1,
                "stock": 1,
                "currency": "CNY",
                "sold_out": True,
            }
        ],
    }


async def test_who_looks_often_sees_at_once_what_this_worker_wrote(shop: Shop) -> None:
    sales = SqlSales(shop.database)
    assert await sales.open_sales_lately() == []
    await sales.add_sale(spec(), ROOM, shop.now_ms)
    assert [progress.sale.sale_id for progress in await sales.open_sales_lately()] == ["s1"]
    await sales.retire("s1")
    assert await sales.open_sales_lately() == []


async def test_who_looks_often_sees_a_moment_later_what_another_worker_wrote(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_s = 1000.0
    monkeypatch.setattr("flash_sale.storage.sales.monotonic", lambda: at_s)
    sales = SqlSales(shop.database)
    assert await sales.open_sales_lately() == []
    await SqlSales(shop.database).add_sale(spec(), ROOM, shop.now_ms)
    at_s += LATELY_S
    assert await sales.open_sales_lately() == []
    at_s += 0.001
    assert [progress.sale.sale_id for progress in await sales.open_sales_lately()] == ["s1"]
    assert len(await sales.open_sales()) == 1
