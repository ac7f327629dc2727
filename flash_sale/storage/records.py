"""What the scripts take and write: buys, reservation records, kept answers, journal entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgpack

from flash_sale.channels import Cell, cell_of_name
from flash_sale.orders import Reservation, ReservationState, ReservedLine
from flash_sale.ports import Buy, Entry, StoredAnswer

FINGERPRINT_BYTES = 24
COUNTERS = ("i", "r", "w", "t", "a", "h", "s", "v")
AGAIN = 0  # in the journal's column of asks: not a new hold, a further key of an older one


def unpack_record(suffix: str, packed: bytes) -> Reservation:
    fields = unpack(packed)
    state, user, key, amount, created, pay_by, expires, lines, payment, seq, channel = fields[:11]
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
        returned=tuple(sorted(fields[11].items())) if len(fields) > 11 else (),
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
            *([dict(reservation.returned)] if reservation.returned else []),
        ],
        use_bin_type=False,
    )
    return packed


@lru_cache(maxsize=256)
def _name(field: bytes) -> str:
    """A field's name: the scripts write some twenty different ones, millions of times."""
    return field.decode("ascii", "replace")


def unpack_entries(entry_id: bytes, pairs: Mapping[bytes, bytes]) -> list[Entry]:
    """The facts of one stream entry: a batch of buys is one, numbered as its last fact."""
    fields = {_name(name): value for name, value in pairs.items()}
    seq = int(entry_id.split(b"-")[0])
    try:
        kind, at_ms = fields["k"].decode(), int(fields["t"])
        if kind == "buys":
            return _bought(seq, at_ms, fields["b"])
        packed = fields.get("d")
        if not packed:
            return [Entry(seq, kind, at_ms, fields)]
        record = unpack_record(fields["r"].decode(), packed)
        answer = StoredAnswer(fields["f"].decode(), fields["a"].decode())
        return [Entry(seq, kind, at_ms, fields, record, answer)]
    except (KeyError, ValueError, TypeError, IndexError):  # no script can have written it like that
        return [Entry(seq=seq, kind="unreadable", at_ms=0, fields=fields)]


def _bought(last_seq: int, at_ms: int, packed: bytes) -> list[Entry]:
    pay_by, expires, asks, *columns = unpack(packed)
    lines = [tuple(ReservedLine(*line) for line in ask[4]) if ask else () for ask in asks]
    held, entries = ReservationState.HELD, []
    first_seq = last_seq - len(columns[0]) + 1
    for seq, (number, user, key, suffix, left) in enumerate(zip(*columns, strict=True), first_seq):
        if number == AGAIN:
            again = {"r": suffix.encode(), "u": user.encode(), "key": key.encode()}
            entries.append(Entry(seq, "again", at_ms, again))
            continue
        fingerprint, begins, ends, amount, _, channel = asks[number - 1]
        record = Reservation(
            *(suffix, held, user, key, amount, at_ms, pay_by, expires),
            *(lines[number - 1], None, seq, channel),
        )
        answer = StoredAnswer(fingerprint, HELD_JSON % (suffix, suffix, f"{begins}{left}{ends}"))
        entries.append(Entry(seq, "held", at_ms, {}, record, answer))
    return entries


# -- the kept answer ------------------------------------------------------------------------------

# What a buyer is told of a hold. The bytes of answers given before must not change: they are told
# again for a day. The third part is kept as text, from the amount on.
HELD_JSON = '{"status":"held","reservation_id":"r%s","order_id":"o%s","amount_cents":%s'
_HELD_BYTES = HELD_JSON.replace("%s", "%b").encode()


def answer_json(kept: bytes) -> bytes:
    """What was answered under a key, of what is kept there: see `keys.answers`."""
    if kept[FINGERPRINT_BYTES] == 0x7B:  # "{": it was kept whole
        return kept[FINGERPRINT_BYTES:]
    suffix, _, rest = kept[FINGERPRINT_BYTES:].partition(b" ")
    return _HELD_BYTES % (suffix, suffix, rest)


def batch_answers(raw: Sequence[bytes]) -> list[bytes]:
    """Of each buy its answer's JSON, or the refusal's code, which is shorter than a fingerprint."""
    return [answer_json(each) if len(each) > FINGERPRINT_BYTES else each for each in raw]


def buy_columns(buys: Sequence[Buy]) -> tuple[Sequence[object], ...]:
    """As `lua/reserve.lua` takes them: what several buys have in common is sent once."""
    people, keys_, suffixes, asks, eligible = zip(*buys, strict=True)
    numbers: dict[tuple[int, int], int] = {}  # by the ask's identity: to compare it takes longer
    sent: list[tuple[object, ...]] = []
    which = []
    for ask, may in zip(asks, eligible, strict=True):
        number = numbers.get((id(ask), may))
        if number is None:
            fingerprint, lines, channel, *price = ask
            sent.append((fingerprint, lines, channel, may, *price))
            number = numbers[id(ask), may] = len(sent)
        which.append(number)
    return sent, people, keys_, suffixes, which


def counters_of(row: dict[bytes, bytes]) -> dict[Cell, dict[str, int]]:
    """The stock hash as cell → counter name → count."""
    counters: dict[Cell, dict[str, int]] = {}
    for field, value in row.items():
        name, cell = field.decode().split(":", 1)
        if name in COUNTERS:
            counters.setdefault(cell_of_name(cell), {})[name] = int(value)
    return counters


def unpack(packed: bytes) -> Any:  # noqa: ANN401 - the scripts' answers, checked by their readers
    return msgpack.unpackb(packed, raw=False)
