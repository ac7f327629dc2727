"""`sale.buy` through a whole server, over both its doors, beside aiohttp doing nothing.

One worker, its own Redis with every write synced; the bare server has the same clients with
messages of the same size. Ends with the audit: what was acknowledged is what is gone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import orjson

from loadtest.bench_parts import Part, Round
from loadtest.beside_bare import BesideBare, ask_all
from loadtest.checks import summary
from loadtest.lean import Asker, Tally, open_post, open_socket, post_request, text_frame
from loadtest.sale_checks import audit_failures, final_stock_failures

ROOM = "bench-sale"
STOCK = 1_000_000  # never sold out: what is measured is selling
PER_USER = 0  # each socket is one person, who buys many times
SOCKETS = 256
POSTS = 64


class Doors:
    """A sale without end, with clients at both doors. Use as an async context manager."""

    def __init__(self, *, sockets: int = SOCKETS, posts: int = POSTS) -> None:
        self._sockets, self._posts = sockets, posts
        self._both = BesideBare(ROOM, [f"shopper-{n}" for n in range(sockets)])
        self._keys = itertools.count(1)
        self._sale: tuple[str, str] = ("", "")
        self._bought = 0

    async def __aenter__(self) -> Self:
        stage = (await self._both.__aenter__()).stage
        self._sale = await stage.make_sale(stock=STOCK, per_user=PER_USER)
        await stage.start_sale(self._sale[0], countdown_s=0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._both.__aexit__(kind, error, tb)

    # -- clients --------------------------------------------------------------------------------

    async def _shoppers(self) -> list[Asker]:
        askers: list[Asker] = []
        path = f"/v1/rooms/{ROOM}/ws"
        for token in self._both.tokens:
            asker = await open_socket(
                self._both.port, path, good=b'"status":"held"', begins=b'{"re":'
            )
            hello = {"id": 0, "op": "hello", "v": 1, "token": token}
            await asker.start(iter([text_frame(orjson.dumps(hello))]), Tally())
            askers.append(asker)
        return askers

    def _buy(self) -> bytes:
        sale_id, sku_id = self._sale
        key = f"bench-{next(self._keys)}"
        lines = [{"sku_id": sku_id, "qty": 1}]
        return orjson.dumps(
            {"id": 1, "op": "sale.buy", "sale_id": sale_id, "lines": lines, "key": key}
        )

    def _frames(self, count: int) -> Iterator[bytes]:
        return iter([text_frame(self._buy()) for _ in range(count)])

    # -- turns ----------------------------------------------------------------------------------

    async def _buying(self, askers: Sequence[Asker], questions: Iterator[bytes]) -> Round:
        done = await ask_all(askers, questions, self._both.pids)
        self._bought += done.done
        return done

    async def buy_over_socket(self, count: int) -> Round:
        return await self._buying(await self._shoppers(), self._frames(count))

    async def echo_over_socket(self, count: int) -> Round:
        askers = [await self._both.bare_socket() for _ in range(self._sockets)]
        return await ask_all(askers, self._frames(count), self._both.bare_pids)

    async def buy_over_http(self, count: int) -> Round:
        port, good = self._both.port, b'"status":"held"'
        askers = [await open_post(port, good=good) for _ in range(self._posts)]
        path = f"/v1/rooms/{ROOM}/commands"
        tokens = itertools.cycle(self._both.tokens)
        asked = [post_request(path, self._buy(), token=next(tokens)) for _ in range(count)]
        return await self._buying(askers, iter(asked))

    async def post_bare(self, count: int) -> Round:
        port, token = self._both.bare_port, self._both.tokens[0]
        askers = [await open_post(port, good=b'"op"') for _ in range(self._posts)]
        asked = [post_request("/echo", self._buy(), token=token) for _ in range(count)]
        return await ask_all(askers, iter(asked), self._both.bare_pids)

    def parts(self, count: int) -> list[Part]:
        """Both doors and what they are compared with."""
        return [
            Part("sale.buy over WebSocket", lambda: self.buy_over_socket(count)),
            Part("bare aiohttp, WebSocket echo", lambda: self.echo_over_socket(count)),
            Part("sale.buy over HTTP", lambda: self.buy_over_http(count)),
            Part("bare aiohttp, JSON POST", lambda: self.post_bare(count)),
        ]

    async def audit(self) -> dict[str, Any]:
        """The invariants broken over all rounds, by number; empty when all is exact."""
        audit = await self._both.api.audit(ROOM, self._both.stage.token)
        sale_id, sku_id = self._sale
        failures = audit_failures(audit)
        failures += final_stock_failures(audit, sale_id=sale_id, taken={sku_id: self._bought})
        return dict(summary(failures))
