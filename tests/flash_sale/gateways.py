"""The other side of the wire: Stripe, WeChat Pay and Alipay as their published rules describe them.

Written from the rules with `hmac` and `cryptography` alone, with keys made here, so that an adapter
and its test cannot share a mistake. Each gateway checks what it is sent and signs what it answers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from flash_sale.ports import HttpAnswer
from flash_sale.providers.alipay import AlipayProvider
from flash_sale.providers.stripe import StripeProvider
from flash_sale.providers.wechat import WechatProvider

Letter = tuple[dict[str, str], bytes]
WEBHOOK_SECRET = "whsec_of_the_tests"
API_V3_KEY = "0123456789abcdef0123456789ABCDEF"
KEY_ID = "PUB_KEY_ID_0123"
MCHID, APPID = "1900000109", "wx8888888888888888"
APP_ID, SELLER_ID = "2021000000000001", "2088000000000001"
BEIJING = timezone(timedelta(hours=8))


@cache
def key_of(owner: str) -> rsa.RSAPrivateKey:
    """One key pair for each name."""
    return rsa.generate_private_key(65537, 2048)


def private_pem(owner: str, layout: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key_of(owner).private_bytes(Encoding.PEM, layout, NoEncryption()).decode()


def public_pem(owner: str) -> str:
    public = key_of(owner).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def rsa_sign(owner: str, text: bytes, digest: HashAlgorithm | None = None) -> str:
    signature = key_of(owner).sign(text, padding.PKCS1v15(), digest or SHA256())
    return base64.b64encode(signature).decode()


def rsa_check(owner: str, text: bytes, signature: str) -> None:
    key_of(owner).public_key().verify(
        base64.b64decode(signature), text, padding.PKCS1v15(), SHA256()
    )


class StripeGateway:
    """Sessions and refunds in memory; idempotency keys answer as the first time."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.refund_status = "succeeded"
        self.keys: dict[str, HttpAnswer] = {}
        self.asked: list[tuple[str, str]] = []

    def provider(self) -> StripeProvider:
        return StripeProvider(
            secret_key="sk_test_1",
            webhook_secret=WEBHOOK_SECRET,
            return_url=lambda payment_id: f"https://shop.example/cashier/{payment_id}",
            fetch=self.fetch,
        )

    def pay(self, session_id: str) -> None:
        self.sessions[session_id].update(payment_status="paid", status="complete")

    def letter(
        self,
        payment_id: str,
        order_id: str,
        now_ms: int,
        *,
        secret: str = WEBHOOK_SECRET,
        at_s: int | None = None,
        kind: str = "checkout.session.completed",
        event_id: str = "evt_1",
        **changes: object,
    ) -> Letter:
        session = {
            "id": "cs_1",
            "object": "checkout.session",
            "amount_total": 100,
            "currency": "cny",
            "payment_status": "paid",
            "status": "complete",
            "metadata": {"payment_id": payment_id, "order_id": order_id},
            **changes,
        }
        event = {"id": event_id, "object": "event", "type": kind, "created": now_ms // 1000}
        body = orjson.dumps({**event, "data": {"object": session}})
        stamp = now_ms // 1000 if at_s is None else at_s
        return {"Stripe-Signature": f"t={stamp},v1={self.digest(body, stamp, secret)}"}, body

    @staticmethod
    def digest(body: bytes, at_s: int, secret: str = WEBHOOK_SECRET) -> str:
        return hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()

    async def fetch(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> HttpAnswer:
        assert headers["Authorization"] == "Bearer sk_test_1"
        parts = urlsplit(url)
        assert parts.netloc == "api.stripe.com"
        self.asked.append((method, parts.path))
        key = headers.get("Idempotency-Key", "")
        if method == "POST" and key in self.keys:
            return self.keys[key]
        form = {name: texts[0] for name, texts in parse_qs(body.decode()).items()}
        answer = self._answer(method, parts.path, form)
        self.keys[key] = answer
        return answer

    def _answer(self, method: str, path: str, form: dict[str, str]) -> HttpAnswer:
        if path == "/v1/checkout/sessions":
            return self._json(self._open(form))
        if path == "/v1/refunds" and method == "GET":
            return self._json({"object": "list", "data": self.refunds, "has_more": False})
        if path == "/v1/refunds":
            marks = {"refund_id": form["metadata[refund_id]"]}
            made = {"id": f"re_{len(self.refunds)}", "object": "refund", "metadata": marks}
            self.refunds.append({**made, "amount": int(form["amount"])})
            self.refunds[-1]["status"] = self.refund_status
            return self._json(self.refunds[-1])
        session = self.sessions[path.split("/")[4]]
        if path.endswith("/expire"):
            if session["status"] != "open":
                error = {"type": "invalid_request_error", "message": "not open"}
                return self._json({"error": error}, 400)
            session["status"] = "expired"
        return self._json(session)

    def _open(self, form: dict[str, str]) -> dict[str, Any]:
        price = "line_items[0][price_data]"
        session = {
            "id": f"cs_{len(self.sessions)}",
            "object": "checkout.session",
            "url": f"https://checkout.stripe.com/c/{len(self.sessions)}",
            "amount_total": int(form[f"{price}[unit_amount]"]),
            "currency": form[f"{price}[currency]"],
            "payment_status": "unpaid",
            "status": "open",
            "payment_intent": f"pi_{len(self.sessions)}",
            "metadata": {"payment_id": form["metadata[payment_id]"]},
        }
        self.sessions[str(session["id"])] = session
        return session

    @staticmethod
    def _json(value: object, status: int = 200) -> HttpAnswer:
        return HttpAnswer(status, {"Content-Type": "application/json"}, orjson.dumps(value))


class WechatGateway:
    """Answers are signed with the platform's key, requests checked with the merchant's."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, int] = {}
        self.refund_status = "SUCCESS"
        self.signer = "wechat"
        self.now_ms = 1_800_000_000_000

    def provider(self) -> WechatProvider:
        return WechatProvider(
            mchid=MCHID,
            appid=APPID,
            serial="SERIAL1",
            private_key=private_pem("merchant"),
            api_v3_key=API_V3_KEY,
            public_keys={KEY_ID: public_pem("wechat")},
            notify_url="https://shop.example/v1/payments/wechat/callback",
            fetch=self.fetch,
        )

    def transaction(self, payment_id: str, order_id: str, **changes: object) -> dict[str, Any]:
        return {
            "mchid": MCHID,
            "appid": APPID,
            "out_trade_no": payment_id,
            "transaction_id": "4200000001",
            "trade_state": "SUCCESS",
            "attach": order_id,
            "amount": {"total": 100, "payer_total": 100, "currency": "CNY"},
            **changes,
        }

    def letter(
        self,
        payment_id: str,
        order_id: str,
        now_ms: int,
        *,
        signer: str = "wechat",
        serial: str = KEY_ID,
        at_s: int | None = None,
        api_key: str = API_V3_KEY,
        kind: str = "TRANSACTION.SUCCESS",
        event_id: str = "EV-1",
        algorithm: str = "AEAD_AES_256_GCM",
        **changes: object,
    ) -> Letter:
        plain = orjson.dumps(self.transaction(payment_id, order_id, **changes))
        sealed = AESGCM(api_key.encode()).encrypt(b"nonce-of-12b", plain, b"transaction")
        notice = {
            "id": event_id,
            "create_time": "2027-01-15T16:00:00+08:00",
            "resource_type": "encrypt-resource",
            "event_type": kind,
            "resource": {
                "original_type": "transaction",
                "algorithm": algorithm,
                "ciphertext": base64.b64encode(sealed).decode(),
                "associated_data": "transaction",
                "nonce": "nonce-of-12b",
            },
        }
        body = orjson.dumps(notice)
        stamp = now_ms // 1000 if at_s is None else at_s
        return self.signed(body, stamp, signer, serial), body

    @staticmethod
    def signed(
        body: bytes, at_s: int, signer: str = "wechat", serial: str = KEY_ID
    ) -> dict[str, str]:
        text = b"%d\nNONCE\n%b\n" % (at_s, body)
        return {
            "Wechatpay-Timestamp": str(at_s),
            "Wechatpay-Nonce": "NONCE",
            "Wechatpay-Signature": rsa_sign(signer, text),
            "Wechatpay-Serial": serial,
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        }

    async def fetch(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> HttpAnswer:
        parts = urlsplit(url)
        assert parts.netloc == "api.mch.weixin.qq.com"
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._check(method, path, headers["Authorization"], body)
        assert headers["Wechatpay-Serial"] == KEY_ID
        status, value = self._answer(method, parts.path, orjson.loads(body) if body else {})
        text = orjson.dumps(value) if value is not None else b""
        return HttpAnswer(status, self.signed(text, self.now_ms // 1000, self.signer), text)

    @staticmethod
    def _check(method: str, path: str, authorization: str, body: bytes) -> None:
        scheme, _, rest = authorization.partition(" ")
        given = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        assert (scheme, given["mchid"]) == ("WECHATPAY2-SHA256-RSA2048", MCHID)
        assert given["serial_no"] == "SERIAL1"
        head = f"{method}\n{path}\n{given['timestamp']}\n{given['nonce_str']}\n"
        rsa_check("merchant", head.encode() + body + b"\n", given["signature"])

    def _answer(self, method: str, path: str, asked: dict[str, Any]) -> tuple[int, object]:
        if path == "/v3/pay/transactions/native":
            named, total = asked["out_trade_no"], asked["amount"]["total"]
            state = self.transaction(named, asked["attach"], trade_state="NOTPAY")
            self.orders[named] = {**state, "amount": {"total": total, "currency": "CNY"}}
            self.orders[named]["time_expire"] = asked["time_expire"]
            return 200, {"code_url": f"weixin://wxpay/bizpayurl?pr={named}"}
        if path == "/v3/refund/domestic/refunds":
            self.refunds.setdefault(asked["out_refund_no"], asked["amount"]["refund"])
            return 200, {"status": self.refund_status}
        order = self.orders.get(path.split("/")[5])
        if order is None:
            return 404, {"code": "ORDER_NOT_EXIST"}
        if path.endswith("/close"):
            if order["trade_state"] == "SUCCESS":
                return 400, {"code": "ORDERPAID"}
            order["trade_state"] = "CLOSED"
            return 204, None
        return 200, order


class AlipayGateway:
    """Notices and answers are signed with Alipay's key, requests checked with the app's."""

    def __init__(self) -> None:
        self.trades: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, str] = {}
        self.refund_query_says = "REFUND_SUCCESS"
        self.signer = "alipay"
        self.now_ms = 1_800_000_000_000

    def provider(self, **given: Any) -> AlipayProvider:
        settings: dict[str, Any] = {
            "app_id": APP_ID,
            "seller_id": SELLER_ID,
            "private_key": private_pem("app"),
            "public_key": public_pem("alipay"),
            "notify_url": "https://shop.example/v1/payments/alipay/callback",
            "return_url": lambda payment_id: f"https://shop.example/cashier/{payment_id}",
            "fetch": self.fetch,
            "now_ms": lambda: self.now_ms,
            **given,
        }
        return AlipayProvider(**settings)

    def letter(
        self,
        payment_id: str,
        order_id: str,
        now_ms: int,
        *,
        signer: str = "alipay",
        digest: HashAlgorithm | None = None,
        sign_type: str = "RSA2",
        at_s: int | None = None,
        **changes: str,
    ) -> Letter:
        at = datetime.fromtimestamp(now_ms // 1000 if at_s is None else at_s, BEIJING)
        fields = {
            "app_id": APP_ID,
            "seller_id": SELLER_ID,
            "charset": "utf-8",
            "notify_id": "n-1",
            "notify_time": at.strftime("%Y-%m-%d %H:%M:%S"),
            "notify_type": "trade_status_sync",
            "out_trade_no": payment_id,
            "passback_params": order_id,
            "subject": "一件商品 & more",
            "total_amount": "1.00",
            "trade_no": "2027011522001",
            "trade_status": "TRADE_SUCCESS",
            "version": "1.0",
            "empty": "",
            **changes,
        }
        content = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        signature = rsa_sign(signer, content.encode(), digest)
        signed = {**fields, "sign": signature, "sign_type": sign_type}
        return {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(signed).encode()

    @staticmethod
    def checked(query: str) -> dict[str, str]:
        """A request's fields; its signature must be the app's."""
        fields = dict(parse_qsl(query, keep_blank_values=True))
        signature = fields.pop("sign")
        content = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        rsa_check("app", content.encode(), signature)
        assert (fields["app_id"], fields["sign_type"]) == (APP_ID, "RSA2")
        return fields

    async def fetch(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> HttpAnswer:
        assert (method, url) == ("POST", "https://openapi.alipay.com/gateway.do")
        fields = self.checked(body.decode())
        node = self._answer(fields["method"], orjson.loads(fields["biz_content"]))
        text = orjson.dumps(node)
        name = f"{fields['method'].replace('.', '_')}_response".encode()
        signature = rsa_sign(self.signer, text).encode()
        return HttpAnswer(200, {}, b'{"%b":%b,"sign":"%b"}' % (name, text, signature))

    def _answer(self, method: str, asked: dict[str, Any]) -> dict[str, Any]:
        done, trade = {"code": "10000", "msg": "Success"}, self.trades.get(asked["out_trade_no"])
        if trade is None:
            return {"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST"}
        if method == "alipay.trade.close":
            if trade["trade_status"] != "WAIT_BUYER_PAY":
                return {"code": "40004", "sub_code": "ACQ.TRADE_STATUS_ERROR"}
            trade["trade_status"] = "TRADE_CLOSED"
        if method == "alipay.trade.refund":
            first = asked["out_request_no"] not in self.refunds
            self.refunds.setdefault(asked["out_request_no"], asked["refund_amount"])
            return {**done, "fund_change": "Y" if first else "N"}
        if method == "alipay.trade.fastpay.refund.query":
            return {**done, "refund_status": self.refund_query_says}
        return {**done, **trade}
