"""Tokens: what is admitted, and that everything else gets one answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from server.tokens import BadToken, ExpiredToken, Identity, Tokens

SECRET = "a secret of at least thirty-two bytes!"
NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS // 1000
GOOD = {"sub": "ann", "name": "Ann", "role": "viewer", "room": "*", "exp": NOW_S + 60}


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(SECRET)


def signed(claims: dict[str, Any], headers: dict[str, Any] | None = None, key: str = SECRET) -> str:
    """A token with a right signature, whatever it says."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    body = f"{part({'alg': 'HS256', 'typ': 'JWT', **(headers or {})})}.{part(claims)}"
    mac = hmac.new(key.encode(), body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_what_is_minted_is_admitted(tokens: Tokens) -> None:
    """Every claim arrives as it was given."""
    token = tokens.mint(
        sub="lin",
        name="小林",
        role="host",
        room="r1",
        ttl_s=60,
        now_ms=NOW_MS,
        tier="gold",
        src="tv",
    )
    assert tokens.verify(token, now_ms=NOW_MS, room_id="r1") == Identity(
        user_id="lin",
        name="小林",
        role="host",
        room="r1",
        expires_ms=NOW_MS + 60_000,
        tier="gold",
        src="tv",
    )


def test_another_issuers_minimal_token_is_admitted(tokens: Tokens) -> None:
    """Only sub and exp are required; the rest has defaults."""
    identity = tokens.verify(signed({"sub": "ann", "exp": NOW_S + 60}), now_ms=NOW_MS)
    assert (identity.name, identity.role, identity.room) == ("ann", "viewer", "*")


BAD_CLAIMS = [
    {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "a b"}, {"sub": "a" * 65}, {"sub": "a\n"},
    {"sub": "a:b"}, {"sub": "{x}"}, {"sub": ["ann"]}, {"sub": "é"},
    {"role": "root"}, {"role": "guest"}, {"role": ["admin"]}, {"role": 1}, {"role": None},
    {"role": "Admin"}, {"role": "admin "}, {"role": {"admin": True}},
    {"room": ""}, {"room": "a b"}, {"room": None}, {"room": ["*"]}, {"room": "**"}, {"room": 0},
    {"name": 5}, {"name": ["x"]}, {"tier": 5}, {"src": {}}, {"tier": True},
    {"exp": None}, {"exp": True}, {"exp": str(NOW_S + 60)}, {"exp": NOW_S + 60.5},
    {"exp": -1}, {"exp": 2**63}, {"exp": 10**400}, {"exp": [NOW_S]}, {"exp": float("inf")},
    {"nbf": NOW_S + 3600}, {"iat": NOW_S + 3600}, {"iat": "now"}, {"nbf": True}, {"nbf": -5},
    {"aud": "another-service"},
]  # fmt: skip


@pytest.mark.parametrize("change", BAD_CLAIMS, ids=lambda change: json.dumps(change)[:30])
def test_a_signed_token_with_a_bad_claim_is_refused(tokens: Tokens, change: dict[str, Any]) -> None:
    """A right signature does not make a wrong type right."""
    with pytest.raises(BadToken):
        tokens.verify(signed({**GOOD, **change}), now_ms=NOW_MS)


BAD_HEADERS = [
    {"alg": "none"}, {"alg": "HS512"}, {"alg": "RS256"}, {"alg": ""}, {"alg": ["HS256"]},
    {"kid": "../../etc/passwd"}, {"kid": "other"}, {"jku": "https://x.example/keys"},
    {"jwk": {"kty": "oct", "k": "AA"}}, {"x5u": "https://x.example"}, {"x5c": ["AA"]},
    {"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"typ": "at+jwt"}, {"cty": "JWT"},
]  # fmt: skip


@pytest.mark.parametrize("headers", BAD_HEADERS, ids=lambda headers: json.dumps(headers)[:30])
def test_a_header_that_points_elsewhere_is_refused(tokens: Tokens, headers: dict[str, Any]) -> None:
    """One pinned algorithm, one key: nothing in the token chooses either."""
    with pytest.raises(BadToken):
        tokens.verify(signed(GOOD, headers), now_ms=NOW_MS)


def tampered() -> list[str]:
    good = signed(GOOD)
    header, body, mac = good.split(".")
    bare = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    admin = signed({**GOOD, "role": "admin"}, key="x" * 40).split(".")
    return [
        "", ".", "..", "...", "x", good[:-1] + ("A" if good[-1] != "A" else "B"), good[:-4],
        f"{header}.{body}", f"{header}.{body}.", f"{bare}.{body}.", f"{bare}.{body}.{mac}",
        f"{header}.{admin[1]}.{mac}", ".".join(admin), f"{header}.{body}.{mac}.{mac}",
        f"{body}.{header}.{mac}", " " + good, good + "\n", good.replace(".", ".."), "é" + good,
        good + "A" * 5000, f"{header}.{body}.{'A' * 43}", "null", "\x00",
        jwt.encode(GOOD, SECRET * 2, algorithm="HS512"),
        jwt.encode(GOOD, "", algorithm="HS256") if False else f"{header}..{mac}",
    ]  # fmt: skip


@pytest.mark.parametrize("token", tampered(), ids=lambda token: repr(token[:20]))
def test_a_tampered_token_is_refused(tokens: Tokens, token: str) -> None:
    """Cut, glued, re-signed, unsigned: none is admitted, and none raises anything else."""
    with pytest.raises(BadToken) as refusal:
        tokens.verify(token, now_ms=NOW_MS)
    assert type(refusal.value) is BadToken
    assert str(refusal.value) == "The token is not valid."


def test_an_expired_token_is_told_apart_only_when_all_else_is_right(tokens: Tokens) -> None:
    """Whoever holds a real token may know that its time is over."""
    old = signed({**GOOD, "exp": NOW_S})
    with pytest.raises(ExpiredToken):
        tokens.verify(old, now_ms=NOW_MS)
    with pytest.raises(BadToken) as refusal:
        tokens.verify(signed({**GOOD, "exp": NOW_S}, key="y" * 40), now_ms=NOW_MS)
    assert type(refusal.value) is BadToken


def test_a_token_is_good_in_its_room_only(tokens: Tokens) -> None:
    """`*` is good everywhere, a room id in that room."""
    here = signed({**GOOD, "room": "here"})
    assert tokens.verify(here, now_ms=NOW_MS, room_id="here").user_id == "ann"
    with pytest.raises(BadToken):
        tokens.verify(here, now_ms=NOW_MS, room_id="there")


def test_names_are_cleaned(tokens: Tokens) -> None:
    """A name cannot reverse a line of chat or cover its neighbours."""
    identity = tokens.verify(
        signed({**GOOD, "name": "A\u202enn\u0000" + "z\u0301\u0302\u0303\u0304\u0305"}),
        now_ms=NOW_MS,
    )
    assert "\u202e" not in identity.name
    assert "\x00" not in identity.name
    assert tokens.verify(signed({**GOOD, "name": "\u200b\u202e"}), now_ms=NOW_MS).name == "ann"


@pytest.mark.parametrize("wrong", [{"sub": "a b"}, {"role": "king"}, {"room": "x/y"}])
def test_nothing_is_minted_that_would_be_refused(tokens: Tokens, wrong: dict[str, str]) -> None:
    """A mistake shows where it is made."""
    with pytest.raises(ValueError, match="not valid"):
        tokens.mint(**{"sub": "ann", "ttl_s": 60, "now_ms": NOW_MS, **wrong})


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_key_pairs_work_and_a_public_key_cannot_sign(algorithm: str) -> None:
    """The issuer keeps the private key; the server needs the public one."""
    private = (
        rsa.generate_private_key(65537, 2048)
        if algorithm == "RS256"
        else ec.generate_private_key(ec.SECP256R1())
    )
    private_pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    public_pem = (
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    token = Tokens(private_pem, algorithm).mint(sub="ann", ttl_s=60, now_ms=NOW_MS)
    checker = Tokens(public_pem, algorithm)
    assert checker.verify(token, now_ms=NOW_MS).user_id == "ann"
    with pytest.raises(ValueError, match="cannot sign"):
        checker.mint(sub="ann", ttl_s=60, now_ms=NOW_MS)
    with pytest.raises(BadToken):  # the public key used as an HMAC secret
        checker.verify(signed(GOOD, key=public_pem), now_ms=NOW_MS)


def test_a_token_seen_before_still_ends_and_is_still_for_its_room() -> None:
    tokens = Tokens("a secret of at least thirty-two bytes")
    token = tokens.mint(sub="ann", now_ms=0, ttl_s=10, room="r1")
    for _ in range(2):
        assert tokens.verify(token, now_ms=9_000, room_id="r1").user_id == "ann"
        with pytest.raises(ExpiredToken):
            tokens.verify(token, now_ms=10_000, room_id="r1")
        with pytest.raises(BadToken):
            tokens.verify(token, now_ms=9_000, room_id="r2")
    with pytest.raises(BadToken):
        tokens.verify(token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), now_ms=0)
