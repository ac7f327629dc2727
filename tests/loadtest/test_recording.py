"""A recording is read whole or refused; it knows nobody, and is played when each thing is due."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from loadtest import recording as rec
from loadtest.playbill import Playbill
from loadtest.recorder import Recorder
from loadtest.recording import BadRecording, Whole, read, write

HEAD = {"t": "recording", "at_ms": 0, "version": 1, "title": "Room"}
SKU = rec.Sku("sku-1", stock=5, list_cents=200, sale_cents=100, per_user=1)
EVENING: tuple[rec.Happening, ...] = (
    rec.Online(0, viewers=10),
    rec.CardShown(100, product="item-1", title="Tea", price_cents=100, list_cents=200,
                  mode="explaining"),
    rec.Commented(200, who=1, text="hello 你好"),
    rec.Commented(300, who=2, text="hi"),
    rec.SaleStarted(1000, sale="sale-1", countdown_ms=4500, skus=(SKU,)),
    rec.Online(2000, viewers=40),
    rec.LotteryOpened(2000, lottery="draw-1", winners=2),
    rec.Entered(2500, lottery="draw-1", people=2),
    rec.LotteryDrawn(3000, lottery="draw-1"),
    rec.Sold(6000, sale="sale-1", sku="sku-1", units=3),
    rec.SaleEnded(8000, sale="sale-1"),
    rec.CardHidden(9000, product="item-1"),
)  # fmt: skip


def packed(path: Path, *lines: object) -> Path:
    """A file of these lines, text as it is and everything else as JSON."""
    text = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    path.write_bytes(gzip.compress(("\n".join(text) + "\n").encode()))
    return path


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    write(tmp_path / "r.gz", "Room", EVENING)
    found = read(tmp_path / "r.gz")
    assert (found.title, found.happenings, found.duration_ms) == ("Room", EVENING, 9000)


HOSTILE: list[tuple[str, tuple[object, ...]]] = [
    ("first line", ({"t": "online", "at_ms": 0, "viewers": 1},)),
    ("line 1", ()),
    ("version", ({**HEAD, "version": 2},)),
    ("last line is missing", (HEAD, {"t": "online", "at_ms": 5, "viewers": 1})),
    ("0 lines of 9", (HEAD, {"t": "end", "at_ms": 5, "lines": 9, "missed": 0})),
    ("before the line above", (HEAD, {"t": "online", "at_ms": 5, "viewers": 1},
                               {"t": "online", "at_ms": 4, "viewers": 1})),
    ("unknown field", (HEAD, {"t": "online", "at_ms": 5, "viewers": 1, "token": "x"})),
    ("Invalid value", (HEAD, {"t": "shutdown", "at_ms": 5})),
    (">= 0", (HEAD, {"t": "online", "at_ms": -5, "viewers": 1})),
    ("<= ", (HEAD, {"t": "likes", "at_ms": 5, "taps": 10**12})),
    ("Expected", (HEAD, {"t": "comment", "at_ms": 5, "who": "u-1", "text": "x"})),
    ("has not begun", (HEAD, {"t": "sale_ended", "at_ms": 5, "sale": "sale-1"})),
    ("has not begun", (HEAD, {"t": "drawn", "at_ms": 5, "lottery": "draw-1"})),
    ("another recording", (HEAD, HEAD)),
    ("after the end", (HEAD, {"t": "end", "at_ms": 5, "lines": 0, "missed": 0}, HEAD)),
    ("line 2", (HEAD, "[" * 60_000)),
    ("line 2", (HEAD, "\x00 nonsense")),
    ("longer than", (HEAD, '"' + "x" * 70_000 + '"')),
]  # fmt: skip


@pytest.mark.parametrize(("why", "lines"), HOSTILE)
def test_what_is_no_recording_is_refused_with_its_reason(
    tmp_path: Path, why: str, lines: tuple[object, ...]
) -> None:
    with pytest.raises(BadRecording, match=why):
        read(packed(tmp_path / "r.gz", *lines))


def test_a_file_cut_off_and_a_file_of_another_kind_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "r.gz", "Room", EVENING)
    whole = (tmp_path / "r.gz").read_bytes()
    for broken in (whole[:-20], b"PK\x03\x04 not gzip", whole[:10] + b"\xff" * 40):
        (tmp_path / "r.gz").write_bytes(broken)
        with pytest.raises(BadRecording):
            read(tmp_path / "r.gz")


def test_a_bomb_is_put_away_before_it_has_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rec, "FILE_BYTES_MAX", 100_000)
    filler = {"t": "announcement", "at_ms": 1, "text": "x" * 1000}
    with pytest.raises(BadRecording, match="larger than"):
        read(packed(tmp_path / "r.gz", HEAD, *[filler] * 500))


# The recorder


def comment(user: str, name: str, text: str) -> dict[str, Any]:
    said = {"id": "c", "user": {"id": user, "name": name, "role": "viewer"}, "text": text}
    return {"t": "comment", "ts": 1, "d": said}


def sale(phase: str) -> dict[str, Any]:
    sku = {"sku_id": "real-sku", "product_id": "p", "stock": 5, "list_cents": 200,
           "sale_cents": 100, "per_user": 1}  # fmt: skip
    return {"sale_id": "real-sale", "phase": phase, "start_ms": 4000, "skus": [sku]}


def phase(name: str, ts: int = 1000) -> dict[str, Any]:
    return {"t": "sale.phase", "ts": ts, "seq": 1, "d": {"sale": sale(name)}}


def test_people_are_numbers_and_calls_lose_their_names() -> None:
    recorder = Recorder()
    events = [comment("secret-id", "Wei Ling", "hello"), comment("other", "Bo", "me too"),
              comment("other", "Bo", "hi @Wei Ling, and @nobody here")]  # fmt: skip
    said = recorder.hear({"ev": events}, 5)
    assert [line.who for line in said if isinstance(line, rec.Commented)] == [1, 2, 2]
    written = b"".join(map(rec.line_bytes, said))
    assert "hi @someone, and @someone·".encode() in written
    for secret in (b"secret-id", b"Wei", b"Ling", b"Bo", b"nobody", b"here"):
        assert secret not in written


def test_without_text_only_the_length_of_a_comment_is_kept() -> None:
    (line,) = Recorder(keep_text=False).hear({"ev": [comment("a", "A", "secret")]}, 5)
    assert isinstance(line, rec.Commented)
    assert line.text == "······"


def test_a_sale_is_its_countdown_its_sold_units_and_its_end() -> None:
    recorder = Recorder()
    frames: list[dict[str, Any]] = [
        {"ev": [phase("preheat")], "st": {"stock": {"real-sku": {"left": 5, "v": 1}}}},
        {"ev": [phase("countdown")]},
        {"ev": [phase("live", 4000)], "st": {"stock": {"real-sku": {"left": 3, "v": 2}}}},
        {"st": {"stock": {"real-sku": {"left": 4, "v": 3}}}},  # one came back
        {"ev": [phase("ended")], "st": {"stock": {"real-sku": {"left": 2, "v": 4}}}},
    ]
    lines = [line for at, frame in enumerate(frames) for line in recorder.hear(frame, at)]
    assert lines == [
        rec.SaleStarted(1, sale="sale-1", countdown_ms=3000, skus=(SKU,)),
        rec.Sold(2, sale="sale-1", sku="sku-1", units=2),
        rec.SaleEnded(4, sale="sale-1"),
        rec.Sold(4, sale="sale-1", sku="sku-1", units=2),
    ]


def test_units_sold_before_it_listened_are_not_the_recorders_to_tell() -> None:
    recorder = Recorder()
    stock = {"real-sku": {"left": 1, "v": 9}}
    found = recorder.greet({"sales": {"real-sale": sale("live")}, "stock": stock}, 0, 9000)
    assert [type(line) for line in found] == [rec.SaleStarted]
    assert recorder.hear({"st": {"stock": {"real-sku": {"left": 0, "v": 10}}}}, 5) == [
        rec.Sold(5, sale="sale-1", sku="sku-1", units=1)
    ]


def test_units_sold_before_a_first_level_was_told_are_counted_from_the_stock() -> None:
    recorder = Recorder()
    recorder.hear({"ev": [phase("live", 4000)]}, 1)
    assert recorder.hear({"st": {"stock": {"real-sku": {"left": 2, "v": 1}}}}, 2) == [
        rec.Sold(2, sale="sale-1", sku="sku-1", units=3)
    ]


def test_levels_are_written_when_they_change_and_likes_as_what_was_added() -> None:
    recorder = Recorder()
    recorder.greet({"online": 3, "likes": 100}, 0, 0)
    lines = recorder.hear({"st": {"online": 3, "likes": 130}, "drop": {"comment": 4}}, 9)
    assert lines == [rec.Liked(9, taps=30)]
    assert recorder.missed == 4


# The plan of a replay


def bill(*, speed: float = 2.0, viewers: int | None = 20, rush: int = 0) -> Playbill:
    return Playbill.of(Whole("Room", EVENING, 0), speed=speed, viewers=viewers, rush=rush)


def test_at_twice_the_speed_everything_is_due_after_half_the_time() -> None:
    due = {type(each): at for at, each in bill().acts}
    assert (due[rec.Sold], due[rec.CardHidden]) == (3.0, 4.5)
    assert bill().seconds == 5.5


def test_a_sale_opens_when_it_did_though_countdowns_are_whole_seconds() -> None:
    """Told at 1 s, open at 5.5 s: at twice the speed 2.75 s, two of them counted down."""
    plan = bill()
    started = next(at for at, each in plan.acts if isinstance(each, rec.SaleStarted))
    assert started + plan.sales["sale-1"].countdown_s == pytest.approx(2.75)
    assert plan.sales["sale-1"].countdown_s == 2


def test_guests_follow_the_recorded_curve_at_the_size_that_is_asked_for() -> None:
    assert [bill().guests_for(level) for level in (10, 40, 0)] == [5, 20, 1]
    assert bill().guests_at_first == 5
    assert bill(viewers=None).peak_guests == 40


def test_there_are_people_enough_to_buy_and_to_draw_from() -> None:
    assert bill().buyers == 3
    assert bill(rush=30).buyers == 33
    assert bill().speakers == 4  # two winners


@pytest.mark.parametrize("speed", [0.0, -1.0, 1000.0, float("nan"), 0.001])
def test_a_speed_that_cannot_be_played_is_refused(speed: float) -> None:
    with pytest.raises(BadRecording):
        bill(speed=speed)
