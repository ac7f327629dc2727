"""The WeChat Pay adapter against its published rules."""

from __future__ import annotations

import dataclasses

import pytest

from flash_sale.errors import Refused
from flash_sale.payments import Payment, PaymentStatus
from flash_sale.refunds import Refund, RefundStatus
from tests.flash_sale.gateways import WechatGateway

NOW_MS = 1_800_000_000_000
PAYMENT = Payment("p1", "o1-a", "wechat", 100, "CNY", PaymentStatus.PENDING, NOW_MS)
REFUND = Refund("rf-1", "p1", "o1-a", 40, "CNY", "damaged", NOW_MS)


@pytest.fixture
def gateway() -> WechatGateway:
    return WechatGateway()


async def test_an_order_is_opened_with_a_signed_request(gateway: WechatGateway) -> None:
    opened = await gateway.provider().create(PAYMENT, NOW_MS + 300_000)
    assert opened.cashier_url == "weixin://wxpay/bizpayurl?pr=p1"
    assert gateway.orders["p1"]["amount"] == {"total": 100, "currency": "CNY"}
    assert gateway.orders["p1"]["time_expire"] == "2027-01-15T16:05:00+08:00"
    dollars = dataclasses.replace(PAYMENT, currency="USD")
    with pytest.raises(Refused, match="bad_request"):
        await gateway.provider().create(dollars, NOW_MS)


def test_a_signed_and_sealed_notice_is_believed(gateway: WechatGateway) -> None:
    headers, body = gateway.letter("p1", "o1-a", NOW_MS)
    assert b"out_trade_no" not in body
    news = gateway.provider().verify_callback(headers, body, NOW_MS)
    assert news is not None
    assert (news.payment_id, news.order_id, news.status) == ("p1", "o1-a", "succeeded")
    assert (news.amount_cents, news.currency, news.event_id) == (100, "CNY", "EV-1")
    lower = {name.lower(): text for name, text in headers.items()}
    assert gateway.provider().verify_callback(lower, body, NOW_MS) == news


@pytest.mark.parametrize("skew_s", [-301, 301])
def test_five_minutes_are_the_limit(gateway: WechatGateway, skew_s: int) -> None:
    at_s = NOW_MS // 1000
    inside = gateway.letter("p1", "o1-a", NOW_MS, at_s=at_s + skew_s - skew_s // 301)
    assert gateway.provider().verify_callback(*inside, NOW_MS) is not None
    outside = gateway.letter("p1", "o1-a", NOW_MS, at_s=at_s + skew_s)
    with pytest.raises(Refused, match="stale_signature"):
        gateway.provider().verify_callback(*outside, NOW_MS)


@pytest.mark.parametrize(
    ("kind", "state", "status"),
    [
        ("TRANSACTION.SUCCESS", "SUCCESS", "succeeded"),
        ("TRANSACTION.SUCCESS", "REFUND", "succeeded"),
        ("TRANSACTION.SUCCESS", "CLOSED", "closed"),
        ("TRANSACTION.SUCCESS", "PAYERROR", "failed"),
        ("TRANSACTION.SUCCESS", "USERPAYING", None),
        ("REFUND.SUCCESS", "SUCCESS", None),
    ],
)
def test_what_a_notice_says(
    gateway: WechatGateway, kind: str, state: str, status: str | None
) -> None:
    letter = gateway.letter("p1", "o1-a", NOW_MS, kind=kind, trade_state=state)
    news = gateway.provider().verify_callback(*letter, NOW_MS)
    assert (news.status if news else None) == status


async def test_asking_and_closing(gateway: WechatGateway) -> None:
    provider = gateway.provider()
    assert await provider.query(PAYMENT) is None
    assert await provider.close(PAYMENT)
    await provider.create(PAYMENT, NOW_MS)
    assert await provider.query(PAYMENT) is None
    gateway.orders["p1"]["trade_state"] = "SUCCESS"
    news = await provider.query(PAYMENT)
    assert news is not None
    assert (news.status, news.amount_cents) == ("succeeded", 100)
    assert not await provider.close(PAYMENT)
    gateway.orders["p1"]["trade_state"] = "NOTPAY"
    assert await provider.close(PAYMENT)
    assert gateway.orders["p1"]["trade_state"] == "CLOSED"


async def test_an_answer_somebody_else_signed_is_no_answer(gateway: WechatGateway) -> None:
    await gateway.provider().create(PAYMENT, NOW_MS)
    gateway.orders["p1"]["trade_state"] = "SUCCESS"
    gateway.signer = "eve"
    with pytest.raises(Refused, match="bad_signature"):
        await gateway.provider().query(PAYMENT)


async def test_a_refund_asked_for_twice_is_one(gateway: WechatGateway) -> None:
    provider = gateway.provider()
    gateway.refund_status = "PROCESSING"
    assert await provider.refund(REFUND, PAYMENT) is RefundStatus.PENDING
    gateway.refund_status = "SUCCESS"
    assert await provider.refund(REFUND, PAYMENT) is RefundStatus.SUCCEEDED
    assert gateway.refunds == {"rf-1": 40}
    gateway.refund_status = "ABNORMAL"  # may still succeed after a person looked
    assert await provider.refund(REFUND, PAYMENT) is RefundStatus.PENDING
    gateway.refund_status = "CLOSED"
    assert await provider.refund(REFUND, PAYMENT) is RefundStatus.FAILED
