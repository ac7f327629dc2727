"""Tokens that somebody made, bent or stole: none is admitted and all get the same answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integration.house import JWT_SECRET, Place

NOW_S = int(time.time())
GOOD: dict[str, Any] = {"sub": "mallory", "role": "admin", "room": "*", "exp": NOW_S + 3600}
HEADER: dict[str, Any] = {"alg": "HS256", "typ": "JWT"}


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Any, claims: Any, secret: str = JWT_SECRET, digest: str = "sha256") -> str:
    """A token with any header and claims and a right signature of the server's own key."""
    head = f"{part(header)}.{part(claims)}"
    return f"{head}.{part(hmac.new(secret.encode(), head.encode(), digest).digest())}"


def claims(**changes: Any) -> str:
    kept = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    return signed(HEADER, kept)


def headed(**changes: Any) -> str:
    return signed({**HEADER, **changes}, GOOD)


def rsa_token() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return jwt.encode(GOOD, key, "RS256"), public.decode()


RS256, PUBLIC_PEM = rsa_token()
GOOD_TOKEN = signed(HEADER, GOOD)
HEAD, BODY, SIGNATURE = GOOD_TOKEN.split(".")

FORGED: dict[str, str] = {
    "empty": "",
    "no dots": "token",
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD_TOKEN}.x",
    "only dots": "..",
    "alg none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{BODY}.",
    "alg None": f"{part({'alg': 'None', 'typ': 'JWT'})}.{BODY}.",
    "alg none, signed": signed({"alg": "none", "typ": "JWT"}, GOOD),
    "alg empty": headed(alg=""),
    "alg null": headed(alg=None),
    "alg lower case": headed(alg="hs256"),
    "alg list": headed(alg=["HS256"]),
    "no alg": signed({"typ": "JWT"}, GOOD),
    "HS384": signed({"alg": "HS384", "typ": "JWT"}, GOOD, digest="sha384"),
    "HS512": signed({"alg": "HS512", "typ": "JWT"}, GOOD, digest="sha512"),
    "RS256": RS256,
    "HS256 with a public key": signed(HEADER, GOOD, secret=PUBLIC_PEM),
    "wrong secret": signed(HEADER, GOOD, secret="another-secret-of-the-same-length-0123456"),
    "empty secret": signed(HEADER, GOOD, secret=""),
    "no signature": f"{HEAD}.{BODY}.",
    "cut signature": GOOD_TOKEN[:-4],
    "flipped signature": f"{HEAD}.{BODY}.{part(hashlib.sha256(b'x').digest())}",
    "other claims": f"{HEAD}.{part({**GOOD, 'sub': 'host'})}.{SIGNATURE}",
    "kid": headed(kid="../../dev/null"),
    "jku": headed(jku="https://evil.example/keys"),
    "x5u": headed(x5u="https://evil.example/cert"),
    "jwk": headed(jwk={"kty": "oct", "k": part(b"evil")}),
    "crit": headed(crit=["exp"]),
    "crit b64": headed(crit=["b64"], b64=False),
    "typ": headed(typ="at+jwt"),
    "zip": headed(zip="DEF"),
    "header is a list": signed([], GOOD),
    "header is no JSON": signed(b"{", GOOD),
    "claims are a list": signed(HEADER, [GOOD]),
    "claims are no JSON": signed(HEADER, b"{"),
    "claims are empty": signed(HEADER, {}),
    "no exp": claims(exp=...),
    "exp null": claims(exp=None),
    "exp true": claims(exp=True),
    "exp text": claims(exp=str(NOW_S + 3600)),
    "exp float": claims(exp=NOW_S + 3600.5),
    "exp negative": claims(exp=-1),
    "exp enormous": claims(exp=10**40),
    "exp infinite": signed(HEADER, b'{"sub":"mallory","role":"admin","exp":Infinity}'),
    "exp not a number": signed(HEADER, b'{"sub":"mallory","role":"admin","exp":NaN}'),
    "nbf in the future": claims(nbf=NOW_S + 3600),
    "nbf text": claims(nbf="now"),
    "iat in the future": claims(iat=NOW_S + 3600),
    "iat true": claims(iat=True),
    "no sub": claims(sub=...),
    "sub empty": claims(sub=""),
    "sub number": claims(sub=7),
    "sub null": claims(sub=None),
    "sub list": claims(sub=["host"]),
    "sub with a colon": claims(sub="a:b"),
    "sub with a brace": claims(sub="a}{b"),
    "sub with a space": claims(sub="a b"),
    "sub with a newline": claims(sub="host\n"),
    "sub with a zero": claims(sub="host\x00"),
    "sub not ASCII": claims(sub="主播"),
    "sub too long": claims(sub="x" * 65),
    "role unknown": claims(role="root"),
    "role guest": claims(role="guest"),
    "role upper case": claims(role="Admin"),
    "role list": claims(role=["admin"]),
    "role null": claims(role=None),
    "room number": claims(room=1),
    "room list": claims(room=["*"]),
    "room pattern": claims(room="room*"),
    "room null": claims(room=None),
    "another room": claims(room="elsewhere"),
    "name number": claims(name=7),
    "Bearer twice": f"Bearer {GOOD_TOKEN}",
    "very long": GOOD_TOKEN + "A" * 3000,
}


async def test_the_forgeries_are_near_misses(place: Place) -> None:
    """The token they are bent from is good: what is refused below is the bend."""
    visitor = await place.knock()
    welcome = await visitor.hello(GOOD_TOKEN)
    assert welcome["user"]["role"] == "admin"
    assert len(FORGED) >= 60


async def test_no_forgery_is_admitted_to_a_room(place: Place) -> None:
    """The same words and 4501 for all, so that nobody learns how close he came."""
    answers = {}
    for name, token in FORGED.items():
        visitor = await place.knock()
        command_id = await visitor.say("hello", token=token)
        code = await visitor.closed()
        answers[name] = (code, str(visitor.replies[command_id]["err"]))
    assert set(answers.values()) == {answers["wrong secret"]}, answers
    assert answers["wrong secret"][0] == 4501


async def test_no_forgery_is_admitted_over_http(place: Place) -> None:
    """401 with the same body, for reading and for acting."""
    answers = {}
    for name, token in FORGED.items():
        if not token.isprintable():
            continue
        for method, path in (
            ("GET", "/v1/orders"),
            ("POST", f"/v1/rooms/{place.room_id}/commands"),
        ):
            if name == "another room" and method == "GET":
                continue  # orders belong to a person, not to a room
            async with place.house.session.request(
                method,
                place.url + path,
                data=b'{"op":"announce","text":"x"}' if method == "POST" else None,
                headers={"Authorization": f"Bearer {token}"},
            ) as answer:
                answers[name, method] = (answer.status, await answer.text())
    assert set(answers.values()) == {answers["wrong secret", "GET"]}, answers
    assert answers["wrong secret", "GET"][0] == 401


@pytest.mark.parametrize("header", ["Basic bWU6bWU=", "Bearer", "Token x", "bearer  ", ""])
async def test_a_header_that_is_no_bearer_is_no_guest(place: Place, header: str) -> None:
    """Somebody who shows a paper is judged by it."""
    async with place.house.session.get(
        f"{place.url}/v1/rooms/{place.room_id}", headers={"Authorization": header}
    ) as answer:
        assert answer.status == 401
        assert (await answer.json())["err"]["code"] == "unauthorized"
