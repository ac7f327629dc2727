"""Which node of a cluster owns which key, and how a cluster's address is written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

CLUSTER_SCHEMES: Final = ("redis+cluster", "rediss+cluster")
PORT: Final = 6379
SEEDS_MAX: Final = 64  # nodes named in an address; one that answers tells of all others

# Where a command's first key stands. All keys of a command have one hash tag, so one is enough.
SCRIPTED: Final = frozenset({"EVAL", "EVALSHA"})
KEYLESS: Final = frozenset({"PING", "TIME"})


class Place(NamedTuple):
    """Where a node listens."""

    host: str
    port: int


class Span(NamedTuple):
    """Slots from `first` to `last`, both included, and their primary."""

    first: int
    last: int
    place: Place


class ClusterAddress(NamedTuple):
    """What `redis+cluster://user:password@host:port,host:port` says."""

    seeds: tuple[Place, ...]
    username: str | None
    password: str | None
    tls: str  # "tls" or "plain"


def is_cluster(url: str) -> bool:
    """Whether an address names a cluster."""
    return url.partition("://")[0] in CLUSTER_SCHEMES


def parse_address(url: str) -> ClusterAddress:
    """Raises ValueError, without the password, when the address cannot be one."""
    parts = urlsplit(url)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("a cluster has one database: nothing may follow the hosts")
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    seeds = tuple(_place(part) for part in hosts.split(",") if part)
    if not 1 <= len(seeds) <= SEEDS_MAX:
        raise ValueError(f"a cluster's address names 1 to {SEEDS_MAX} nodes, host:port,host:port")
    tls = "tls" if parts.scheme.startswith("rediss") else "plain"
    return ClusterAddress(seeds, unquote(username) or None, unquote(password) or None, tls)


def _place(text: str) -> Place:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return Place(text.strip("[]"), PORT)
    if not port.isdigit() or not 0 < int(port) < 65_536 or not host:
        raise ValueError("a node of a cluster is written host:port")
    return Place(host.strip("[]"), int(port))


def key_of(command: Sequence[object]) -> object | None:
    """The first key of a command; None of one that any node can answer."""
    name = command[0]
    if name in SCRIPTED:
        return command[3]
    return None if name in KEYLESS else command[1]


def slot_of(key: object) -> int:
    """The slot of a key, which is text or bytes."""
    if isinstance(key, bytes):
        return key_slot(key)
    return key_slot(str(key).encode())


def spans_of(answer: Iterable[Sequence[object]], asked: Place) -> list[Span]:
    """What `CLUSTER SLOTS` says, in its raw form. A node without a host is the one asked."""
    return [Span(_whole(row[0]), _whole(row[1]), _told(row[2], asked)) for row in answer]


def _whole(value: object) -> int:
    return int(value) if isinstance(value, (int, bytes, str)) else -1


def _told(node: object, asked: Place) -> Place:
    host, port = (node[0], node[1]) if isinstance(node, Sequence) else (None, asked.port)
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    return Place(asked.host if name in ("", "?") else name, _whole(port))


class SlotTable:
    """The owner of each slot, as last heard."""

    def __init__(self) -> None:
        self._owners: list[Place | None] = [None] * REDIS_CLUSTER_HASH_SLOTS

    def owner(self, slot: int) -> Place | None:
        return self._owners[slot]

    def move(self, slot: int, place: Place) -> bool:
        """One slot has another owner; whether that is news."""
        before, self._owners[slot] = self._owners[slot], place
        return before != place

    def take(self, spans: Iterable[Span]) -> bool:
        """The whole table anew; whether an owner has changed."""
        owners: list[Place | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, place in spans:
            owners[first : last + 1] = [place] * (last - first + 1)
        before, self._owners = self._owners, owners
        return before != owners

    @property
    def is_whole(self) -> bool:
        """Whether every slot has an owner."""
        return None not in self._owners

    @property
    def places(self) -> tuple[Place, ...]:
        """The owners, each once."""
        return tuple(dict.fromkeys(place for place in self._owners if place is not None))
