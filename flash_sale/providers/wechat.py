"""WeChat Pay v3 (Native: a code to scan): `PaymentProvider` by the library `wechatpayv3`.

The library signs requests, verifies answers and callbacks and opens the encrypted resource; HTTP
goes through our own session. `cashier_url` is a weixin:// address to be shown as a QR code.
Rules: https://pay.weixin.qq.com/doc/v3/merchant/4013053249 (signature), 4012071382 (decryption)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from flash_sale.errors import Refused
from flash_sale.payments import SIGNATURE_AGE_S_MAX, Callback, Payment, header_of
from flash_sale.ports import Fetch, HttpAnswer, Opened
from flash_sale.providers.libraries import library
from flash_sale.refunds import Refund, RefundStatus

GATEWAY = "https://api.mch.weixin.qq.com"
CURRENCY = "CNY"
CALLBACK_BYTES_MAX = 65_536
SIGNATURE_TYPE = "WECHATPAY2-SHA256-RSA2048"
PAY_TIME_MS_MIN = 65_000  # a shorter life is refused by the gateway
BEIJING = timezone(timedelta(hours=8))
_UNIX_SECONDS = re.compile(r"[0-9]{1,12}")
_OF_STATE = {
    "SUCCESS": "succeeded",
    "REFUND": "succeeded",  # paid, and given back since: the money had come
    "CLOSED": "closed",
    "REVOKED": "closed",
    "PAYERROR": "failed",
}


class WechatTrouble(Exception):
    """WeChat Pay answered, but not with what was asked for."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.code = code


class _Amount(msgspec.Struct, frozen=True):
    total: int
    currency: str = CURRENCY


class _Transaction(msgspec.Struct, frozen=True):
    mchid: str
    appid: str
    out_trade_no: str
    trade_state: str
    amount: _Amount | None = None
    attach: str = ""


class _Resource(msgspec.Struct, frozen=True):
    algorithm: str
    ciphertext: str
    nonce: str
    associated_data: str = ""


class _Notice(msgspec.Struct, frozen=True):
    id: str
    event_type: str
    resource: _Resource


class WechatProvider:
    name = "wechat"
    acknowledgement: tuple[str, bytes] | None = ("application/json", b'{"code":"SUCCESS"}')

    def __init__(
        self,
        *,
        mchid: str,
        appid: str,
        serial: str,
        private_key: str,
        api_v3_key: str,
        public_keys: Mapping[str, str],
        notify_url: str,
        fetch: Fetch,
    ) -> None:
        """`serial` is of our certificate; `public_keys` are WeChat's (PEM) by the serial or key
        id that it names in `Wechatpay-Serial`. Raises MissingLibrary or what a bad key raises."""
        self._rules = library("wechatpayv3.utils")
        self._mchid, self._appid, self._serial = mchid, appid, serial
        self._private_key = self._rules.load_private_key(private_key)
        self._api_v3_key = api_v3_key
        self._public_keys = {
            name: self._rules.load_public_key(text) for name, text in public_keys.items()
        }
        self._notify_url = notify_url
        self._fetch = fetch

    async def create(self, payment: Payment, pay_by_ms: int) -> Opened:
        if payment.currency != CURRENCY:
            raise Refused("bad_request", "WeChat Pay takes CNY only.")
        end_ms = max(pay_by_ms, payment.created_ms + PAY_TIME_MS_MIN)
        end = datetime.fromtimestamp(end_ms // 1000, BEIJING)
        asked = {
            "appid": self._appid,
            "mchid": self._mchid,
            "description": f"Order {payment.order_id}",
            "out_trade_no": payment.payment_id,
            "time_expire": end.isoformat(timespec="seconds"),
            "attach": payment.order_id,
            "notify_url": self._notify_url,
            "amount": {"total": payment.amount_cents, "currency": CURRENCY},
        }
        answer = await self._call("POST", "/v3/pay/transactions/native", asked)
        return Opened(answer["code_url"])

    def verify_callback(
        self, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> Callback | None:
        at_s = self._verify(headers, body)
        if abs(now_ms // 1000 - at_s) > SIGNATURE_AGE_S_MAX:
            raise Refused("stale_signature", "The signature is too old or from the future.")
        if len(body) > CALLBACK_BYTES_MAX:
            raise Refused("bad_request", "The notice is too large.")
        try:
            notice = msgspec.json.decode(body, type=_Notice)
            if not notice.event_type.startswith("TRANSACTION."):
                return None
            transaction = msgspec.json.decode(self._open(notice.resource), type=_Transaction)
        except msgspec.DecodeError as error:
            raise Refused("bad_request", f"The notice is malformed: {error}.") from error
        news = self._news(transaction, transaction.attach)
        if news is None:
            return None
        return msgspec.structs.replace(news, event_id=notice.id[:128], ts=at_s * 1000)

    async def query(self, payment: Payment) -> Callback | None:
        try:
            found = await self._call("GET", f"{_path(payment)}?mchid={self._mchid}")
        except WechatTrouble as trouble:
            if trouble.code == "ORDER_NOT_EXIST":
                return None
            raise
        transaction = msgspec.convert(found, _Transaction)
        if transaction.out_trade_no != payment.payment_id:
            raise WechatTrouble(200, "another order")
        return self._news(transaction, payment.order_id)

    async def close(self, payment: Payment) -> bool:
        try:
            await self._call("POST", f"{_path(payment)}/close", {"mchid": self._mchid})
        except WechatTrouble as trouble:
            if trouble.code == "ORDER_NOT_EXIST":
                return True
            news = await self.query(payment)
            return news is not None and news.status == "closed"
        return True

    async def refund(self, refund: Refund, payment: Payment) -> RefundStatus:
        """The gateway knows a refund by our id: a repeat answers how it stands."""
        asked = {
            "out_trade_no": payment.payment_id,
            "out_refund_no": refund.refund_id,
            "reason": refund.reason,
            "amount": {
                "refund": refund.amount_cents,
                "total": payment.taken[0],
                "currency": CURRENCY,
            },
        }
        answer = await self._call("POST", "/v3/refund/domestic/refunds", asked)
        ends = {"SUCCESS": RefundStatus.SUCCEEDED, "CLOSED": RefundStatus.FAILED}
        return ends.get(str(answer.get("status")), RefundStatus.PENDING)

    # -- inside ---------------------------------------------------------------------------------

    async def _call(
        self, method: str, path: str, asked: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        text = msgspec.json.encode(asked).decode() if asked is not None else ""
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "liveroom",
            "Wechatpay-Serial": next(iter(self._public_keys)),  # the key it shall sign with
            "Authorization": self._rules.build_authorization(
                path, method, self._mchid, self._serial, self._private_key, data=text
            ),
        }
        answer = await self._fetch(method, GATEWAY + path, headers, text.encode())
        if answer.status not in (200, 202, 204):
            raise WechatTrouble(answer.status, _code_of(answer))
        self._verify(answer.headers, answer.body)
        if not answer.body:
            return {}
        return msgspec.json.decode(answer.body, type=dict[str, Any])

    def _verify(self, headers: Mapping[str, str], body: bytes) -> int:
        """When it was signed, in Unix seconds; Refused bad_signature."""
        stamp = header_of(headers, "Wechatpay-Timestamp") or ""
        nonce = header_of(headers, "Wechatpay-Nonce")
        signature = header_of(headers, "Wechatpay-Signature")
        kind = header_of(headers, "Wechatpay-Signature-Type") or SIGNATURE_TYPE
        key = self._public_keys.get(header_of(headers, "Wechatpay-Serial") or "")
        complete = _UNIX_SECONDS.fullmatch(stamp) and nonce and signature and key is not None
        try:
            if complete and kind == SIGNATURE_TYPE:
                text = body.decode()
                if self._rules.rsa_verify(stamp, nonce, text, signature, key):
                    return int(stamp)
        except ValueError:
            pass  # not text
        raise Refused("bad_signature", "The WeChat Pay signature is not valid.")

    def _open(self, resource: _Resource) -> str:
        try:
            if resource.algorithm == "AEAD_AES_256_GCM":
                opened: str | None = self._rules.aes_decrypt(
                    resource.nonce, resource.ciphertext, resource.associated_data, self._api_v3_key
                )
                if opened is not None:
                    return opened
        except ValueError:
            pass  # not base64, or a nonce of the wrong length
        raise Refused("bad_request", "The resource cannot be decrypted with the API v3 key.")

    def _news(self, transaction: _Transaction, order_id: str) -> Callback | None:
        if (transaction.mchid, transaction.appid) != (self._mchid, self._appid):
            raise Refused("not_found", "The payment belongs to another merchant.")
        status = _OF_STATE.get(transaction.trade_state)
        if status is None or (transaction.amount is None and status == "succeeded"):
            return None
        amount = transaction.amount or _Amount(0)
        return Callback(
            event_id=f"query-{transaction.out_trade_no}-{status}"[:128],
            payment_id=transaction.out_trade_no,
            order_id=order_id,
            status=status,
            amount_cents=amount.total,
            currency=amount.currency,
            ts=0,
        )


def _path(payment: Payment) -> str:
    return f"/v3/pay/transactions/out-trade-no/{payment.payment_id}"


def _code_of(answer: HttpAnswer) -> str:
    try:
        return str(msgspec.json.decode(answer.body, type=dict[str, Any]).get("code", ""))
    except msgspec.DecodeError:
        return ""
