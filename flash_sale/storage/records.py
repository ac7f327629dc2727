"""The reservation record and the journal entry as the scripts write them (msgpack)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from flash_sale.orders import Reservation, ReservationState, ReservedLine
from flash_sale.ports import Entry


def unpack_record(suffix: str, packed: bytes) -> Reservation:
    state, user, key, amount, created, pay_by, expires, lines, payment, seq, channel = unpack(
        packed
    )
    return Reservation(
        suffix=suffix,
        state=ReservationState(state),
        user_id=user,
        key=key,
        amount_cents=amount,
        created_ms=created,
        pay_by_ms=pay_by,
        expires_ms=expires,
        lines=tuple(ReservedLine(*line) for line in lines),
        payment_id=payment or None,
        journal_seq=seq,
        channel=channel,
    )


def pack_record(reservation: Reservation) -> bytes:
    packed: bytes = msgpack.packb(
        [
            reservation.state.value,
            reservation.user_id,
            reservation.key,
            reservation.amount_cents,
            reservation.created_ms,
            reservation.pay_by_ms,
            reservation.expires_ms,
            [
                [line.sku_id, line.qty, line.unit_cents, *([line.origin] if line.origin else [])]
                for line in reservation.lines
            ],
            reservation.payment_id or "",
            reservation.journal_seq,
            reservation.channel,
        ],
        use_bin_type=False,
    )
    return packed


def unpack_entry(entry_id: bytes, pairs: Mapping[bytes, bytes]) -> Entry:
    """The entry; of kind `unreadable` when a script cannot have written it like that."""
    fields = {name.decode("ascii", "replace"): value for name, value in pairs.items()}
    seq = int(entry_id.split(b"-")[0])
    try:
        packed = fields.get("d")
        return Entry(
            seq=seq,
            kind=fields["k"].decode(),
            at_ms=int(fields["t"]),
            fields=fields,
            reservation=unpack_record(fields["r"].decode(), packed) if packed else None,
        )
    except (KeyError, ValueError, TypeError):
        return Entry(seq=seq, kind="unreadable", at_ms=0, fields=fields)


def unpack(packed: bytes) -> Any:  # noqa: ANN401 - the scripts' answers, checked by their readers
    return msgpack.unpackb(packed, raw=False)
