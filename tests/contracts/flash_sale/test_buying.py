"""What a buyer is told, and what stock does then."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused
from flash_sale.reserve import Answer
from flash_sale.storage import keys
from tests.contracts.flash_sale.shop import START_MS, Shop, sku

# The scripts decide here; SQL only has to know the sale.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

BASE = 1_010_000_000  # the first stock version of the first sale's first generation


async def test_a_won_buy_says_everything_about_the_hold(shop: Shop) -> None:
    await shop.open_sale(stock=3)
    answer = await shop.buy("ann", lines=[{"sku_id": "a", "qty": 2}])
    assert answer.code == "held"
    assert answer.held == {
        "status": "held",
        "reservation_id": "r1-t1",
        "order_id": "o1-t1",
        "amount_cents": 200,
        "currency": "CNY",
        "expires_ms": START_MS + 330_000,
        "pay_by_ms": START_MS + 300_000,
        "left": {"a": 1},
    }
    assert shop.stock_seen == [{"a": (1, BASE + 1)}]


@pytest.mark.parametrize("stock", [0, 1])
async def test_exactly_the_stock_can_be_bought(shop: Shop, stock: int) -> None:
    """The last piece is sold, and not one more."""
    await shop.open_sale(stock=stock)
    codes = [(await shop.buy(f"u{n}")).code for n in range(3)]
    assert codes == ["held"] * stock + ["sold_out"] * (3 - stock)
    assert await shop.pieces() == (0, stock, 0)


async def test_the_same_key_gives_the_same_bytes_for_ever(shop: Shop) -> None:
    """Also from another worker, after the sale ended, and after the stock changed."""
    await shop.open_sale(stock=5)
    first = await shop.buy("ann")
    await shop.buy("bob")
    await shop.sale.desk.stop("s1")
    other = shop.another_worker()
    assert (await other.buy("ann")).raw == first.raw
    assert (await other.buy("cy")).code == "ended"
    assert await shop.pieces() == (3, 2, 0)


async def test_a_key_belongs_to_one_person_and_one_request(shop: Shop) -> None:
    await shop.open_sale(stock=5)
    assert (await shop.buy("ann", "k")).code == "held"
    assert (await shop.buy("ann", "k", lines=[("a", 2)])).code == "key_reused"
    assert (await shop.buy("bob", "k")).code == "held"


async def test_the_limit_counts_every_worker_and_is_freed_once(shop: Shop) -> None:
    await shop.open_sale(stock=9, per_user=2)
    other = shop.another_worker()
    order_id = await shop.hold("ann", "k1")
    assert (await other.buy("ann", "k2")).code == "held"
    assert (await other.buy("ann", "k3", lines=[("a", 2)])).code == "limit_reached"
    for _ in range(3):
        await shop.sale.checkout.cancel(order_id, "ann", shop.now_ms)
    assert (await other.buy("ann", "k4")).code == "held"
    assert (await other.buy("ann", "k5", lines=[("a", 2)])).code == "limit_reached"
    assert await shop.pieces() == (7, 2, 0)


async def test_several_lines_are_held_together_or_not_at_all(shop: Shop) -> None:
    await shop.open_sale(skus=(sku("a", stock=5), sku("b", stock=1, cents=50)))
    first = await shop.buy("ann", lines=[("a", 2), ("b", 1)])
    assert first.held is not None
    assert first.held["amount_cents"] == 250
    assert first.held["left"] == {"a": 3, "b": 0}
    assert (await shop.buy("bob", lines=[("a", 1), ("b", 1)])).code == "sold_out"
    assert await shop.pieces("a") == (3, 2, 0)


async def test_two_lines_of_one_sku_are_one_wish(shop: Shop) -> None:
    await shop.open_sale(stock=3)
    assert (await shop.buy("ann", lines=[("a", 2), ("a", 2)])).code == "sold_out"
    assert (await shop.buy("ann", "k2", lines=[("a", 1), ("a", 2)])).code == "held"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([], "bad_request"),
        ([("a", 0)], "bad_request"),
        ([("a", -1)], "bad_request"),
        ([("a", 1.0)], "bad_request"),
        ([("a", True)], "bad_request"),
        ([("a", "1")], "bad_request"),
        ([("a", 2**53 + 1)], "bad_request"),
        ([("a", 2**63)], "bad_request"),
        ([("a", float("nan"))], "bad_request"),
        ([("a", 1000)], "bad_request"),
        ([("a", 1)] * 21, "bad_request"),
        ([("a",)], "bad_request"),
        ([("a:b", 1)], "bad_request"),
        ([{"sku_id": "a"}], "bad_request"),
        ([("zz", 1)], "not_found"),
    ],
)
async def test_senseless_lines_change_nothing(shop: Shop, lines: object, code: str) -> None:
    await shop.open_sale(stock=3)
    assert (await shop.buy("ann", lines=lines)).code == code
    assert await shop.pieces() == (3, 0, 0)


async def test_keys_are_short_and_visible(shop: Shop) -> None:
    await shop.open_sale()
    for key in ("", "k" * 129, "a b", "a\n", "é"):
        assert (await shop.buy("ann", key)).code == "bad_request"


async def test_a_sale_nobody_made_is_not_found(shop: Shop) -> None:
    assert (await shop.buy("ann", sale_id="nope")).code == "not_found"


async def test_a_full_batch_of_the_longest_requests_is_decided(shop: Shop) -> None:
    """256 buyers × 20 lines: the largest script call there can be."""
    wares = tuple(sku(f"s{n}", stock=10_000) for n in range(20))
    await shop.open_sale(skus=wares)
    lines = [(f"s{n}", 1) for n in range(20)]
    answers = await asyncio.gather(*(shop.buy(f"u{n}", lines=lines) for n in range(256)))
    assert {answer.code for answer in answers} == {"held"}
    assert await shop.pieces("s19") == (9_744, 256, 0)
    assert len(shop.stock_seen) == 1


@pytest.mark.parametrize("stock", [1, 7, 100])
async def test_300_buyers_on_two_workers_get_exactly_the_stock(shop: Shop, stock: int) -> None:
    await shop.open_sale(stock=stock)
    other = shop.another_worker()
    answers: list[Answer] = await asyncio.gather(
        *(worker.buy(f"u{n}") for n in range(300) for worker in ((shop, other)[n % 2],))
    )
    codes = [answer.code for answer in answers]
    assert codes.count("held") == stock
    assert codes.count("sold_out") == 300 - stock
    assert await shop.pieces() == (0, stock, 0)
    versions = [level.v for seen in shop.stock_seen + other.stock_seen for level in seen.values()]
    assert len(set(versions)) == len(versions)


async def test_a_silent_redis_means_unknown_and_the_key_tells_later(
    shop: Shop, redis: Redis
) -> None:
    """The paused call may still be applied; asked again with its key it counts once."""
    await shop.open_sale(stock=5)
    await redis.client_pause(3000, all=False)  # writes wait, as after a stalled disk
    answers = await asyncio.gather(*(shop.buy(f"u{n}") for n in range(3)))
    assert {(answer.code, answer.retry_ms) for answer in answers} == {("unknown_outcome", 1000)}
    await redis.client_unpause()
    again = await asyncio.gather(*(shop.buy(f"u{n}") for n in range(3)))
    assert {answer.code for answer in again} == {"held"}
    assert await shop.pieces() == (2, 3, 0)


async def test_a_key_of_the_wrong_type_stops_the_script_before_it_writes(
    shop: Shop, redis: Redis
) -> None:
    """Redis does not roll back: nothing may be half done."""
    await shop.open_sale(stock=5)
    await redis.set(keys.holds("s1"), "not a sorted set")
    assert (await shop.buy("ann")).code == "unknown_outcome"
    await redis.delete(keys.holds("s1"))
    assert await shop.pieces() == (5, 0, 0)
    assert (await shop.buy("ann")).code == "held"


async def test_past_the_waiting_limit_nothing_is_sent(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flash_sale.reserve.WAITING_REQUESTS_MAX", 3)
    await shop.open_sale(stock=10)
    answers = await asyncio.gather(*(shop.buy(f"u{n}") for n in range(5)))
    assert [answer.code for answer in answers] == ["held"] * 3 + ["unavailable"] * 2
    assert await shop.pieces() == (7, 3, 0)


async def test_forgotten_scripts_are_loaded_again(shop: Shop, redis: Redis) -> None:
    await shop.open_sale(stock=5)
    await shop.buy("ann")
    await redis.script_flush()
    assert (await shop.buy("bob")).code == "held"


async def test_closing_waits_for_the_batch_in_flight(shop: Shop) -> None:
    await shop.open_sale(stock=5)
    buying = asyncio.ensure_future(shop.sale.engine.reserve("s1", Buyer("ann"), [("a", 1)], "k"))
    await asyncio.sleep(0)  # lets it begin
    await shop.sale.close()
    assert buying.done()
    assert (await buying).code == "held"


async def test_by_redis_own_clock_a_sale_starts_after_its_countdown(
    shop: Shop, redis: Redis
) -> None:
    """The worker's clock does not matter: production passes none."""
    shop.sale.engine._now_ms = None
    shop.sale.desk._now_ms = None
    await shop.open_sale(stock=5)
    assert (await shop.buy("ann")).code == "held"
    seconds, _ = await redis.time()
    sale = await shop.sale.desk.get("s1")
    assert sale is not None
    assert abs((sale.start_ms or 0) - seconds * 1000) < 60_000


async def test_an_unknown_sale_of_a_silent_database_is_no_crash(shop: Shop) -> None:
    """The directory asks SQL; when SQL refuses, the buyer is told to ask again."""

    async def away(sale_id: str) -> None:
        raise Refused("unavailable", "away")

    shop.sale.engine._directory.find = away  # type: ignore[method-assign,assignment]
    assert (await shop.buy("ann")).code == "unknown_outcome"
