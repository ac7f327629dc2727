"""A locust run's beginning and end: room, sale and draw before it, the judgement of all after it.

Where the run is led (alone or as master) the room is made and the promises are judged; a worker
hands over what its users saw when it is asked to. Imports locust: only locust's own process may.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import time
import urllib.error
import urllib.request
from typing import Any

import gevent
import jwt
from locust import events, runners
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtest import websocket_user
from loadtest.checks import Failure
from loadtest.curves import CURVES
from loadtest.report_page import verdict_page
from loadtest.sale_checks import audit_failures
from loadtest.seen import Judgement, Seen, Sold, judge
from loadtest.shapes import CUT, STEADY, sale_after_s

HOST_ID = "locust-host"
PRODUCT_ID = "locust-item"
SKU_SUFFIX = "-sku"
NO_LIMITS = {"slow_mode_s": 0, "comments_per_user_per_s": 0, "chat_per_viewer_per_s": 0}
COUNTDOWN_S = 2
AUDIT_STEP_S = 0.5
ASK_EVERY_S = 0.5
HAND_OVER_S = 20.0  # a worker that hands nothing over within this is missing
TOKEN_TTL_S = 12 * 3600
HAND_OVER, HANDED = "hand_over", "handed"

# Locust's own three seconds take a worker on a busy machine for dead, and end the run with it.
runners.HEARTBEAT_LIVENESS = 15

log = logging.getLogger("loadtest")


class _Leader:
    """What the process that leads keeps of the run that is on."""

    def __init__(self) -> None:
        self.handed: dict[str, dict[str, Any]] = {}  # by worker
        self.workers: set[str] = set()  # that took part
        self.audits = 0
        self.audit_failures: list[Failure] = []
        self.beside: list[gevent.Greenlet] = []
        self.judgement: Judgement | None = None


_seen = Seen()
_leader = _Leader()


def seen() -> Seen:
    """What the users of this process saw so far in this run."""
    return _seen


def run_of(environment: Environment) -> dict[str, str]:
    """Room, sale and draw of the run; the leader made them, locust brings them to the workers."""
    options: Any = environment.parsed_options
    return dict(options.load_run)


def token_for(host: str, user_id: str, role: str = "viewer") -> str:
    """Signed here when the secret is known, else from the development endpoint."""
    claims = {"sub": user_id, "name": user_id, "role": role, "room": "*"}
    secret = os.environ.get("LIVEROOM_JWT_SECRET")
    if secret:
        until = {**claims, "exp": int(time.time()) + TOKEN_TTL_S}
        return jwt.encode(until, secret, algorithm="HS256")
    return str(ask(host, "POST", "/v1/dev/token", body=claims)["token"])


def ask(host: str, method: str, path: str, *, token: str = "", body: Any = None) -> Any:  # noqa: ANN401
    """One HTTP request outside the statistics. Raises urllib's errors."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 (the address is the tester's)
        host.rstrip("/") + path, data=data, method=method, headers=headers
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return json.load(response)


def command(host: str, room: str, token: str, **params: object) -> dict[str, Any]:
    """One of the host's commands."""
    path = f"/v1/rooms/{room}/commands"
    answer = ask(host, "POST", path, token=token, body={"id": 1, **params})
    inner = answer.get("ok")
    return inner if isinstance(inner, dict) else dict(answer)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def options(parser: LocustArgumentParser) -> None:
    """Ours, on the command line and in the web interface."""
    parser.add_argument("--shape", choices=[STEADY, *CURVES], default=STEADY, env_var="LOAD_SHAPE",
                       help="How the users come and go over the run time")  # fmt: skip
    parser.add_argument("--stock", type=int, default=20, env_var="LOAD_STOCK",
                       help="Units in the sale")  # fmt: skip
    parser.add_argument("--winners", type=int, default=3, env_var="LOAD_WINNERS",
                       help="Winners of the draw")  # fmt: skip
    parser.add_argument("--room", default="", env_var="LOAD_ROOM", help="Room id; empty: a new one")


@events.init.add_listener  # type: ignore[untyped-decorator]
def connect(environment: Environment, **_: object) -> None:
    """How the processes talk to each other, and the verdict's page."""
    runner: Any = environment.runner
    runner.register_message(CUT, _cut)
    if isinstance(runner, WorkerRunner):
        runner.register_message(HAND_OVER, _hand_over)
    else:
        environment.process_exit_code = 1  # until a judgement says otherwise
    if isinstance(runner, MasterRunner):
        runner.register_message(HANDED, _handed)
    web_ui: Any = environment.web_ui
    if web_ui is not None:
        web_ui.app.add_url_rule("/promises", "promises", _page)


def _cut(environment: Environment, msg: Any, **_: object) -> None:  # noqa: ANN401
    websocket_user.cut_some(float(msg.data["share"]))


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Environment, **_: object) -> None:
    """A clean sheet everywhere; where the run is led, the room with its sale and its draw."""
    global _seen, _leader
    _seen = Seen()
    if isinstance(environment.runner, WorkerRunner):
        return
    _leader = _Leader()
    environment.process_exit_code = 1
    if isinstance(environment.runner, MasterRunner):
        _leader.workers = set(environment.runner.clients)
    options: Any = environment.parsed_options
    host = environment.host or ""
    token = token_for(host, HOST_ID, "host")
    options.load_run = _furnish(host, options, token)
    _leader.beside = [
        gevent.spawn(_sell, host, options.load_run, token, sale_after_s(options)),
        gevent.spawn(_watch_audit, host, options.load_run["room"], token),
    ]


def _furnish(host: str, options: Any, token: str) -> dict[str, str]:  # noqa: ANN401
    number = secrets.token_hex(4)
    room = options.room or f"locust-{number}"
    sale_id = f"locust-{number}"
    try:
        ask(host, "POST", "/v1/rooms", token=token, body={"room_id": room, "title": "Locust"})
    except urllib.error.HTTPError as error:
        if error.code != 409:  # there already: a run before this one made it
            raise
    sku = {"sku_id": sale_id + SKU_SUFFIX, "product_id": PRODUCT_ID, "stock": options.stock,
           "list_cents": 9900, "sale_cents": 1900, "per_user": 1}  # fmt: skip
    command(host, room, token, op="room.set", **NO_LIMITS)
    command(host, room, token, op="product.put", product_id=PRODUCT_ID, title="Item",
            price_cents=9900)  # fmt: skip
    command(host, room, token, op="sale.create", sale_id=sale_id, skus=[sku], start="manual",
            duration_s=3600, hold_s=3600, pay_s=3600)  # fmt: skip
    command(host, room, token, op="sale.preheat", sale_id=sale_id)
    opened = command(host, room, token, op="lottery.open", winners=options.winners,
                     prize="Load prize", conditions={}, manual=True)  # fmt: skip
    return {"room": room, "sale_id": sale_id, "lottery_id": str(opened["lottery_id"])}


def _sell(host: str, run: dict[str, str], token: str, after_s: float) -> None:
    gevent.sleep(after_s)
    command(host, run["room"], token, op="sale.start", sale_id=run["sale_id"],
            countdown_s=COUNTDOWN_S)  # fmt: skip


def _watch_audit(host: str, room: str, token: str) -> None:
    """Every look must balance; a look that gets no answer is no look."""
    leader = _leader
    while True:
        with contextlib.suppress(OSError):
            leader.audit_failures += audit_failures(_audit(host, room, token))
            leader.audits += 1
        gevent.sleep(AUDIT_STEP_S)


def _audit(host: str, room: str, token: str) -> dict[str, Any]:
    return dict(ask(host, "GET", f"/v1/rooms/{room}/audit", token=token))


def _own_document() -> dict[str, Any]:
    """Once all users have ended; one that was stopped in its first moments has not by itself."""
    for user in list(websocket_user.SEATED):
        user.on_stop()
    return _seen.document()


def _hand_over(environment: Environment, **_: object) -> None:
    """At a worker's end, and when the leader asks, maybe before it stops us: then stop first."""
    runner: Any = environment.runner
    runner.stop()
    sale_id = run_of(environment)["sale_id"]
    runner.send_message(HANDED, {"sale_id": sale_id, "seen": _own_document()})


def _handed(environment: Environment, msg: Any, **_: object) -> None:  # noqa: ANN401
    if msg.data["sale_id"] == run_of(environment)["sale_id"]:  # not a late word of an earlier run
        _leader.handed[msg.node_id] = msg.data["seen"]


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def end(environment: Environment, **_: object) -> None:
    """Judge the whole run where it is led; the exit status, the statistics and the log tell."""
    if isinstance(environment.runner, WorkerRunner):
        _hand_over(environment)
        return
    if _leader.judgement is not None:
        return
    for greenlet in _leader.beside:
        greenlet.kill()
    found = _leader.judgement = _judge(environment)
    _tell(environment, found)
    # None: locust decides, by whether any request failed.
    environment.process_exit_code = 1 if found.broken else None


def _judge(environment: Environment) -> Judgement:
    options: Any = environment.parsed_options
    host, run = environment.host or "", run_of(environment)
    token = token_for(host, HOST_ID, "host")
    processes = _collect(environment)
    with contextlib.suppress(urllib.error.HTTPError):  # refused: the proof then shows no draw
        command(host, run["room"], token, op="lottery.draw", lottery_id=run["lottery_id"])
    return judge(
        processes,
        sold=Sold(
            sku_id=run["sale_id"] + SKU_SUFFIX,
            stock=options.stock,
            audit=_audit(host, run["room"], token),
            audits=_leader.audits,
            failures=_leader.audit_failures,
        ),
        draw=ask(host, "GET", f"/v1/draws/{run['lottery_id']}"),
        winners=options.winners,
        missing=sorted(_leader.workers - set(processes)) if _leader.workers else (),
    )


def _collect(environment: Environment) -> dict[str, dict[str, Any]]:
    """The documents of all processes, by process."""
    runner = environment.runner
    if not isinstance(runner, MasterRunner):
        return {"local": _own_document()}
    until = time.monotonic() + HAND_OVER_S
    while True:
        # Locust forgets a worker that has stopped until it reports as ready again.
        for client_id in set(runner.clients) - set(_leader.handed):
            runner.send_message(HAND_OVER, client_id=client_id)
        _leader.workers |= set(runner.clients)
        if _leader.workers <= set(_leader.handed) or time.monotonic() > until:
            return dict(_leader.handed)
        gevent.sleep(ASK_EVERY_S)


def _tell(environment: Environment, found: Judgement) -> None:
    """Into locust's own statistics too, so that its HTML and CSV reports carry the verdict."""
    for verdict in found.verdicts:
        if verdict.looked_at or verdict.broken:
            broken = AssertionError(f"broken {verdict.broken}×") if verdict.broken else None
            environment.events.request.fire(  # type: ignore[no-untyped-call]
                request_type="CHECK", name=verdict.says, response_time=0, response_length=0,
                exception=broken, context={},
            )  # fmt: skip
            log.info("%s: %s (%s)", verdict.says, broken or "held", verdict.looked_at)
    log.info("%s units told to buyers; broken %s", found.bought, found.broken)
    for failure in found.told:
        log.error(" · ".join(failure))


def _page() -> str:
    """The verdict of the last run, for the web interface."""
    found = _leader.judgement
    if found is None:
        return "<!doctype html><title>Promises</title><p>No run has been judged yet.</p>"
    document = {
        "broken": found.broken,
        "verdicts": [each._asdict() for each in found.verdicts],
        "broken_examples": found.told,
    }
    return verdict_page("The last run", document)
