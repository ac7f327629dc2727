"""The Stripe adapter against Stripe's published rules."""

from __future__ import annotations

import dataclasses

import pytest

from flash_sale.errors import Refused
from flash_sale.payments import Payment, PaymentStatus
from flash_sale.refunds import Refund, RefundStatus
from tests.flash_sale.gateways import StripeGateway

NOW_MS = 1_800_000_000_000
PAYMENT = Payment("p1", "o1-a", "stripe", 100, "CNY", PaymentStatus.PENDING, NOW_MS)
REFUND = Refund("rf-1", "p1", "o1-a", 40, "CNY", "damaged", NOW_MS)


@pytest.fixture
def gateway() -> StripeGateway:
    return StripeGateway()


async def opened(gateway: StripeGateway) -> Payment:
    there = await gateway.provider().create(PAYMENT, NOW_MS + 300_000)
    assert there.cashier_url.startswith("https://checkout.stripe.com/")
    return dataclasses.replace(PAYMENT, reference=there.reference)


async def test_opening_twice_opens_one_session(gateway: StripeGateway) -> None:
    assert await opened(gateway) == await opened(gateway)
    assert len(gateway.sessions) == 1
    assert gateway.sessions["cs_0"]["amount_total"] == 100


def test_the_published_example_of_a_signature_is_believed(gateway: StripeGateway) -> None:
    headers, body = gateway.letter("p1", "o1-a", NOW_MS)
    news = gateway.provider().verify_callback(headers, body, NOW_MS)
    assert news is not None
    assert (news.payment_id, news.order_id, news.status) == ("p1", "o1-a", "succeeded")
    assert (news.amount_cents, news.currency, news.event_id) == (100, "CNY", "evt_1")


def test_one_good_signature_of_several_is_enough(gateway: StripeGateway) -> None:
    """While a secret is being replaced Stripe signs with both."""
    _, body = gateway.letter("p1", "o1-a", NOW_MS)
    at_s = NOW_MS // 1000
    good = gateway.digest(body, at_s)
    both = {"stripe-signature": f"t={at_s},v1={'0' * 64},v1={good},v0={'1' * 64}"}
    assert gateway.provider().verify_callback(both, body, NOW_MS) is not None
    old_scheme = {"Stripe-Signature": f"t={at_s},v0={good}"}
    with pytest.raises(Refused, match="bad_signature"):
        gateway.provider().verify_callback(old_scheme, body, NOW_MS)


@pytest.mark.parametrize(("skew_s", "code"), [(300, None), (-300, None), (301, 1), (-301, 1)])
def test_the_tolerance_is_five_minutes(
    gateway: StripeGateway, skew_s: int, code: int | None
) -> None:
    headers, body = gateway.letter("p1", "o1-a", NOW_MS, at_s=NOW_MS // 1000 + skew_s)
    if code is None:
        assert gateway.provider().verify_callback(headers, body, NOW_MS) is not None
        return
    with pytest.raises(Refused, match="stale_signature"):
        gateway.provider().verify_callback(headers, body, NOW_MS)


@pytest.mark.parametrize(
    ("kind", "changes", "status"),
    [
        ("checkout.session.completed", {}, "succeeded"),
        ("checkout.session.completed", {"payment_status": "unpaid"}, None),
        ("checkout.session.async_payment_succeeded", {}, "succeeded"),
        ("checkout.session.async_payment_failed", {"payment_status": "unpaid"}, "failed"),
        ("checkout.session.expired", {"payment_status": "unpaid", "status": "expired"}, "closed"),
        ("charge.refunded", {}, None),
        ("checkout.session.completed", {"metadata": {}}, None),
    ],
)
def test_what_an_event_says(
    gateway: StripeGateway, kind: str, changes: dict[str, object], status: str | None
) -> None:
    headers, body = gateway.letter("p1", "o1-a", NOW_MS, kind=kind, **changes)
    news = gateway.provider().verify_callback(headers, body, NOW_MS)
    assert (news.status if news else None) == status


async def test_asking_follows_the_session(gateway: StripeGateway) -> None:
    payment = await opened(gateway)
    provider = gateway.provider()
    assert await provider.query(payment) is None
    assert await provider.query(PAYMENT) is None  # nobody was ever told where to pay
    gateway.pay("cs_0")
    news = await provider.query(payment)
    assert news is not None
    assert (news.status, news.amount_cents, news.currency) == ("succeeded", 100, "CNY")


async def test_a_closed_session_cannot_be_paid_and_a_paid_one_not_closed(
    gateway: StripeGateway,
) -> None:
    payment, provider = await opened(gateway), gateway.provider()
    assert await provider.close(payment)
    assert await provider.close(payment)
    news = await provider.query(payment)
    assert news is not None
    assert news.status == "closed"
    gateway.pay("cs_0")
    assert not await provider.close(payment)
    assert await provider.close(PAYMENT)


@pytest.mark.parametrize("key_is_forgotten", [False, True])
async def test_a_refund_asked_for_twice_is_one(
    gateway: StripeGateway, key_is_forgotten: bool
) -> None:
    """Stripe forgets idempotency keys after a day, so the adapter looks first."""
    payment, provider = await opened(gateway), gateway.provider()
    gateway.pay("cs_0")
    gateway.refund_status = "pending"
    assert await provider.refund(REFUND, payment) is RefundStatus.PENDING
    if key_is_forgotten:
        gateway.keys.clear()
    gateway.refunds[0]["status"] = "succeeded"
    assert await provider.refund(REFUND, payment) is RefundStatus.SUCCEEDED
    assert [refund["amount"] for refund in gateway.refunds] == [40]
    other = dataclasses.replace(REFUND, refund_id="rf-2", amount_cents=60)
    gateway.refund_status = "failed"
    assert await provider.refund(other, payment) is RefundStatus.FAILED
