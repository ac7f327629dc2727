"""What a callback must carry to be believed."""

from __future__ import annotations

import pytest

from flash_sale.errors import Refused
from flash_sale.payments import (
    CALLBACK_BYTES_MAX,
    Callback,
    Payment,
    PaymentStatus,
    match_callback,
    parse_callback,
    sign,
    verify,
)

SECRET = b"secret"
BODY = (
    b'{"event_id":"e","payment_id":"p","order_id":"o1-a","status":"succeeded",'
    b'"amount_cents":100,"currency":"CNY","ts":1}'
)
PAYMENT = Payment("p", "o1-a", "sandbox", 100, "CNY", PaymentStatus.PENDING, 0)


def code_of(act: object, *arguments: object) -> str:
    with pytest.raises(Refused) as refusal:
        act(*arguments)  # type: ignore[operator]
    return refusal.value.code


def test_the_signature_is_the_published_one() -> None:
    """HMAC-SHA256 over "<t>." and the raw body; anybody can compute it."""
    assert sign(b"secret", b"{}", 1) == (
        "t=1,v1=1122767b193110cfec322b6f199b599edbf608ed087f2d27afb0b97d99523908"
    )


@pytest.mark.parametrize("skew_s", [-300, 0, 300])
def test_a_fresh_signature_is_believed(skew_s: int) -> None:
    verify(SECRET, sign(SECRET, BODY, 1_000), BODY, (1_000 + skew_s) * 1000)


@pytest.mark.parametrize("skew_s", [-301, 301])
def test_an_old_or_future_one_is_not(skew_s: int) -> None:
    asked = (SECRET, sign(SECRET, BODY, 1_000), BODY, (1_000 + skew_s) * 1000)
    assert code_of(verify, *asked) == "stale_signature"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=1000",
        "v1=" + "0" * 64,
        "t=1000,v1=" + "0" * 64,
        "t=1000,v1=" + "G" * 64,
        "t=-1,v1=" + "0" * 64,
        "t=1e3,v1=" + "0" * 64,
        sign(SECRET, BODY, 1_000) + "0",
        sign(SECRET, BODY, 1_000).upper(),
        sign(b"other", BODY, 1_000),
        sign(SECRET, BODY + b" ", 1_000),
    ],
)
def test_any_other_header_is_refused(header: str | None) -> None:
    assert code_of(verify, SECRET, header, BODY, 1_000_000) == "bad_signature"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        BODY.replace(b"100", b"100.0"),
        BODY.replace(b"100", b'"100"'),
        BODY.replace(b"100", b"1e999"),
        BODY.replace(b"100", b"true"),
        BODY.replace(b"succeeded", b"paid"),
        BODY.replace(b'"e"', b'""'),
        BODY.replace(b'"e"', b'"' + b"e" * 129 + b'"'),
        BODY + b" " * CALLBACK_BYTES_MAX,
        b"\xff",
    ],
)
def test_a_malformed_body_is_refused(body: bytes) -> None:
    assert code_of(parse_callback, body) == "bad_request"


def test_unknown_fields_of_a_provider_are_ignored() -> None:
    assert parse_callback(BODY[:-1] + b',"extra":1}').payment_id == "p"


@pytest.mark.parametrize(
    ("body", "payment", "code"),
    [
        (BODY, None, "not_found"),
        (BODY.replace(b"o1-a", b"o1-b"), PAYMENT, "not_found"),
        (BODY.replace(b"100", b"99"), PAYMENT, "amount_mismatch"),
        (BODY.replace(b"CNY", b"USD"), PAYMENT, "amount_mismatch"),
    ],
)
def test_order_and_sum_must_be_the_payments(
    body: bytes, payment: Payment | None, code: str
) -> None:
    callback: Callback = parse_callback(body)
    assert code_of(match_callback, payment, "sandbox", callback) == code
    assert code_of(match_callback, PAYMENT, "otherbank", parse_callback(BODY)) == "not_found"
    assert match_callback(PAYMENT, "sandbox", parse_callback(BODY)) is PAYMENT
