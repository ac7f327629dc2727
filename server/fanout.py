"""Who is in a room on this worker, and what one tick writes to whom.

A flush encodes the tick once per codec and writes the same bytes to every socket that keeps up. A
socket that still has unsent bytes is passed over for chat and state (counted, and told later) and
gets only the critical events; one that cannot even take those is closed with a code that lets it
resume. No task, lock or timer exists per viewer or per send.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from flash_sale.pace import StockPace
from room.events import from_wire
from room.folding import Folds
from room.mentions import RecentSpeakers
from room.ports import Sequenced
from room.replica import Replica
from room.standing import role_here
from room.state import RoomState, changed_parts, public_parts
from room.visits import Visit
from room.words import SensitiveWords
from server import direct_write
from server.delivery import Rows
from server.exposure import Exposure
from server.live_counts import Overlay, Values
from server.outbox import ChatItem, Choose, Critical, Outbox, Tick, count_by_kind
from server.registry import STAFF
from server.viewer import Pace, Viewer
from server.wire import Codec, frame, tick_json, tick_msgpack

RECENT_COMMENTS_MAX = 50  # what a late joiner is shown of the talk before
ARRIVALS_MAX = 50_000  # between two heartbeats; a worker holds fewer sockets than that
COUNTERS = [
    "entries",
    "likes",
    "comments",
    "shares",
    "exposures",
    "clicks",
    "shown_comment",
    "shown_notice",
    "dropped_comment",
    "dropped_notice",
    "folded_comment",
]

CloseViewer = Callable[[Viewer, int], None]
CLOSE_TOO_SLOW = 4008


class LiveRoom:
    """One room on this worker: its replica, its viewers and what they have been told so far."""

    def __init__(
        self,
        room_id: str,
        replica: Replica,
        *,
        choose: Choose,
        close: CloseViewer,
        stamp: Mapping[str, Any],
        opening: int = 0,
    ):
        self.room_id = room_id
        self.opening = opening  # tells this opening of the room from earlier ones in this process
        self.replica = replica
        self.outbox = Outbox()
        self.viewers: set[Viewer] = set()
        self._owing: set[Viewer] = set()
        self.rows = Rows(owing=self._owing, deliver_apart=self._deliver)
        self.by_user: dict[str, set[Viewer]] = {}
        self.staff: set[Viewer] = set()
        self.pace = StockPace()
        self.recent: deque[bytes] = deque(maxlen=RECENT_COMMENTS_MAX)
        self.counters: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        self.exposure = Exposure(self.counters)
        self.state: dict[str, Any] = {"online": 0, "likes": 0, "entries": 0, "peak": 0, "stock": {}}
        self.state |= {"coupons": {}, "followers": 0}
        self.state["questions"] = {"rev": 0, "open": 0, "answered": 0, "top": []}
        self.state.update(stamp)
        self._greeting: tuple[Any, Any] | None = None
        self.totals: dict[str, int] = {}
        self.buyers: set[str] = set()
        self.arrivals: deque[Visit] = deque(maxlen=ARRIVALS_MAX)  # not yet told to the store
        self.join_noticed_ms = 0
        self._overlay = Overlay()
        self._parts: dict[str, Any] = {}
        self._parts_of: RoomState | None = None  # the state that `_parts` was made of
        self._speakers: set[str] = set()
        self.speakers = RecentSpeakers()
        self.folds = Folds()
        self.words: SensitiveWords | None = None  # the room's own, of revision `words_rev`
        self.words_rev = 0
        self.deeds: set[tuple[str, str]] = set()  # coupon and user, tasks known to be done
        self.recorder: Callable[[Tick], None] | None = None  # what carries ticks over plain HTTP
        self.flushed_ms = 0
        self.used_ms = 0
        self._choose = choose
        self._close = close
        self._allowance = 0.0
        self.adopt(replica)

    # -- membership ---------------------------------------------------------------------------

    def add(self, viewer: Viewer) -> None:
        """Admit a viewer; from now on every tick reaches it."""
        self.viewers.add(viewer)
        self.rows.add(viewer)
        self.by_user.setdefault(viewer.user.user_id, set()).add(viewer)
        if self.role_of(viewer) in STAFF:
            self.staff.add(viewer)

    def remove(self, viewer: Viewer) -> None:
        """Forget a viewer; harmless if it is already gone."""
        viewer.closing = True  # a tick that is on its way does not reach it any more
        self.viewers.discard(viewer)
        self.rows.discard(viewer)
        self.staff.discard(viewer)
        self._owing.discard(viewer)
        sockets = self.by_user.get(viewer.user.user_id)
        if sockets is not None:
            sockets.discard(viewer)
            if not sockets:
                del self.by_user[viewer.user.user_id]

    def role_of(self, viewer: Viewer) -> str:
        """The viewer's role in this room: the token's, or assistant by the host's appointment."""
        user = viewer.user
        return role_here(self.replica.state.assistants, user.user_id, user.role)

    def _seat_staff(self) -> None:
        """Take as staff who is so by now: an appointment counts from the moment it is made."""
        self.staff = {viewer for viewer in self.viewers if self.role_of(viewer) in STAFF}

    # -- what the room is told ------------------------------------------------------------------

    def adopt(self, replica: Replica) -> None:
        """Start over from `replica`: after opening, or when the room got a new epoch."""
        self.finish()
        self.replica = replica
        self.outbox = Outbox()
        self._overlay = Overlay()
        self._seat_staff()
        self._show()

    def tell_critical(self, events: Sequence[Sequenced]) -> None:
        """Queue events that the replica has just applied."""
        self.outbox.add_critical(Critical(event.seq, event.raw) for event in events)
        touched = {part for e in events for part in changed_parts(from_wire(e.t, e.d))}
        parts = self._durable_parts()
        for part in touched:
            self.outbox.set_state(part, parts[part])
        if any(event.t == "assistant.changed" for event in events):
            self._seat_staff()

    def hear(self, item: ChatItem) -> None:
        """Queue something that was said, here or on another worker."""
        if item.kind == "comment":
            self.speakers.note(item.user_id, item.name)
        self.outbox.add_chat(item)

    def recall(self, comments: Sequence[bytes]) -> None:
        """Take in what was said before this worker opened the room, oldest first."""
        self.recent.extend(comments)
        self.note_speakers(comments)

    def note_speakers(self, comments: Iterable[bytes]) -> None:
        """Learn who said these, so that they can be called by name on this worker too."""
        for raw in comments:
            user = orjson.loads(raw)["d"]["user"]
            self.speakers.note(user["id"], user["name"])

    def tell_live(self, part: str, values: Values) -> bool:
        """Queue counts of what is open in a durable part; says whether any changed."""
        parts = self._durable_parts()
        if not self._overlay.note(part, values):
            return False
        self._parts = self._overlay.over(parts)
        self.outbox.set_state(part, self._parts[part])
        return True

    def tell_stock(self, levels: Mapping[str, Mapping[str, int]]) -> bool:
        """Queue stock levels that are newer than what is known; says whether any was."""
        known = self.state["stock"]
        newer = {
            sku: {"left": level["left"], "v": level["v"]}
            for sku, level in levels.items()
            if sku not in known or level["v"] > known[sku]["v"]
        }
        if newer:
            self.state["stock"] = {**known, **newer}
            self.outbox.merge_stock(newer)
        return bool(newer)

    def tell_state(self, part: str, value: Any) -> bool:  # noqa: ANN401 - any part of the vector
        """Queue an absolute value of the state lane if it differs from the last one."""
        if self.state.get(part) == value:
            return False
        self.state[part] = value
        self.outbox.set_state(part, value)
        return True

    def snapshot(self) -> dict[str, Any]:
        """The full state vector as of the last tick: what later ticks build upon."""
        return self._shown

    def current(self) -> dict[str, Any]:
        """The full state vector as of now, for readers who get no ticks."""
        return {**self.state, **self._durable_parts()}

    def greeting(self, codec: Codec) -> tuple[Any, Any]:
        """Snapshot and recent comments, encoded once per tick however many people arrive."""
        if codec is not Codec.JSON:
            return self.snapshot(), self.recent_events()
        if self._greeting is None:
            state = orjson.Fragment(orjson.dumps(self.snapshot()))
            self._greeting = state, orjson.Fragment(orjson.dumps(self.recent_events()))
        return self._greeting

    def note_speaker(self, user_id: str, remembered_max: int) -> bool:
        """Whether these are the user's first words here, as far as this worker remembers."""
        if user_id in self._speakers or len(self._speakers) >= remembered_max:
            return False
        self._speakers.add(user_id)
        return True

    # -- the tick -----------------------------------------------------------------------------

    def flush(
        self,
        now_ms: int,
        stamp: Mapping[str, Any],
        viewers_max: int | None = None,
        *,
        everybody: bool = True,
    ) -> Tick:
        """Tell everything queued, to everybody or to the row whose turn it is.

        `stamp` (server time, tick) joins the state. With `viewers_max` only so many of them are
        told at once; `carry_on` tells the others.
        """
        self.carry_on()
        allowance = self._take_allowance(now_ms)
        tick = self.outbox.take(allowance, self._choose, self.folds, now_ms)
        tick.state.update(stamp)
        self.state.update(stamp)
        self.flushed_ms = now_ms
        self._remember(tick)
        self._show()
        if self.recorder is not None:
            self.recorder(tick)
        own = self._own_words([*tick.omitted, *tick.folded])
        self.rows.tell(tick, own, everybody=everybody, viewers_max=viewers_max)
        return tick

    def carry_on(self, viewers_max: int | None = None) -> bool:
        """Tell what was begun to more viewers; whether all of it is told."""
        return self.rows.carry_on(viewers_max)

    def finish(self) -> None:
        """Tell all who have not been told: what follows must not overtake it."""
        self.rows.serve(everybody=True)

    def repay(self, stamp: Mapping[str, Any]) -> None:
        """Tell viewers that were passed over what they missed, once their socket is free again."""
        if self._owing:
            self.finish()
        for viewer in tuple(self._owing):
            if viewer.reachable and viewer.pace is Pace.KEEPING_UP:
                tick = Tick([], [], [], dict(stamp))
                self._deliver(viewer, tick, None, last=True)

    def _deliver(
        self, viewer: Viewer, tick: Tick, own: list[ChatItem] | None, *, last: bool
    ) -> None:
        transport = viewer.transport
        if viewer.closing or transport.is_closing():
            return
        unsent = transport.get_write_buffer_size()
        if unsent:
            self._pass_over(viewer, tick)
        elif own is None and not (viewer.owed and last):
            direct_write.write(transport, viewer.fd, tick.frame(viewer.codec))
        else:
            self._recount_own(tick, own or ())
            state, missed = None, {}
            if last:  # the snapshot is as of then; an earlier tick would undo some of it
                self._owing.discard(viewer)
                state = self.snapshot() if viewer.missed_state else None
                missed = viewer.settle()
            data = tick.personal_frame(viewer.codec, own=own or (), missed=missed, full_state=state)
            direct_write.write(transport, viewer.fd, data)

    def _pass_over(self, viewer: Viewer, tick: Tick) -> None:
        if viewer.pace is Pace.TOO_SLOW:
            self._close(viewer, CLOSE_TOO_SLOW)
            return
        chosen = count_by_kind(tick.chosen)
        self._recount(chosen, shown=-1)
        viewer.miss(tick.drops)
        viewer.miss(chosen)
        self._miss_folded(viewer, len(tick.folded))
        viewer.missed_state = True
        self._owing.add(viewer)
        critical = tick.critical_frame(viewer.codec)
        if critical is not None:
            viewer.transport.write(critical)

    def tell_user(self, user_id: str, event: bytes) -> None:
        """Send a private event to all of one user's sockets here."""
        self._tell(self.by_user.get(user_id, ()), event)

    def tell_staff(self, event: bytes) -> None:
        """Send a private event to every staff member's sockets here."""
        self._tell(self.staff, event)

    def _tell(self, viewers: Iterable[Viewer], event: bytes) -> None:
        for viewer in tuple(viewers):
            join = tick_json if viewer.codec is Codec.JSON else tick_msgpack
            viewer.write(frame(join([event]), viewer.codec))

    # -- inside -------------------------------------------------------------------------------

    def _show(self) -> None:
        """Take the present state as what everybody has been told."""
        self.shown_seq = self.replica.seq
        self._shown = {**self.state, **self._durable_parts()}
        self._greeting = None

    def _durable_parts(self) -> dict[str, Any]:
        """The parts folded from critical events, with the counts made since; made anew only
        after a change, for a busy room is flushed many times between two."""
        if self._parts_of is not self.replica.state:
            self._parts = self._overlay.over(public_parts(self.replica.state))
            self._parts_of = self.replica.state
        return self._parts

    def _take_allowance(self, now_ms: int) -> int | None:
        rate = self.replica.state.settings.chat_per_viewer_per_s
        if rate == 0:
            return None
        elapsed_s = (now_ms - self.flushed_ms) / 1000
        self._allowance = min(float(rate), self._allowance + rate * elapsed_s)
        return int(self._allowance)

    def _remember(self, tick: Tick) -> None:
        comments = [item for item in tick.chosen if item.kind == "comment"]
        self.recent.extend(item.raw for item in comments)
        self._allowance = max(0.0, self._allowance - len(tick.chosen))
        for kind, count in count_by_kind(tick.chosen).items():
            self.counters[f"shown_{kind}"] += count * len(self.viewers)
        for kind, count in tick.drops.items():
            self.counters[f"dropped_{kind}"] += count * len(self.viewers)
        self.counters["folded_comment"] += len(tick.folded) * len(self.viewers)

    def _recount(self, counts: Mapping[str, int], *, shown: int) -> None:
        """Correct the per-viewer totals for one viewer who saw `shown` (+1) or missed (-1) them."""
        for kind, count in counts.items():
            self.counters[f"shown_{kind}"] += shown * count
            self.counters[f"dropped_{kind}"] -= shown * count

    def _recount_own(self, tick: Tick, own: Sequence[ChatItem]) -> None:
        """One viewer is shown their own words that the others are not."""
        folded = sum(tick.is_folded(item) for item in own)
        self._recount(count_by_kind(own), shown=1)
        if folded:
            self.counters["dropped_comment"] += folded
            self.counters["folded_comment"] -= folded

    def _miss_folded(self, viewer: Viewer, count: int) -> None:
        """A viewer who was passed over saw no count either: for them it was dropped."""
        if count:
            viewer.miss({"comment": count})
            self.counters["folded_comment"] -= count
            self.counters["dropped_comment"] += count

    def _own_words(self, omitted: Iterable[ChatItem]) -> dict[Viewer, list[ChatItem]]:
        own: dict[Viewer, list[ChatItem]] = {}
        for item in omitted:
            for viewer in self.by_user.get(item.user_id, ()):
                own.setdefault(viewer, []).append(item)
        return own

    def recent_events(self) -> list[Any]:
        """The last comments, oldest first, without those deleted since."""
        deleted = self.replica.state.deleted
        events = [orjson.loads(raw) for raw in self.recent]
        counted = self.folds.counted()
        for event in events:
            if event["d"]["id"] in counted:
                event["d"]["n"] = counted[event["d"]["id"]]
        return [event for event in events if event["d"]["id"] not in deleted]
