"""The one list of everything a client may ask for.

Each command names its op, the shape of its parameters, who may use it, how fast, and its handler.
The socket, HTTP, the generated documents and the role matrix test all read this list, so there is
no second way in. Handlers live in `server/commands/`, one file per subject.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from server.errors import CommandRefused
from server.wire import Codec

if TYPE_CHECKING:
    from server.context import Context

GUEST = "guest"
ROLES = ("guest", "viewer", "member", "assistant", "host", "operator", "admin")
EVERYONE = frozenset(ROLES)
LOGGED_IN = EVERYONE - {GUEST}
STAFF = frozenset(("assistant", "host", "operator", "admin"))
HOSTS = STAFF - {"assistant"}  # what an assistant may not: sell, draw, end the room


class RateClass(enum.Enum):
    """How often one person may use a command: tokens a second and burst.

    Counted per user, so opening more sockets gains nothing. These stop floods; how often people
    may speak is the room's own setting and stricter.
    """

    CONTROL = (20.0, 60.0)
    TALK = (200.0, 400.0)
    TAP = (30.0, 100.0)
    BUY = (50.0, 200.0)  # a client in doubt asks again with the same key
    STAFF = (60.0, 200.0)

    __hash__ = object.__hash__  # each exists once; the inherited one is Python, run every command

    @property
    def per_second(self) -> float:
        """Sustained uses a second."""
        return self.value[0]

    @property
    def burst(self) -> float:
        """Uses at once after a rest."""
        return self.value[1]


class Params(msgspec.Struct, kw_only=True):
    """A command's own fields; unknown fields are ignored so that clients may be newer."""


P = TypeVar("P", bound=Params)
Handler = Callable[["Context", P], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Command(Generic[P]):
    """One registered command."""

    op: str
    params: type[P]
    roles: frozenset[str]
    rate: RateClass
    handler: Handler[P]
    summary: str
    looks: bool  # it only shows something: no act of staff
    json: msgspec.json.Decoder[P]
    msgpack: msgspec.msgpack.Decoder[P]

    @property
    def is_staff_act(self) -> bool:
        """Whether the audit trail keeps it."""
        return self.roles <= STAFF and not self.looks

    def decode(self, raw: bytes | msgspec.Raw, codec: Codec) -> P:
        """Decode and validate the parameters; refuses `bad_request` naming the field."""
        decoder = self.json if codec is Codec.JSON else self.msgpack
        try:
            return decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CommandRefused("bad_request", str(error)) from error


_commands: dict[str, Command[Any]] = {}


def command(
    op: str, *, roles: frozenset[str], rate: RateClass, looks: bool = False
) -> Callable[[Handler[P]], Handler[P]]:
    """Register the decorated handler under `op`; its second argument's type is the schema.

    What only staff may do is kept in the audit trail, unless it `looks` only.
    """

    def register(handler: Handler[P]) -> Handler[P]:
        if op in _commands:
            raise ValueError(f"{op} is registered twice")
        params = _params_type(handler)
        _commands[op] = Command(
            op=op,
            params=params,
            roles=roles,
            rate=rate,
            handler=handler,
            looks=looks,
            summary=(handler.__doc__ or "").strip().splitlines()[0],
            json=msgspec.json.Decoder(params),
            msgpack=msgspec.msgpack.Decoder(params),
        )
        return handler

    return register


def _params_type(handler: Handler[P]) -> type[P]:
    """The annotation of the handler's second argument, looked up in its own module."""
    name = handler.__annotations__["params"]
    return handler.__globals__[name] if isinstance(name, str) else name  # type: ignore[no-any-return]


def find(op: str) -> Command[Any]:
    """The command called `op`; refuses `unknown_op`."""
    try:
        return _commands[op]
    except KeyError:
        raise CommandRefused("unknown_op", f"there is no command {op!r}") from None


def rate_of(op: str) -> RateClass | None:
    """How often one person may use `op`; None when there is no such command."""
    known = _commands.get(op)
    return known.rate if known is not None else None


def all_commands() -> Iterator[Command[Any]]:
    """Every command, in the order of its op."""
    for op in sorted(_commands):
        yield _commands[op]
