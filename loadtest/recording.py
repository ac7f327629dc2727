"""A recorded room as a file: gzipped JSON lines, version 1. Pure; see record.py and replay.py.

The first line names format and version, then things happen in order of `at_ms`, the last line says
how many there were. A file is somebody else's input: sizes, counts and times are bounded, unknown
fields are refused, and what is not a whole recording is a `BadRecording` that says where and why.
No tokens and no user ids are in it: people are numbered in the order in which they first spoke.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

LINE_BYTES_MAX = 64 * 1024  # a sale with a hundred SKUs is a tenth of that
FILE_BYTES_MAX = 512 * 1024 * 1024  # unpacked; more is a bomb, not an evening
LINES_MAX = 1_000_000  # some hundred comments a second for two hours
DAY_MS = 24 * 3600 * 1000
SKUS_MAX = 100
PEOPLE_MAX = 1_000_000

AtMs = Annotated[int, Meta(ge=0, le=DAY_MS)]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]
Level = Annotated[int, Meta(ge=0, le=10_000_000)]
Cents = Annotated[int, Meta(ge=0, le=10**9)]
Label = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[a-z]+-[0-9]+\Z")]
Title = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(min_length=1, max_length=2000)]


class BadRecording(Exception):
    """The file is no whole recording that this version can play."""


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t"):
    at_ms: AtMs


class Recording(_Line, frozen=True, tag="recording"):
    """The first line."""

    version: Literal[1]
    title: Title


class Online(_Line, frozen=True, tag="online"):
    viewers: Level


class Commented(_Line, frozen=True, tag="comment"):
    who: Annotated[int, Meta(ge=1, le=PEOPLE_MAX)]
    text: Text


class Liked(_Line, frozen=True, tag="likes"):
    taps: Count


class CardShown(_Line, frozen=True, tag="card"):
    product: Label
    title: Title
    price_cents: Cents
    list_cents: Cents
    mode: Literal["listed", "explaining"]


class CardHidden(_Line, frozen=True, tag="card_hidden"):
    product: Label


class Announced(_Line, frozen=True, tag="announcement"):
    text: Text


class Sku(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: Label
    stock: Annotated[int, Meta(ge=1, le=1_000_000)]
    list_cents: Cents
    sale_cents: Cents
    per_user: Annotated[int, Meta(ge=1, le=1000)]


class SaleStarted(_Line, frozen=True, tag="sale"):
    sale: Label
    countdown_ms: Annotated[int, Meta(ge=0, le=3_600_000)]
    skus: Annotated[tuple[Sku, ...], Meta(min_length=1, max_length=SKUS_MAX)]


class Sold(_Line, frozen=True, tag="sold"):
    sale: Label
    sku: Label
    units: Count


class SaleEnded(_Line, frozen=True, tag="sale_ended"):
    sale: Label


class LotteryOpened(_Line, frozen=True, tag="lottery"):
    lottery: Label
    winners: Annotated[int, Meta(ge=1, le=1000)]


class Entered(_Line, frozen=True, tag="entered"):
    lottery: Label
    people: Count


class LotteryDrawn(_Line, frozen=True, tag="drawn"):
    lottery: Label


class End(_Line, frozen=True, tag="end"):
    """The last line. `missed` are comments that the recorder was told of and not shown."""

    lines: Annotated[int, Meta(ge=0, le=LINES_MAX)]
    missed: Annotated[int, Meta(ge=0)]


Happening = (
    Online | Commented | Liked | CardShown | CardHidden | Announced | SaleStarted | Sold | SaleEnded
    | LotteryOpened | Entered | LotteryDrawn
)  # fmt: skip
Line = Recording | Happening | End

_decoder = msgspec.json.Decoder(Line)
_encoder = msgspec.json.Encoder()


class Whole(msgspec.Struct, frozen=True):
    """A recording that was read to its end and holds together."""

    title: str
    happenings: tuple[Happening, ...]
    missed: int

    @property
    def duration_ms(self) -> int:
        return self.happenings[-1].at_ms if self.happenings else 0


def line_bytes(line: Line) -> bytes:
    return _encoder.encode(line) + b"\n"


def write(path: str | Path, title: str, happenings: Iterable[Happening]) -> None:
    """A whole recording at once; record.py writes as things happen."""
    count, at_ms = 0, 0
    with gzip.open(path, "wb") as file:
        file.write(line_bytes(Recording(0, version=1, title=title)))
        for each in happenings:
            file.write(line_bytes(each))
            count, at_ms = count + 1, each.at_ms
        file.write(line_bytes(End(at_ms, lines=count, missed=0)))


def read(path: str | Path) -> Whole:
    """Raises BadRecording, and OSError when there is no such file."""
    try:
        with gzip.open(path, "rb") as file:
            return _read(_lines(file))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadRecording(f"not a whole gzip file: {error}") from None


def _lines(file: gzip.GzipFile) -> Iterator[tuple[int, Line]]:
    """Each line with its number, never more in memory than one may have."""
    number = taken = 0
    while text := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        taken += len(text)
        if len(text) > LINE_BYTES_MAX:
            raise BadRecording(f"line {number} is longer than {LINE_BYTES_MAX} bytes")
        if taken > FILE_BYTES_MAX:
            raise BadRecording(f"unpacked, it is larger than {FILE_BYTES_MAX} bytes")
        if number > LINES_MAX + 2:
            raise BadRecording(f"more than {LINES_MAX} lines")
        try:
            yield number, _decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadRecording(f"line {number}: {error}") from None


def _read(lines: Iterator[tuple[int, Line]]) -> Whole:
    first = next(lines, None)
    if first is None or not isinstance(first[1], Recording):
        raise BadRecording("the first line does not say that this is a recording")
    happenings: list[Happening] = []
    told = _Told()
    at_ms = 0
    for number, line in lines:
        if line.at_ms < at_ms:
            raise BadRecording(f"line {number} is from before the line above")
        at_ms = line.at_ms
        if isinstance(line, Recording):
            raise BadRecording(f"line {number} begins another recording")
        if isinstance(line, End):
            if line.lines != len(happenings):
                raise BadRecording(f"{len(happenings)} lines of {line.lines}")
            if next(lines, None) is not None:
                raise BadRecording(f"line {number + 1} comes after the end")
            return Whole(first[1].title, tuple(happenings), line.missed)
        told.take(number, line)
        happenings.append(line)
    raise BadRecording("it ends in the middle: the last line is missing")


class _Told:
    """Which cards, sales and lotteries a reader knows: nothing may happen to others."""

    def __init__(self) -> None:
        self._known: set[tuple[str, ...]] = set()

    def take(self, number: int, line: Happening) -> None:
        match line:
            case SaleStarted():
                self._begin(number, ("sale", line.sale))
                for sku in line.skus:
                    self._begin(number, ("sku", line.sale, sku.sku))
            case LotteryOpened():
                self._begin(number, ("lottery", line.lottery))
            case CardShown():
                self._known.add(("card", line.product))
            case CardHidden():
                self._need(number, ("card", line.product))
            case Sold():
                self._need(number, ("sku", line.sale, line.sku))
            case SaleEnded():
                self._need(number, ("sale", line.sale))
            case Entered() | LotteryDrawn():
                self._need(number, ("lottery", line.lottery))
            case _:
                pass

    def _begin(self, number: int, what: tuple[str, ...]) -> None:
        if what in self._known:
            raise BadRecording(f"line {number}: {' '.join(what)} begins twice")
        self._known.add(what)

    def _need(self, number: int, what: tuple[str, ...]) -> None:
        if what not in self._known:
            raise BadRecording(f"line {number}: {' '.join(what)} has not begun")
