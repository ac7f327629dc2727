"""Callbacks that must sell nothing: forged, stale, of something else, or of no payment at all."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.hashes import SHA1

from flash_sale.payments import SIGNATURE_HEADER
from tests.contracts.flash_sale.shop_with_banks import ShopWithBanks
from tests.flash_sale.gateways import Letter

Bill = tuple[str, str]  # payment id, order id
FORGED, STALE, WRONG_SUM = "bad_signature", "stale_signature", "amount_mismatch"
BAD, UNKNOWN, IGNORED = "bad_request", "not_found", "ignored"
DAY_S = 86_400


@dataclass(frozen=True)
class Forgery:
    name: str
    provider: str
    make: Callable[[ShopWithBanks, Bill], Letter]
    end: str  # the code of the refusal, or "ignored"

    def __str__(self) -> str:
        return f"{self.provider}: {self.name}"


def changed(provider: str, **changes: Any) -> Callable[[ShopWithBanks, Bill], Letter]:
    """Genuinely signed, but saying something else."""
    return lambda shop, bill: shop.letter(provider, *bill, **changes)


def skewed(provider: str, seconds: int) -> Callable[[ShopWithBanks, Bill], Letter]:
    """Signed so many seconds from now."""
    return lambda shop, bill: shop.letter(provider, *bill, at_s=shop.now_ms // 1000 + seconds)


def bent(
    provider: str, bend: Callable[[dict[str, str], bytes], Letter]
) -> Callable[[ShopWithBanks, Bill], Letter]:
    """Tampered with on its way."""
    return lambda shop, bill: bend(*shop.letter(provider, *bill))


def without(name: str) -> Callable[[dict[str, str], bytes], Letter]:
    return lambda headers, body: ({k: v for k, v in headers.items() if k != name}, body)


def with_header(name: str, text: str) -> Callable[[dict[str, str], bytes], Letter]:
    return lambda headers, body: ({**headers, name: text}, body)


def replaced(old: str, new: str, header: str = "") -> Callable[[dict[str, str], bytes], Letter]:
    """A piece of the body, or of one header, exchanged after signing."""

    def bend(headers: dict[str, str], body: bytes) -> Letter:
        if header:
            assert old in headers[header]
            return {**headers, header: headers[header].replace(old, new)}, body
        assert old.encode() in body
        return headers, body.replace(old.encode(), new.encode())

    return bend


def other_order(provider: str) -> Callable[[ShopWithBanks, Bill], Letter]:
    return lambda shop, bill: shop.letter(provider, bill[0], "o1-other")


def no_payment(provider: str) -> Callable[[ShopWithBanks, Bill], Letter]:
    return lambda shop, bill: shop.letter(provider, "p-none", bill[1])


def with_fields(**fields: str) -> Callable[[dict[str, str], bytes], Letter]:
    """Form fields exchanged after signing; an empty text takes one away."""

    def bend(headers: dict[str, str], body: bytes) -> Letter:
        form = {**dict(parse_qsl(body.decode(), keep_blank_values=True)), **fields}
        return headers, urlencode({k: v for k, v in form.items() if v or k == "empty"}).encode()

    return bend


STRIPE, WECHAT = "Stripe-Signature", "Wechatpay-Signature"
_NOW = "t=1800000000"

FORGERIES = [
    Forgery("unsigned", "sandbox", bent("sandbox", without(SIGNATURE_HEADER)), FORGED),
    Forgery("header cut", "sandbox", bent("sandbox", with_header(SIGNATURE_HEADER, "t=1")), FORGED),
    Forgery("another secret", "sandbox", changed("sandbox", secret=b"guess"), FORGED),
    Forgery("body changed", "sandbox", bent("sandbox", replaced(":100,", ":1,")), FORGED),
    Forgery("body re-encoded", "sandbox", bent("sandbox", replaced(":", ": ")), FORGED),
    Forgery(
        "time moved",
        "sandbox",
        bent("sandbox", replaced(_NOW, _NOW[:-1] + "1", SIGNATURE_HEADER)),
        FORGED,
    ),
    Forgery("too old", "sandbox", skewed("sandbox", -301), STALE),
    Forgery("from the future", "sandbox", skewed("sandbox", 301), STALE),
    Forgery("a cent less", "sandbox", changed("sandbox", amount_cents=99), WRONG_SUM),
    Forgery("another currency", "sandbox", changed("sandbox", currency="USD"), WRONG_SUM),
    Forgery("another order", "sandbox", changed("sandbox", order_id="o1-other"), UNKNOWN),
    Forgery("no such payment", "sandbox", changed("sandbox", payment_id="p-none"), UNKNOWN),
    Forgery("no such status", "sandbox", changed("sandbox", status="paid"), BAD),
    Forgery("unsigned", "stripe", bent("stripe", without(STRIPE)), FORGED),
    Forgery("another secret", "stripe", changed("stripe", secret="whsec_guess"), FORGED),
    Forgery("empty secret", "stripe", changed("stripe", secret=""), FORGED),
    Forgery("body changed", "stripe", bent("stripe", replaced(":100,", ":1,")), FORGED),
    Forgery(
        "time moved", "stripe", bent("stripe", replaced(_NOW, _NOW[:-1] + "1", STRIPE)), FORGED
    ),
    Forgery(
        "only the old scheme", "stripe", bent("stripe", replaced("v1=", "v0=", STRIPE)), FORGED
    ),
    Forgery("not ASCII", "stripe", bent("stripe", with_header(STRIPE, "t=1,v1=é")), FORGED),
    Forgery(
        "body not text", "stripe", lambda s, bill: (s.letter("stripe", *bill)[0], b"\xff"), FORGED
    ),
    Forgery("too old", "stripe", skewed("stripe", -301), STALE),
    Forgery("from the future", "stripe", skewed("stripe", 301), STALE),
    Forgery("a cent less", "stripe", changed("stripe", amount_total=99), WRONG_SUM),
    Forgery("another currency", "stripe", changed("stripe", currency="jpy"), WRONG_SUM),
    Forgery("another order", "stripe", other_order("stripe"), UNKNOWN),
    Forgery("no such payment", "stripe", no_payment("stripe"), UNKNOWN),
    Forgery("completed but unpaid", "stripe", changed("stripe", payment_status="unpaid"), IGNORED),
    Forgery("somebody else's event", "stripe", changed("stripe", kind="charge.succeeded"), IGNORED),
    Forgery("sum as text", "stripe", changed("stripe", amount_total="100"), BAD),
    Forgery("unsigned", "wechat", bent("wechat", without(WECHAT)), FORGED),
    Forgery("another key", "wechat", changed("wechat", signer="eve"), FORGED),
    Forgery("unknown serial", "wechat", changed("wechat", serial="PUB_KEY_ID_9"), FORGED),
    Forgery("body changed", "wechat", bent("wechat", replaced("EV-1", "EV-2")), FORGED),
    Forgery(
        "nonce changed", "wechat", bent("wechat", with_header("Wechatpay-Nonce", "N2")), FORGED
    ),
    Forgery(
        "time changed",
        "wechat",
        bent("wechat", with_header("Wechatpay-Timestamp", "1800000001")),
        FORGED,
    ),
    Forgery(
        "the gateway's own probe",
        "wechat",
        bent(
            "wechat", with_header(WECHAT, "WECHATPAY/SIGNTEST/" + base64.b64encode(b"x").decode())
        ),
        FORGED,
    ),
    Forgery(
        "another scheme",
        "wechat",
        bent("wechat", with_header("Wechatpay-Signature-Type", "SM2")),
        FORGED,
    ),
    Forgery("too old", "wechat", skewed("wechat", -301), STALE),
    Forgery("from the future", "wechat", skewed("wechat", 301), STALE),
    Forgery("sealed with another key", "wechat", changed("wechat", api_key="x" * 32), BAD),
    Forgery("sealed another way", "wechat", changed("wechat", algorithm="AES"), BAD),
    Forgery("another merchant", "wechat", changed("wechat", mchid="1900000000"), UNKNOWN),
    Forgery("another app", "wechat", changed("wechat", appid="wx0"), UNKNOWN),
    Forgery("a cent less", "wechat", changed("wechat", amount={"total": 99}), WRONG_SUM),
    Forgery(
        "another currency",
        "wechat",
        changed("wechat", amount={"total": 100, "currency": "USD"}),
        WRONG_SUM,
    ),
    Forgery("another order", "wechat", other_order("wechat"), UNKNOWN),
    Forgery("not paid yet", "wechat", changed("wechat", trade_state="NOTPAY"), IGNORED),
    Forgery("a refund's notice", "wechat", changed("wechat", kind="REFUND.SUCCESS"), IGNORED),
    Forgery("unsigned", "alipay", bent("alipay", with_fields(sign="")), FORGED),
    Forgery("another key", "alipay", changed("alipay", signer="eve"), FORGED),
    Forgery("sum changed", "alipay", bent("alipay", with_fields(total_amount="0.01")), FORGED),
    Forgery(
        "status changed",
        "alipay",
        bent("alipay", with_fields(trade_status="TRADE_FINISHED")),
        FORGED,
    ),
    Forgery("a weaker hash", "alipay", changed("alipay", digest=SHA1()), FORGED),
    Forgery("the old sign type", "alipay", changed("alipay", sign_type="RSA"), FORGED),
    Forgery("too old", "alipay", skewed("alipay", -2 * DAY_S), STALE),
    Forgery("from the future", "alipay", skewed("alipay", 301), STALE),
    Forgery("another app", "alipay", changed("alipay", app_id="2021"), UNKNOWN),
    Forgery("another seller", "alipay", changed("alipay", seller_id="2088"), UNKNOWN),
    Forgery("a cent less", "alipay", changed("alipay", total_amount="0.99"), WRONG_SUM),
    Forgery("half a cent more", "alipay", changed("alipay", total_amount="1.005"), BAD),
    Forgery("sum as a power", "alipay", changed("alipay", total_amount="1e0"), BAD),
    Forgery("another order", "alipay", other_order("alipay"), UNKNOWN),
    Forgery("no such payment", "alipay", no_payment("alipay"), UNKNOWN),
    Forgery("a field twice", "alipay", lambda s, bill: _twice(s.letter("alipay", *bill)), BAD),
    Forgery("not paid yet", "alipay", changed("alipay", trade_status="WAIT_BUYER_PAY"), IGNORED),
    Forgery("Stripe's letter", "alipay", lambda s, bill: s.letter("stripe", *bill), BAD),
    Forgery("the sandbox's letter", "stripe", lambda s, bill: s.letter("sandbox", *bill), FORGED),
    Forgery("Alipay's letter", "wechat", lambda s, bill: s.letter("alipay", *bill), FORGED),
]


def _twice(letter: Letter) -> Letter:
    headers, body = letter
    return headers, body + b"&total_amount=1.00"
