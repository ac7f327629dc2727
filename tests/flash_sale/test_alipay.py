"""The Alipay adapter against its published rules."""

from __future__ import annotations

import base64
import dataclasses
from urllib.parse import urlsplit

import orjson
import pytest
from alipay.aop.api.util.SignatureUtils import get_sign_content, sign_with_rsa2
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from flash_sale.errors import Refused
from flash_sale.payments import Payment, PaymentStatus
from flash_sale.providers.alipay import AlipayTrouble, cents, yuan
from flash_sale.refunds import Refund, RefundStatus
from tests.flash_sale.gateways import AlipayGateway, private_pem, public_pem

NOW_MS = 1_800_000_000_000
PAYMENT = Payment("p1", "o1-a", "alipay", 100, "CNY", PaymentStatus.PENDING, NOW_MS)
REFUND = Refund("rf-1", "p1", "o1-a", 40, "CNY", "damaged", NOW_MS)
TRADE = {"out_trade_no": "p1", "trade_status": "WAIT_BUYER_PAY", "total_amount": "1.00"}


@pytest.fixture
def gateway() -> AlipayGateway:
    return AlipayGateway()


@given(st.integers(0, 10**12 - 1))
def test_sums_survive_the_way_to_yuan_and_back(amount_cents: int) -> None:
    assert cents(yuan(amount_cents)) == amount_cents


@pytest.mark.parametrize(("text", "amount"), [("1", 100), ("0.1", 10), ("88.88", 8888), ("0", 0)])
def test_short_forms_of_a_sum_are_exact(text: str, amount: int) -> None:
    assert cents(text) == amount


@pytest.mark.parametrize(
    "text", ["", "1.", ".5", "1.005", "-1.00", "+1", "1e2", "01.00", "１", "1,0"]
)
def test_other_texts_are_no_sum(text: str) -> None:
    with pytest.raises(Refused, match="bad_request"):
        cents(text)


async def test_the_buyer_carries_a_signed_order(gateway: AlipayGateway) -> None:
    opened = await gateway.provider().create(PAYMENT, NOW_MS + 300_000)
    fields = gateway.checked(urlsplit(opened.cashier_url).query)
    assert fields["method"] == "alipay.trade.page.pay"
    assert fields["timestamp"] == "2027-01-15 16:00:00"
    assert orjson.loads(fields["biz_content"]) == {
        "out_trade_no": "p1",
        "product_code": "FAST_INSTANT_TRADE_PAY",
        "total_amount": "1.00",
        "subject": "Order o1-a",
        "passback_params": "o1-a",
        "time_expire": "2027-01-15 16:05:00",
    }
    opened = await gateway.provider(product="wap").create(PAYMENT, NOW_MS)
    assert gateway.checked(urlsplit(opened.cashier_url).query)["method"] == "alipay.trade.wap.pay"
    with pytest.raises(Refused, match="bad_request"):
        await gateway.provider().create(dataclasses.replace(PAYMENT, currency="USD"), NOW_MS)


def test_our_signature_is_the_official_librarys(gateway: AlipayGateway) -> None:
    fields = gateway.provider()._signed("alipay.trade.query", {"out_trade_no": "p1"})
    signature = fields.pop("sign")
    traditional = private_pem("app", PrivateFormat.TraditionalOpenSSL)
    official = sign_with_rsa2(traditional, get_sign_content(fields), "utf-8")
    assert signature == official


@pytest.mark.parametrize("layout", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_keys_may_be_given_as_alipay_shows_them(
    gateway: AlipayGateway, layout: PrivateFormat
) -> None:
    """Base64 on one line without a frame, or PEM."""
    bare = "".join(private_pem("app", layout).splitlines()[1:-1])
    public = "".join(public_pem("alipay").splitlines()[1:-1])
    provider = gateway.provider(private_key=bare, public_key=public)
    letter = gateway.letter("p1", "o1-a", NOW_MS)
    assert provider.verify_callback(*letter, NOW_MS) is not None
    assert base64.b64decode(provider._signed("m", {})["sign"])


def test_a_signed_notice_is_believed(gateway: AlipayGateway) -> None:
    news = gateway.provider().verify_callback(*gateway.letter("p1", "o1-a", NOW_MS), NOW_MS)
    assert news is not None
    assert (news.payment_id, news.order_id, news.status) == ("p1", "o1-a", "succeeded")
    assert (news.amount_cents, news.currency, news.event_id) == (100, "CNY", "n-1")


def test_a_weaker_hash_is_refused_whatever_the_notice_calls_it(gateway: AlipayGateway) -> None:
    for sign_type in ("RSA2", "RSA"):
        letter = gateway.letter("p1", "o1-a", NOW_MS, digest=SHA1(), sign_type=sign_type)
        with pytest.raises(Refused, match="bad_signature"):
            gateway.provider().verify_callback(*letter, NOW_MS)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("TRADE_SUCCESS", "succeeded"),
        ("TRADE_FINISHED", "succeeded"),
        ("TRADE_CLOSED", "closed"),
        ("WAIT_BUYER_PAY", None),
    ],
)
def test_what_a_notice_says(gateway: AlipayGateway, state: str, status: str | None) -> None:
    letter = gateway.letter("p1", "o1-a", NOW_MS, trade_status=state)
    news = gateway.provider().verify_callback(*letter, NOW_MS)
    assert (news.status if news else None) == status


async def test_asking_and_closing(gateway: AlipayGateway) -> None:
    provider = gateway.provider()
    assert await provider.query(PAYMENT) is None
    assert await provider.close(PAYMENT)
    gateway.trades["p1"] = dict(TRADE)
    assert await provider.query(PAYMENT) is None
    gateway.trades["p1"]["trade_status"] = "TRADE_SUCCESS"
    news = await provider.query(PAYMENT)
    assert news is not None
    assert (news.status, news.amount_cents) == ("succeeded", 100)
    assert not await provider.close(PAYMENT)
    gateway.trades["p1"]["trade_status"] = "WAIT_BUYER_PAY"
    assert await provider.close(PAYMENT)


async def test_an_answer_somebody_else_signed_is_no_answer(gateway: AlipayGateway) -> None:
    gateway.trades["p1"] = {**TRADE, "trade_status": "TRADE_SUCCESS"}
    gateway.signer = "eve"
    with pytest.raises(AlipayTrouble, match="not signed"):
        await gateway.provider().query(PAYMENT)


async def test_a_refund_asked_for_twice_is_one(gateway: AlipayGateway) -> None:
    gateway.trades["p1"] = {**TRADE, "trade_status": "TRADE_SUCCESS"}
    provider = gateway.provider()
    assert await provider.refund(REFUND, PAYMENT) is RefundStatus.SUCCEEDED
    assert await provider.refund(REFUND, PAYMENT) is RefundStatus.SUCCEEDED
    gateway.refund_query_says = ""
    assert await provider.refund(REFUND, PAYMENT) is RefundStatus.PENDING
    assert gateway.refunds == {"rf-1": "0.40"}
