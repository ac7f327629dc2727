"""Calling other people's addresses without being turned against one's own network.

A webhook's address comes from a person. Unless the server itself listens on loopback (a trial on
one machine), names are resolved here and the connection is made only to public addresses;
redirects are not followed, and an answer's body is not read beyond a few bytes.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

ANSWER_BYTES_MAX = 1024
WITHIN_S = 5.0
_NAT64 = IPv6Network("64:ff9b::/96")  # a gateway sends these on to the IPv4 address at their end


class NotPublic(OSError):
    """The address is not one of the public internet."""


def is_public(address: str) -> bool:
    """Whether an IP address may be called; embedded IPv4 addresses are judged as such."""
    try:
        ip = ip_address(address.split("%")[0])
    except ValueError:
        return False
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    teredo = getattr(ip, "teredo", None)
    hidden = [inner] if inner else list(teredo or ())
    if isinstance(ip, IPv6Address) and ip in _NAT64:
        hidden.append(IPv4Address(int(ip) & 0xFFFFFFFF))
    return ip.is_global and not ip.is_multicast and all(part.is_global for part in hidden)


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only, so what was checked is what is connected to."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not found or not all(is_public(entry["host"]) for entry in found):
            raise NotPublic(errno.EACCES, f"{host} is not on the public internet")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def is_address_literal(host: str) -> bool:
    """Whether no resolver will be asked about it."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class WebhookSender:
    """POSTs to webhooks. `anywhere` is for a server that listens on loopback."""

    def __init__(self, *, anywhere: bool) -> None:
        self._anywhere = anywhere
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """The status of the answer; raises on connection trouble and for addresses not public."""
        return (await self.ask(url, headers, body))[0]

    async def ask(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and the beginning of the answer, at most `ANSWER_BYTES_MAX`; raises as above."""
        # As the connection will read it: "①27。0。0。1" becomes an address that needs no resolver.
        target = URL(url)
        host = target.host or ""
        if not self._anywhere and is_address_literal(host) and not is_public(host):
            raise NotPublic(errno.EACCES, f"{host} is not on the public internet")
        async with self._opened().post(
            target, data=body, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.content.read(ANSWER_BYTES_MAX)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            options: dict[str, Any] = {} if self._anywhere else {"resolver": PublicResolver()}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=20, use_dns_cache=False, **options),
                timeout=aiohttp.ClientTimeout(total=WITHIN_S),
                trust_env=False,
            )
        return self._session
