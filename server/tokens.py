"""Who someone is: signed tokens in, identities out.

One pinned algorithm, every claim checked by type and shape, and one answer for every failure. What
a role may do is not decided here.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization

from room.text import clean_name

ID_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
TOKEN_BYTES_MAX = 4096
CLOCK_SKEW_MS = 30_000  # between the issuer's clock and ours, for `iat` and `nbf` only
TOKENS_REMEMBERED_MAX = 10_000  # some 10 MB: who acts over HTTP sends the same token again
EXPIRY_S_MAX = 2**43  # keeps milliseconds within a double's exact integers
SYMMETRIC: Final = frozenset({"HS256", "HS384", "HS512"})
ALGORITHMS: Final = SYMMETRIC | {"RS256", "ES256"}

GUEST: Final = "guest"
ROLES: Final = ("viewer", "member", "assistant", "host", "operator", "admin")
STAFF: Final = frozenset({"assistant", "host", "operator", "admin"})


class BadToken(Exception):
    """Not admitted. Says nothing more: the reason would only help whoever is trying."""

    def __init__(self) -> None:
        super().__init__("The token is not valid.")


class ExpiredToken(BadToken):
    """Right in all but its time: the client should get a new one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One person as the token's issuer named them. `expires_ms` 0 means it does not expire."""

    user_id: str
    name: str
    role: str
    room: str = "*"
    expires_ms: int = 0
    tier: str | None = None
    src: str | None = None

    @classmethod
    def guest(cls, user_id: str) -> Identity:
        """Someone without a token."""
        return cls(user_id=user_id, name="", role=GUEST)

    @property
    def is_guest(self) -> bool:
        return self.role == GUEST

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF

    def allows_room(self, room_id: str) -> bool:
        """Whether the token is good in this room."""
        return self.room in ("*", room_id)

    def to_wire(self) -> dict[str, str]:
        """The user object of the protocol."""
        return {"id": self.user_id, "name": self.name, "role": self.role}


_Read = tuple[Identity, dict[str, Any]]


class Tokens:
    """Makes and checks tokens with one key and one algorithm.

    For RS256 and ES256 `secret` is a PEM key; with a public key only `verify` works.
    """

    def __init__(self, secret: str, algorithm: str = "HS256") -> None:
        if algorithm not in ALGORITHMS:
            raise ValueError(f"jwt_algorithm must be one of {', '.join(sorted(ALGORITHMS))}")
        if not secret:
            raise ValueError("jwt_secret must not be empty")
        self._algorithm = algorithm
        self._signing_key, self._checking_key = _keys(secret, algorithm)
        self._known: dict[str, _Read] = {}

    def mint(
        self,
        *,
        sub: str,
        now_ms: int,
        ttl_s: int,
        name: str = "",
        role: str = "viewer",
        room: str = "*",
        tier: str | None = None,
        src: str | None = None,
    ) -> str:
        """A signed token. Raises ValueError for claims that `verify` would not admit."""
        claims: dict[str, Any] = {
            "sub": sub,
            "name": name or sub,
            "role": role,
            "room": room,
            "iat": now_ms // 1000,
            "exp": now_ms // 1000 + ttl_s,
        }
        claims.update({key: value for key, value in (("tier", tier), ("src", src)) if value})
        try:
            _identity(claims)
        except BadToken:
            raise ValueError(
                f"not valid: sub {sub!r}, role {role!r} (of {', '.join(ROLES)}) or room {room!r}"
            ) from None
        if self._signing_key is None:
            raise ValueError("a public key cannot sign: give the private key to make tokens")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a short secret is refused in config, off loopback
            return jwt.encode(claims, self._signing_key, algorithm=self._algorithm)

    def verify(self, token: str, *, now_ms: int, room_id: str | None = None) -> Identity:
        """The identity of a token that is good now, and in `room_id` when one is given.

        Raises BadToken, or ExpiredToken when only its time is over.
        """
        identity, claims = self._known.get(token) or self._learn(token)
        if room_id is not None and not identity.allows_room(room_id):
            raise BadToken
        for claim in ("iat", "nbf"):
            if _seconds(claims.get(claim, 0)) * 1000 > now_ms + CLOCK_SKEW_MS:
                raise BadToken
        if identity.expires_ms <= now_ms:
            raise ExpiredToken
        return identity

    def _learn(self, token: str) -> _Read:
        """What a token says whose signature is right: that never changes, its times may end."""
        read = self._read(token)
        if len(self._known) >= TOKENS_REMEMBERED_MAX:
            del self._known[next(iter(self._known))]
        self._known[token] = read
        return read

    def _read(self, token: str) -> _Read:
        if len(token) > TOKEN_BYTES_MAX:
            raise BadToken
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                decoded = jwt.decode_complete(
                    token,
                    self._checking_key,
                    algorithms=[self._algorithm],
                    # Times are checked above, against the clock that is handed in.
                    options={
                        "require": ["sub", "exp"],
                        "verify_exp": False,
                        "verify_nbf": False,
                        "verify_iat": False,
                    },
                )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise BadToken from None
        # Headers that name or carry another key (kid, jwk, jku, x5c, crit …) are never of use here.
        if set(decoded["header"]) - {"alg", "typ"} or decoded["header"].get("typ", "JWT") != "JWT":
            raise BadToken
        return _identity(decoded["payload"]), decoded["payload"]


def _identity(claims: dict[str, Any]) -> Identity:
    sub, role, room = claims.get("sub"), claims.get("role", "viewer"), claims.get("room", "*")
    name, tier, src = claims.get("name", sub), claims.get("tier"), claims.get("src")
    if not (isinstance(sub, str) and ID_PATTERN.fullmatch(sub)):
        raise BadToken
    if not (isinstance(role, str) and role in ROLES):
        raise BadToken
    if not (isinstance(room, str) and (room == "*" or ID_PATTERN.fullmatch(room))):
        raise BadToken
    if not isinstance(name, str) or any(not isinstance(x, str | None) for x in (tier, src)):
        raise BadToken
    return Identity(
        user_id=sub,
        name=clean_name(name, sub),
        role=role,
        room=room,
        expires_ms=_seconds(claims.get("exp")) * 1000,
        tier=tier,
        src=src,
    )


def _seconds(value: object) -> int:
    # type() and not isinstance(): true is an int to Python.
    if type(value) is not int or not 0 <= value <= EXPIRY_S_MAX:
        raise BadToken
    return value


def _keys(secret: str, algorithm: str) -> tuple[Any, Any]:
    if algorithm in SYMMETRIC:
        return secret, secret
    pem = secret.encode()
    try:
        private: Any = serialization.load_pem_private_key(pem, password=None)
    except ValueError:
        return None, serialization.load_pem_public_key(pem)
    return private, private.public_key()
