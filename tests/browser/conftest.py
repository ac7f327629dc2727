"""A real server with two workers, a real Chromium, and a fresh room for every test.

Run by itself (`pytest tests/browser`): the synchronous Playwright keeps an event loop running in
this thread, which asynchronous tests in the same run cannot share.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.house import BANK_SECRET, House, Room
from tests.browser.people import People, Wardrobe
from tests.running_server import RunningServer

EXPECT_MS = 10_000  # on two busy cores; a passing wait ends as soon as it holds
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Debian's Chromium: Playwright's own cannot be downloaded everywhere."""
    chromium = shutil.which("chromium")
    assert chromium, "the browser tests need chromium: sudo apt-get install chromium"
    return {**browser_type_launch_args, "executable_path": chromium, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """`liveroom serve` in dev mode on a free port, with a new data folder."""
    expect.set_options(timeout=EXPECT_MS)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LIVEROOM_DEV", "1")
        environment.setenv("LIVEROOM_PAYMENT_SECRET", BANK_SECRET)
        server = RunningServer(tmp_path_factory.mktemp("browser") / "data", "--workers", "2")
    with server:
        yield server


@pytest.fixture(scope="session")
def house(running_server: RunningServer) -> House:
    """The same server, as its HTTP API."""
    return House(running_server.url)


@pytest.fixture
def room(house: House) -> Room:
    """A room nobody else is in."""
    return house.room()


@pytest.fixture(scope="session")
def wardrobe(browser: Browser) -> Wardrobe:
    """The contexts people come in; they end with the browser."""
    return Wardrobe(browser)


@pytest.fixture
def people(wardrobe: Wardrobe, house: House) -> Iterator[People]:
    """Everybody with a page in this test; fails the test when a page misbehaved."""
    crowd = People(wardrobe, house)
    yield crowd
    crowd.go_home()
