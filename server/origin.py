"""Where a request comes from: its address, and the device it says it is.

An address in `X-Forwarded-For` is believed only from the proxies that are configured: anybody can
write one. Limits are made of these; nothing else may depend on them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import web

from server.config import Settings

ADDRESSES_REMEMBERED_MAX = 4096  # under 1 MB: they come from the kernel or from a proxy of ours
HOPS_READ_MAX = 20  # entries of one X-Forwarded-For looked at, from the nearest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Origin:
    """`address` and `device` are empty when they are not known."""

    address: str = ""
    device: str = ""


NOWHERE = Origin()
_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def origin_of_request(request: web.BaseRequest, settings: Settings) -> Origin:
    """The origin of an HTTP request; a device is said in the header `Device-Id`."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    address = address_of(request.remote, forwarded, networks(settings.trusted_proxies))
    device = request.headers.get("Device-Id", "")
    return Origin(address, device if _DEVICE.fullmatch(device) else "")


@lru_cache(maxsize=8)
def networks(proxies: Sequence[str]) -> tuple[Network, ...]:
    """The configured proxies; raises ValueError for what is no address or network."""
    return tuple(ipaddress.ip_network(proxy, strict=False) for proxy in proxies)


def address_of(remote: str | None, forwarded: str, trusted: tuple[Network, ...]) -> str:
    """The nearest address that is not a proxy of ours, as one subscriber's: an IPv6 /64 is one."""
    nearest = remote or ""
    for hop in reversed(forwarded.split(",")[-HOPS_READ_MAX:]):
        if not _is_trusted(nearest, trusted):
            break
        claimed = hop.strip()
        if not _parsed(claimed):
            break
        nearest = claimed
    return _subscriber(nearest)


@lru_cache(maxsize=ADDRESSES_REMEMBERED_MAX)
def _is_trusted(address: str, trusted: tuple[Network, ...]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(
        parsed.version == network.version and parsed in network for network in trusted
    )


@lru_cache(maxsize=ADDRESSES_REMEMBERED_MAX)
def _subscriber(address: str) -> str:
    parsed = _parsed(address)
    if parsed is None:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
