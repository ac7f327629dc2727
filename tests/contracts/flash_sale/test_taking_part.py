"""Who may buy, pauses, which hold is given again, how long one lasts while its payment is made."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from flash_sale.eligibility import Buyer, Eligibility
from flash_sale.errors import Refused
from flash_sale.sale import SaleSpec
from tests.contracts.flash_sale.shop import ROOM, START_MS, Shop, sku


async def test_roles_and_tiers_are_judged_by_the_token(shop: Shop) -> None:
    rules = Eligibility(roles=("member", "host"), tiers=("gold",))
    sale = await shop.open_sale(eligibility=rules)
    assert sale.eligibility == rules
    assert (await shop.buy("ann", role="member")).code == "not_eligible"
    assert (await shop.buy("ann", tier="gold")).code == "not_eligible"
    assert (await shop.buy("ann", role="member", tier="gold")).code == "held"


async def test_only_who_has_paid_before_may_buy(shop: Shop, redis: Redis) -> None:
    """Asked in SQL, remembered; a hold that was not paid does not count."""
    await shop.open_sale("s1")
    order_id = await shop.hold("ann")
    await shop.hold("bob")
    await shop.callback(await shop.begin(order_id, "ann"), order_id)
    await shop.open_sale("s2", eligibility=Eligibility(bought_before=True))
    codes = [(await shop.buy(user, sale_id="s2")).code for user in ("ann", "bob", "ann")]
    assert codes == ["held", "not_eligible", "held"]


async def test_who_may_not_buy_may_not_wait_either(shop: Shop) -> None:
    await shop.open_sale(stock=1, eligibility=Eligibility(follower=True, roles=("viewer",)))
    follower = Buyer("ann", follower=True)
    assert (await shop.sale.engine.reserve("s1", follower, [("a", 1)], "k")).code == "held"
    assert await shop.sale.offers.join("s1", Buyer("cy", follower=True), "a", 1) == 0
    for stranger in (Buyer("bob"), Buyer("eve", "guest", follower=True)):
        with pytest.raises(Refused, match="not_eligible"):
            await shop.sale.offers.join("s1", stranger, "a", 1)
        with pytest.raises(Refused, match="not_eligible"):
            await shop.sale.engine.require_eligible("s1", stranger)
    with pytest.raises(Refused, match="not_found"):
        await shop.sale.engine.require_eligible("none", follower)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "rules",
    [
        Eligibility(roles=("a b",)),
        Eligibility(tiers=tuple(f"t{n}" for n in range(21))),
    ],
)
async def test_what_cannot_be_judged_is_refused_at_creation(shop: Shop, rules: Eligibility) -> None:
    spec = SaleSpec("s1", (sku("a"),), eligibility=rules)
    with pytest.raises(Refused) as refusal:
        await shop.sale.desk.create(spec, ROOM, shop.now_ms)
    assert refusal.value.code == "bad_request"


async def test_a_paused_sale_sells_nothing_and_keeps_its_holds(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await shop.hold("ann")
    paused = await shop.sale.desk.pause("s1")
    assert paused.paused
    assert (await shop.sale.desk.pause("s1")).rev == paused.rev
    assert (await shop.buy("bob")).code == "paused"
    assert (await shop.buy("ann")).code == "held"  # the answer she had
    await shop.callback(await shop.begin(order_id, "ann"), order_id)
    [(due, _, _)] = await shop.sale.desk.due()
    assert due.paused
    assert not (await shop.sale.desk.resume("s1")).paused
    assert (await shop.buy("bob")).code == "held"
    await shop.sale.desk.stop("s1")
    with pytest.raises(Refused):
        await shop.sale.desk.pause("s1")


async def test_a_pause_outlives_the_loss_of_redis(shop: Shop, redis: Redis) -> None:
    await shop.open_sale()
    await shop.sale.desk.pause("s1")
    await redis.flushall()
    await shop.sale.recovery.step()
    assert (await shop.buy("bob")).code == "paused"


async def test_the_hold_at_the_limit_is_given_again_under_any_key(shop: Shop, redis: Redis) -> None:
    """Byte for byte, on any worker, also after Redis lost everything; not once it is over."""
    await shop.open_sale(per_user=1)
    first = await shop.buy("ann", "k1")
    other = shop.another_worker()
    assert (await other.buy("ann", "k2")).raw == first.raw
    assert (await other.buy("ann", "k3", lines=[("a", 2)])).code == "limit_reached"
    assert await shop.pieces() == (9, 1, 0)
    await shop.drain()
    await redis.flushall()
    await shop.sale.recovery.step()
    assert (await shop.buy("ann", "k4")).raw == first.raw
    order_id = str(first.held["order_id"])  # type: ignore[index]
    await shop.callback(await shop.begin(order_id, "ann"), order_id)
    assert (await shop.buy("ann", "k5")).code == "limit_reached"
    for key in ("k1", "k2", "k4"):
        assert (await shop.buy("ann", key)).raw == first.raw
    assert await shop.pieces() == (9, 0, 1)


async def test_a_hold_lasts_a_while_longer_when_its_payment_begins(shop: Shop) -> None:
    """Once, and no longer than hold and cap together, whatever is begun after."""
    await shop.open_sale(hold_s=100)
    order_id = await shop.hold("ann")
    shop.now_ms += 60_000
    await shop.begin(order_id, "ann")
    order = await shop.sale.checkout.order(order_id)
    await shop.drain()
    assert (await shop.sale.checkout.order(order_id))["expires_ms"] == START_MS + 160_000
    assert order["status"] == "placed"
    assert shop.orders_seen[-1]["expires_ms"] == START_MS + 160_000
    shop.now_ms += 30_000
    await shop.begin(order_id, "ann")
    shop.now_ms = START_MS + 159_999
    assert await shop.sale.sweeper.step() == 0
    shop.now_ms += 1
    assert await shop.sale.sweeper.step() == 1
    assert await shop.pieces() == (10, 0, 0)


async def test_a_bank_that_never_answers_keeps_a_hold_only_up_to_the_cap(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the pieces go on sale again; money that comes after all still finds its end."""
    await shop.open_sale(hold_s=100)
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")

    async def silent(payment: object) -> None:
        raise TimeoutError

    bank = shop.sale.checkout._providers["sandbox"]
    monkeypatch.setattr(bank, "query", silent)
    shop.now_ms = START_MS + 199_999
    assert await shop.sale.sweeper.step() == 0
    assert await shop.pieces() == (9, 1, 0)
    shop.now_ms += 1
    assert await shop.sale.sweeper.step() == 1
    assert await shop.pieces() == (10, 0, 0)
    monkeypatch.undo()
    assert (await shop.callback(payment_id, order_id)).status == "paid"
    assert await shop.pieces() == (9, 0, 1)


async def test_recovery_leaves_a_sale_alone_that_is_being_created(shop: Shop) -> None:
    """Else what was bought in the moment between would be wiped out with its stock."""
    stock, begin = shop.sale.stock, shop.sale.stock.begin
    looked = asyncio.Event()
    footings = stock.footings

    async def look_before(sale_ids: list[str]) -> object:
        stock.footings = footings  # type: ignore[method-assign]
        found = await footings(sale_ids)
        looked.set()
        await opened.wait()
        return found

    async def begin_after(*args: object, **named: object) -> bool:
        recovering.append(asyncio.create_task(shop.sale.recovery.step()))
        await looked.wait()
        done = await begin(*args, **named)  # type: ignore[arg-type]
        stock.begin = begin  # type: ignore[method-assign]
        return done

    opened, recovering = asyncio.Event(), []  # type: ignore[var-annotated]
    stock.footings, stock.begin = look_before, begin_after  # type: ignore[method-assign,assignment]
    await shop.open_sale()
    order_id = await shop.hold("ann")
    opened.set()
    assert await recovering[0] == 0
    assert await shop.order_status(order_id) == "held"
    assert await shop.pieces() == (9, 1, 0)


async def test_the_audit_waits_for_a_sale_that_is_being_laid_down(shop: Shop, redis: Redis) -> None:
    """A moment without stock, or with half of the records back, is no imbalance."""
    await shop.open_sale()
    await shop.hold("ann")
    await shop.drain()
    load = shop.sale.stock.load
    audits = []

    async def load_slowly(*args: object) -> bool:
        audits.append(asyncio.create_task(shop.audit()))
        await asyncio.sleep(0.1)  # the audit looks at the half-built sale meanwhile
        return await load(*args)  # type: ignore[arg-type]

    shop.sale.stock.load = load_slowly  # type: ignore[method-assign,assignment]
    await redis.flushall()
    waiting = asyncio.create_task(shop.audit())
    await shop.sale.recovery.step()
    assert (await waiting)["balanced"]
    assert all([(await audit)["balanced"] for audit in audits])
    assert await shop.sale.auditor.watch() == {"s1": 0}
