"""Alipay (page and wap pay, RSA2): `PaymentProvider` by the library `alipay-sdk-python`.

The library says what is signed; RSA itself is done by `cryptography`, because the library's own
check takes a weaker hash than it was asked for. HTTP goes through our own session. Sums are yuan
with two decimals at Alipay and cents here, converted as text: never by way of a float.
Rule: https://opendocs.alipay.com/open/270/105902 (asynchronous notices)
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from flash_sale.errors import Refused
from flash_sale.payments import SIGNATURE_AGE_S_MAX, Callback, Payment
from flash_sale.ports import Fetch, Opened
from flash_sale.providers.libraries import library
from flash_sale.refunds import Refund, RefundStatus

GATEWAY = "https://openapi.alipay.com/gateway.do"
CURRENCY = "CNY"
NOTICE_BYTES_MAX = 16_384
NOTICE_FIELDS_MAX = 100
NOTICE_AGE_S_MAX = 25 * 3600  # a notice is repeated for 24 h 22 min
PAY_TIME_MS_MIN = 65_000  # a shorter life is refused by the gateway
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
BEIJING = timezone(timedelta(hours=8))
_YUAN = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,2}))?")
_PRODUCTS = {
    "page": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "wap": ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
}
_OF_STATUS = {
    "TRADE_SUCCESS": "succeeded",
    "TRADE_FINISHED": "succeeded",
    "TRADE_CLOSED": "closed",
}


class AlipayTrouble(Exception):
    """Alipay answered, but not with what was asked for."""

    def __init__(self, code: str, sub_code: str) -> None:
        super().__init__(f"{code} {sub_code}")
        self.sub_code = sub_code


class AlipayProvider:
    name = "alipay"
    acknowledgement: tuple[str, bytes] | None = ("text/plain", b"success")

    def __init__(
        self,
        *,
        app_id: str,
        seller_id: str,
        private_key: str,
        public_key: str,
        notify_url: str,
        return_url: Callable[[str], str],
        fetch: Fetch,
        now_ms: Callable[[], int],
        gateway: str = GATEWAY,
        product: Literal["page", "wap"] = "page",
    ) -> None:
        """`private_key` is the app's, `public_key` Alipay's own: PEM, or base64 as its console
        shows them. Raises MissingLibrary, or ValueError for a bad key."""
        self._rules = library("alipay.aop.api.util.SignatureUtils")
        self._app_id, self._seller_id = app_id, seller_id
        self._private_key = private_key_of(private_key)
        self._public_key = public_key_of(public_key)
        self._notify_url, self._return_url = notify_url, return_url
        self._fetch = fetch
        self._now_ms = now_ms
        self._gateway = gateway
        self._product = product

    async def create(self, payment: Payment, pay_by_ms: int) -> Opened:
        """Nothing is sent: the buyer brings the signed order to Alipay's page."""
        if payment.currency != CURRENCY:
            raise Refused("bad_request", "Alipay takes CNY only.")
        method, product_code = _PRODUCTS[self._product]
        asked = {
            "out_trade_no": payment.payment_id,
            "product_code": product_code,
            "total_amount": yuan(payment.amount_cents),
            "subject": f"Order {payment.order_id}",
            "passback_params": payment.order_id,
            "time_expire": _beijing(max(pay_by_ms, payment.created_ms + PAY_TIME_MS_MIN)),
        }
        signed = self._signed(
            method,
            asked,
            notify_url=self._notify_url,
            return_url=self._return_url(payment.payment_id),
        )
        return Opened(f"{self._gateway}?{urlencode(signed)}")

    def verify_callback(
        self, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> Callback | None:
        notice = _fields(body)
        self._verify_notice(notice)
        self._check_time(notice.get("notify_time", ""), now_ms)
        owner = (notice.get("app_id"), notice.get("seller_id"))
        if owner != (self._app_id, self._seller_id):
            raise Refused("not_found", "The payment belongs to another merchant.")
        status = _OF_STATUS.get(notice.get("trade_status", ""))
        if status is None:
            return None
        event_id, payment_id = notice.get("notify_id", ""), notice.get("out_trade_no", "")
        if not event_id or not payment_id:
            raise Refused("bad_request", "The notice is incomplete.")
        return Callback(
            event_id=event_id[:128],
            payment_id=payment_id,
            order_id=notice.get("passback_params", ""),
            status=status,
            amount_cents=cents(notice.get("total_amount", "")),
            currency=CURRENCY,
            ts=now_ms,
        )

    async def query(self, payment: Payment) -> Callback | None:
        try:
            found = await self._call("alipay.trade.query", {"out_trade_no": payment.payment_id})
        except AlipayTrouble as trouble:
            if trouble.sub_code == "ACQ.TRADE_NOT_EXIST":
                return None
            raise
        if found.get("out_trade_no") != payment.payment_id:
            raise AlipayTrouble("10000", "another trade")
        status = _OF_STATUS.get(str(found.get("trade_status")))
        if status is None:
            return None
        return Callback(
            event_id=f"query-{payment.payment_id}-{status}"[:128],
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            status=status,
            amount_cents=cents(str(found.get("total_amount", ""))),
            currency=CURRENCY,
            ts=0,
        )

    async def close(self, payment: Payment) -> bool:
        """A trade does not exist before its buyer logs in there; its page then lapses by time."""
        try:
            await self._call("alipay.trade.close", {"out_trade_no": payment.payment_id})
        except AlipayTrouble as trouble:
            if trouble.sub_code == "ACQ.TRADE_NOT_EXIST":
                return True
            news = await self.query(payment)
            return news is not None and news.status == "closed"
        return True

    async def refund(self, refund: Refund, payment: Payment) -> RefundStatus:
        """Alipay knows a refund by our id; a repeat moves no money and says so."""
        asked = {
            "out_trade_no": payment.payment_id,
            "out_request_no": refund.refund_id,
            "refund_amount": yuan(refund.amount_cents),
            "refund_reason": refund.reason,
        }
        answer = await self._call("alipay.trade.refund", asked)
        if answer.get("fund_change") == "Y":
            return RefundStatus.SUCCEEDED
        which = {"out_trade_no": payment.payment_id, "out_request_no": refund.refund_id}
        found = await self._call("alipay.trade.fastpay.refund.query", which)
        done = found.get("refund_status") == "REFUND_SUCCESS"
        return RefundStatus.SUCCEEDED if done else RefundStatus.PENDING

    # -- inside ---------------------------------------------------------------------------------

    def _signed(self, method: str, asked: Mapping[str, object], **more: str) -> dict[str, str]:
        fields = {
            "app_id": self._app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": _beijing(self._now_ms()),
            "version": "1.0",
            "biz_content": msgspec.json.encode(asked).decode(),
            **more,
        }
        content = self._rules.get_sign_content(fields).encode()
        signature = self._private_key.sign(content, PKCS1v15(), SHA256())
        return {**fields, "sign": base64.b64encode(signature).decode()}

    async def _call(self, method: str, asked: Mapping[str, object]) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
        body = urlencode(self._signed(method, asked)).encode()
        answer = await self._fetch("POST", self._gateway, headers, body)
        if answer.status != 200:
            raise AlipayTrouble(str(answer.status), "")
        parts = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
        content = bytes(parts.get(f"{method.replace('.', '_')}_response", b""))
        signature = msgspec.json.decode(parts.get("sign", b'""'), type=str)
        if not content or not self._is_signed(content, signature):
            raise AlipayTrouble("", "the answer is not signed by Alipay")
        found = msgspec.json.decode(content, type=dict[str, Any])
        if found.get("code") != "10000":
            raise AlipayTrouble(str(found.get("code")), str(found.get("sub_code", "")))
        return found

    def _verify_notice(self, notice: Mapping[str, str]) -> None:
        rest = {name: text for name, text in notice.items() if name not in ("sign", "sign_type")}
        content = self._rules.get_sign_content(rest).encode()
        kind = (notice.get("sign_type"), notice.get("charset", "utf-8").lower())
        if kind != ("RSA2", "utf-8") or not self._is_signed(content, notice.get("sign", "")):
            raise Refused("bad_signature", "The Alipay signature is not valid.")

    def _is_signed(self, content: bytes, signature: str) -> bool:
        try:
            self._public_key.verify(
                base64.b64decode(signature, validate=True), content, PKCS1v15(), SHA256()
            )
        except (InvalidSignature, ValueError):
            return False
        return True

    def _check_time(self, told: str, now_ms: int) -> None:
        try:
            at = datetime.strptime(told, TIME_FORMAT).replace(tzinfo=BEIJING)
        except ValueError as error:
            raise Refused("bad_request", "The notice has no time.") from error
        age_s = now_ms // 1000 - int(at.timestamp())
        if not -SIGNATURE_AGE_S_MAX <= age_s <= NOTICE_AGE_S_MAX:
            raise Refused("stale_signature", "The notice is too old or from the future.")


def yuan(amount_cents: int) -> str:
    """Cents as Alipay writes a sum: 1 → "0.01"."""
    return f"{amount_cents // 100}.{amount_cents % 100:02d}"


def cents(text: str) -> int:
    """A sum of Alipay in cents, exactly; Refused bad_request for anything else."""
    match = _YUAN.fullmatch(text)
    if match is None:
        raise Refused("bad_request", "The sum is malformed.")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def private_key_of(text: str) -> RSAPrivateKey:
    key = load_der_private_key(_der(text), None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key


def public_key_of(text: str) -> RSAPublicKey:
    key = load_der_public_key(_der(text))
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    return key


def _der(text: str) -> bytes:
    lines = [line for line in text.split() if line]
    plain = re.sub(r"-----[A-Z ]+-----", "", " ".join(lines)).replace(" ", "")
    return base64.b64decode(plain, validate=True)


def _beijing(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, BEIJING).strftime(TIME_FORMAT)


def _fields(body: bytes) -> dict[str, str]:
    """The form's fields; each once."""
    if len(body) > NOTICE_BYTES_MAX:
        raise Refused("bad_request", "The notice is too large.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=NOTICE_FIELDS_MAX,
            errors="strict",
        )
    except ValueError as error:
        raise Refused("bad_request", "The notice is not a form.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused("bad_request", "A field is there twice.")
    return fields
