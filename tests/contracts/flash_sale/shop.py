"""What the tests of a flash sale need: a shop with a clock, a bank's wire and short acts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import orjson
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.checkout import CallbackOutcome
from flash_sale.eligibility import EVERYBODY, Buyer, Eligibility
from flash_sale.payments import SIGNATURE_HEADER, sign
from flash_sale.ports import PaymentProvider
from flash_sale.reserve import Answer
from flash_sale.sale import Level, Sale, SaleSpec, SkuSpec
from flash_sale.storage.scripts import source
from flash_sale.storage.wiring import FlashSale, assemble

SECRET = b"a secret of the tests"
START_MS = 1_800_000_000_000
ROOM = "room1"

PATIENCE_S = 60.0  # a busy machine is no silent Redis


class Shop:
    """One worker's flash sale. `now_ms` is everybody's clock, moved by the test alone."""

    def __init__(
        self,
        redis: Redis,
        engine: AsyncEngine,
        numbers: Iterator[int],
        source_of: Callable[[str], str] = source,
        banks: Sequence[PaymentProvider] = (),
    ) -> None:
        self.redis = redis
        self.database = engine
        self.now_ms = START_MS
        self.numbers = numbers
        self.banks = banks
        self.posted: list[tuple[dict[str, str], bytes]] = []
        self.delivering = True
        self.stock_seen: list[dict[str, Level]] = []
        self.aside_seen: list[int] = []
        self.orders_seen: list[dict[str, object]] = []
        self.sale: FlashSale = assemble(
            redis,
            engine,
            payment_secret=SECRET,
            callback_url=lambda: "http://shop/callback",
            post=self._post,
            new_token=lambda size: f"t{next(self.numbers)}",
            banks=banks,
            now_ms=lambda: self.now_ms,
            source_of=source_of,
        )
        self.sale.engine.answered_within_s = PATIENCE_S
        self.sale.hooks.on_stock = self._on_stock
        self.sale.hooks.on_order = self.orders_seen.append

    def another_worker(self) -> Shop:
        """A second worker of the same shop, with the same clock at this moment."""
        other = Shop(self.redis, self.database, self.numbers, banks=self.banks)
        other.now_ms = self.now_ms
        return other

    def _on_stock(
        self, sale_id: str, room_id: str, levels: dict[str, Level], aside: int = 0
    ) -> None:
        self.stock_seen.append(levels)
        self.aside_seen.append(aside)

    async def open_sale(
        self,
        sale_id: str = "s1",
        *,
        stock: int = 10,
        per_user: int = 0,
        skus: tuple[SkuSpec, ...] = (),
        hold_s: int = 330,
        eligibility: Eligibility = EVERYBODY,
    ) -> Sale:
        """A live sale of SKU `a` (1.00) unless `skus` are given."""
        wares = skus or (sku("a", stock=stock, per_user=per_user),)
        spec = SaleSpec(
            sale_id,
            wares,
            start="now",
            hold_s=hold_s,
            pay_s=min(300, hold_s),
            eligibility=eligibility,
        )
        return await self.sale.desk.create(spec, ROOM, self.now_ms)

    async def buy(
        self,
        user_id: str,
        key: str = "k1",
        *,
        sale_id: str = "s1",
        lines: object = (("a", 1),),
        channel: str = "live",
        role: str = "viewer",
        tier: str | None = None,
    ) -> Answer:
        buyer = Buyer(user_id, role, tier)
        return await self.sale.engine.reserve(sale_id, buyer, lines, key, channel=channel)  # type: ignore[arg-type]

    async def hold(self, user_id: str, key: str = "k1", *, lines: object = (("a", 1),)) -> str:
        """A won buy's order id."""
        answer = await self.buy(user_id, key, lines=lines)
        assert answer.held is not None, answer
        return str(answer.held["order_id"])

    async def begin(self, order_id: str, user_id: str, provider: str = "sandbox") -> str:
        view = await self.sale.checkout.begin_payment(
            order_id, user_id, provider, now_ms=self.now_ms
        )
        return view.payment_id

    async def callback(
        self,
        payment_id: str,
        order_id: str,
        *,
        amount_cents: int = 100,
        status: str = "succeeded",
        event_id: str = "e1",
        **changes: object,
    ) -> CallbackOutcome:
        """A signed callback, as the bank would send it."""
        body = orjson.dumps(
            {
                "event_id": event_id,
                "payment_id": payment_id,
                "order_id": order_id,
                "status": status,
                "amount_cents": amount_cents,
                "currency": "CNY",
                "ts": self.now_ms,
                **changes,
            }
        )
        headers = {SIGNATURE_HEADER: sign(SECRET, body, self.now_ms // 1000)}
        return await self.sale.checkout.on_callback("sandbox", headers, body, self.now_ms)

    async def order_status(self, order_id: str) -> object:
        return (await self.sale.checkout.order(order_id))["status"]

    async def audit(self, sale_id: str = "s1") -> dict[str, object]:
        return await self.sale.auditor.audit_sale(sale_id)

    async def pieces(self, sku_id: str = "a", sale_id: str = "s1") -> tuple[int, int, int]:
        """Available, held, sold; the audit must be balanced."""
        audit = await self.audit(sale_id)
        assert audit["balanced"], audit
        rows = {row["sku_id"]: row for row in audit["skus"]}  # type: ignore[attr-defined]
        row = rows[sku_id]
        return row["available"], row["held"], row["sold"]

    async def drain(self) -> int:
        """The journal into SQL, to its end."""
        total = 0
        while moved := await self.sale.consumer.step():
            total += moved
        return total

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        self.posted.append((headers, body))
        if not self.delivering:
            raise ConnectionError("the callback was lost")
        await self.sale.checkout.on_callback("sandbox", headers, body, self.now_ms)
        return 200


def sku(
    sku_id: str,
    *,
    stock: int = 10,
    per_user: int = 0,
    cents: int = 100,
    channels: Mapping[str, int] = MappingProxyType({}),
) -> SkuSpec:
    return SkuSpec(
        sku_id=sku_id,
        product_id=f"p-{sku_id}",
        title=f"Product {sku_id}",
        stock=stock,
        sale_cents=cents,
        list_cents=cents * 2,
        per_user=per_user,
        channels=channels,
    )
