"""The payment providers that the settings name, and how they reach the world. No rules here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import aiohttp
import structlog
from pydantic import SecretStr

from flash_sale.ports import HttpAnswer, PaymentProvider
from flash_sale.providers.alipay import AlipayProvider
from flash_sale.providers.libraries import MissingLibrary as MissingLibrary
from flash_sale.providers.stripe import StripeProvider
from flash_sale.providers.wechat import WechatProvider
from server.config import ConfigError, Settings
from server.tasks import end_all

log = structlog.get_logger(__name__)

ANSWER_BYTES_MAX = 1_048_576
LATE_CALLS_MAX = 1000


class BankLine:
    """HTTP to the providers, over the worker's session; the session limits the time."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def fetch(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> HttpAnswer:
        """One request; redirects are not followed. Raises aiohttp's errors."""
        async with self._session.request(
            method, url, headers=headers, data=body or None, allow_redirects=False
        ) as response:
            answer = bytearray()
            async for chunk in response.content.iter_any():
                answer += chunk
                if len(answer) > ANSWER_BYTES_MAX:
                    raise aiohttp.ClientPayloadError("the provider's answer is too large")
            return HttpAnswer(response.status, dict(response.headers), bytes(answer))


class _Unplugged(BankLine):
    """Reaches nobody: for looking at keys."""

    def __init__(self) -> None:
        pass

    async def fetch(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> HttpAnswer:
        raise ConnectionError("unplugged")


class LateCalls:
    """Calls the sandbox bank makes after a while; what is still open at the end is dropped."""

    def __init__(self) -> None:
        self._open: set[asyncio.Task[None]] = set()

    def later(self, delay_ms: int, call: Callable[[], Awaitable[None]]) -> None:
        if len(self._open) >= LATE_CALLS_MAX:
            log.warning("late_call_dropped", open=len(self._open))
            return
        task = asyncio.create_task(_after(delay_ms, call))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def close(self) -> None:
        await end_all(tuple(self._open))


async def _after(delay_ms: int, call: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(delay_ms / 1000)
    await call()


def real_banks(
    settings: Settings, line: BankLine, now_ms: Callable[[], int]
) -> list[PaymentProvider]:
    """The providers that are configured. Raises ConfigError for a key that is none, and
    MissingLibrary when liveroom[payments] is not installed."""
    made: list[PaymentProvider] = []
    for name, make in (("stripe", _stripe), ("wechat", _wechat), ("alipay", _alipay)):
        if name not in settings.payment_providers:
            continue
        try:
            made.append(make(settings, line, now_ms))
        except (ValueError, OSError) as bad:
            raise ConfigError(f"{name}_*: a key cannot be read: {type(bad).__name__}") from None
    return made


def check_banks(settings: Settings) -> None:
    """Raises as `real_banks`, so that a key that is none is noticed before anything starts."""
    real_banks(settings, _Unplugged(), lambda: 0)


def _stripe(settings: Settings, line: BankLine, now_ms: Callable[[], int]) -> PaymentProvider:
    return StripeProvider(
        secret_key=_plain(settings.stripe_secret_key),
        webhook_secret=_plain(settings.stripe_webhook_secret),
        return_url=_cashier(settings),
        fetch=line.fetch,
    )


def _wechat(settings: Settings, line: BankLine, now_ms: Callable[[], int]) -> PaymentProvider:
    return WechatProvider(
        mchid=settings.wechat_mchid,
        appid=settings.wechat_appid,
        serial=settings.wechat_serial,
        private_key=_key(settings.wechat_private_key),
        api_v3_key=_plain(settings.wechat_api_v3_key),
        public_keys={settings.wechat_public_key_id: _key(settings.wechat_public_key)},
        notify_url=_callback(settings, "wechat"),
        fetch=line.fetch,
    )


def _alipay(settings: Settings, line: BankLine, now_ms: Callable[[], int]) -> PaymentProvider:
    return AlipayProvider(
        app_id=settings.alipay_app_id,
        seller_id=settings.alipay_seller_id,
        private_key=_key(settings.alipay_private_key),
        public_key=_key(settings.alipay_public_key),
        notify_url=_callback(settings, "alipay"),
        return_url=_cashier(settings),
        fetch=line.fetch,
        now_ms=now_ms,
        gateway=settings.alipay_gateway,
        product=settings.alipay_product,
    )


def _callback(settings: Settings, name: str) -> str:
    return f"{settings.public_url}/v1/payments/{name}/callback"


def _cashier(settings: Settings) -> Callable[[str], str]:
    return lambda payment_id: f"{settings.public_url}/cashier/{payment_id}"


def _plain(secret: SecretStr) -> str:
    return secret.get_secret_value()


def _key(secret: SecretStr) -> str:
    """A key as text, or the text of the file it names."""
    text = _plain(secret)
    return Path(text[1:]).read_text() if text.startswith("@") else text
