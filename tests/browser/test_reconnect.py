"""The line breaks and comes back: said while it lasts, nothing lost or doubled afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

from playwright.sync_api import expect

from tests.browser.house import Room
from tests.browser.people import People, comment
from tests.running_server import RunningServer
from tests.waiting import process_runs, until

BROKEN_LINE = r"WebSocket|ERR_CONNECTION|ERR_INTERNET_DISCONNECTED|Failed to load resource"


@contextlib.contextmanager
def without_workers(server: RunningServer) -> Iterator[None]:
    """All killed, as the kernel would; the supervisor starts others when this is over.

    It is held meanwhile: it has others there faster than a page can be looked at.
    """
    workers = server.workers
    server.process.send_signal(signal.SIGSTOP)
    try:
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not any(process_runs(pid) for pid in workers))
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_a_killed_worker_costs_a_viewer_nothing(
    room: Room, people: People, running_server: RunningServer
) -> None:
    """The banner says so; then the talk, the card and the sale are there, each once."""
    people.allow(BROKEN_LINE)
    viewer = people.viewer(room, "小满")
    sale_id = room.prepare_sale()
    comment(viewer, "断线之前")
    expect(viewer.locator(".comment-text")).to_have_text(["断线之前"])
    with without_workers(running_server):
        expect(viewer.get_by_test_id("reconnect-banner")).to_be_visible()
    until(lambda: running_server.status("/readyz") == 200)
    room.say("断线之中")
    room.start_sale(sale_id)
    expect(viewer.get_by_test_id("reconnect-banner")).to_be_hidden()
    expect(viewer.locator(".comment-text")).to_have_text(["断线之前", "断线之中"])
    expect(viewer.get_by_test_id("bag-count")).to_have_text("1")
    viewer.get_by_test_id("bag").click()
    state = viewer.get_by_test_id("bag-card").get_by_test_id("sale-state")
    expect(state).to_have_attribute("data-state", "buy")
    viewer.keyboard.press("Escape")
    comment(viewer, "回来了")
    expect(viewer.locator(".comment-text")).to_have_text(["断线之前", "断线之中", "回来了"])


def test_what_was_missed_offline_is_made_up_for(room: Room, people: People) -> None:
    """A phone in a tunnel: the words of that time, the deletion and the card arrive once."""
    people.allow(BROKEN_LINE)
    viewer, witness = people.viewer(room, alone=True), people.viewer(room)
    doomed = room.say("要删的一句")
    expect(viewer.get_by_test_id("comment")).to_have_count(1)
    room.say("留下的一句")
    expect(viewer.get_by_test_id("comment")).to_have_count(2)
    viewer.context.set_offline(True)
    expect(viewer.get_by_test_id("reconnect-banner")).to_contain_text("网络已断开")
    room.run("comment.delete", comment_id=doomed)
    room.say("隧道里错过的一句")
    room.run("card.show", product_id=room.put_product())
    expect(witness.locator(".comment-text")).to_have_text(["留下的一句", "隧道里错过的一句"])
    assert viewer.locator(".comment-text").all_inner_texts() == ["要删的一句", "留下的一句"]
    viewer.context.set_offline(False)
    expect(viewer.get_by_test_id("reconnect-banner")).to_be_hidden()
    expect(viewer.locator(".comment-text")).to_have_text(["留下的一句", "隧道里错过的一句"])
    expect(viewer.get_by_test_id("bag-count")).to_have_text("1")
    expect(viewer.get_by_test_id("card-popup")).to_have_count(1)


def test_likes_tapped_while_away_count_when_the_line_is_back(room: Room, people: People) -> None:
    """No tap is lost."""
    people.allow(BROKEN_LINE)
    viewer, other = people.viewer(room, alone=True), people.viewer(room)
    viewer.context.set_offline(True)
    expect(viewer.get_by_test_id("reconnect-banner")).to_be_visible()
    for _ in range(3):
        viewer.get_by_test_id("like").click()
    viewer.context.set_offline(False)
    expect(other.get_by_test_id("likes")).to_have_attribute("data-value", "3")


def test_the_console_says_when_its_line_is_down(room: Room, people: People) -> None:
    """And is whole again afterwards: what was said meanwhile is there, nothing doubled."""
    people.allow(BROKEN_LINE)
    console = people.console(room, alone=True)
    room.say("开播啦")
    rows = console.get_by_test_id("comment-row")
    expect(rows).to_have_count(1)
    console.context.set_offline(True)
    expect(console.get_by_test_id("link-state")).not_to_have_attribute("data-state", "open")
    room.say("断线之中")
    console.context.set_offline(False)
    expect(console.get_by_test_id("link-state")).to_have_attribute("data-state", "open")
    expect(rows).to_have_count(2)
