"""liveroom and its peers as the benchmark sees them: started on one core, and how the load gets in.

Every server is a context manager that is ready when it is entered and gone when it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from loadtest.api import LiveroomApi
from loadtest.client import SUBPROTOCOL
from loadtest.own_server import OwnServer, family_of, free_port
from loadtest.peers import programs
from loadtest.pinning import started_on
from loadtest.stage import Stage

READY_S_MAX = 20.0
STOP_S_MAX = 5.0
STEP_S = 0.05
STAMP = "~at~0000000000000000"  # the generator's mark and 16 digits for the time
WORDS = "这个颜色还有吗 can you show it again?"
ROOM = "fanout"
DESCRIPTORS_SPARE = 500  # besides sockets


@dataclass(frozen=True, slots=True)
class Door:
    """How the load gets in: see `generator.c`."""

    port: int
    say: str
    path: str = "/"
    protocol: str = ""
    joined: str = ""  # in the first answer to a hello; empty: the upgrade is enough
    hellos: Sequence[str] = ()  # one a viewer


def event(number: int = 7) -> dict[str, object]:
    """A comment as liveroom tells it, so that peers carry as many bytes a comment as it does."""
    user = {"id": f"fan-{number:04d}", "name": f"fan-{number:04d}", "role": "viewer"}
    body = {"id": "c_0123456789abcdef0123", "user": user, "text": f"{WORDS} {STAMP}"}
    return {"t": "comment", "ts": 1_700_000_000_000, "d": body}


class Server(ABC):
    """One of those that are measured."""

    name: str

    @abstractmethod
    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @abstractmethod
    def stop(self) -> None: ...

    @abstractmethod
    def door(self, viewers: int) -> Door: ...

    @abstractmethod
    def processes(self) -> Mapping[str, Sequence[int]]:
        """Process ids by what they do; the sum of all is the server's cost."""


class Liveroom(Server):
    """The whole server: one worker, its Redis, tokens, moderation, limits, sequencing."""

    name = "liveroom"

    def __init__(self, core: int) -> None:
        self._core = core
        self._own = OwnServer()

    def __enter__(self) -> Self:
        with started_on(self._core):
            asyncio.run(self._open())
        return self

    async def _open(self) -> None:
        await self._own.__aenter__()
        try:
            async with LiveroomApi(self._own.url, jwt_secret=self._own.jwt_secret) as api:
                host = await api.person("fanout-host", role="host")
                stage = Stage(api, ROOM, token=host.token)
                await stage.open()  # lifts the room's limits, as a load test may
                stage.viewer.leave()  # nobody here reads what the room is told
        except BaseException:
            await self._own.__aexit__(None, None, None)
            raise

    def stop(self) -> None:
        asyncio.run(self._own.__aexit__(None, None, None))

    def door(self, viewers: int) -> Door:
        return Door(
            port=self._own.port,
            path=f"/v1/rooms/{ROOM}/ws",
            protocol=SUBPROTOCOL,
            joined='"recovered"',
            hellos=asyncio.run(self._hellos(viewers)),
            say=_json({"id": 2, "op": "comment.send", "text": f"{WORDS} {STAMP}"}),
        )

    async def _hellos(self, viewers: int) -> list[str]:
        """A token for each viewer, signed here."""
        api = LiveroomApi(self._own.url, jwt_secret=self._own.jwt_secret)
        people = [await api.person(f"fan-{number:04d}") for number in range(viewers)]
        return [_json({"id": 1, "op": "hello", "token": person.token}) for person in people]

    def processes(self) -> Mapping[str, Sequence[int]]:
        redis = self._own.redis_pid()
        return {"worker": self._own.worker_pids(), "redis": [redis] if redis else []}


class Peer(Server):
    """A server of one command that relays what a client says."""

    processes_min = 1  # before that many run it is not ready

    def __init__(
        self, name: str, command: Sequence[str], core: int, *, modules: Path | None = None
    ) -> None:
        self.name = name
        self.port = free_port()
        self._command, self._core = command, core
        self._environment = {**os.environ, "NODE_PATH": str(modules)} if modules else None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="liveroom-peer-")

    def command(self) -> Sequence[str]:
        return [*self._command, str(self.port)]

    @property
    def folder(self) -> Path:
        return Path(self._folder.name)

    def __enter__(self) -> Self:
        log = self.folder / "log"
        with started_on(self._core), log.open("wb") as out:
            self._process = subprocess.Popen(
                self.command(), stdout=out, stderr=out, env=self._environment,
                start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + READY_S_MAX
        while time.monotonic() < until and self._process.poll() is None:
            if self._listens() and len(family_of(self._process.pid)) >= self.processes_min:
                return self
            time.sleep(STEP_S)
        said = log.read_text(errors="replace")[-500:]
        self.stop()
        raise programs.Missing(f"{self.name} does not start: {said}")

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def stop(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)  # its own session: nobody else is in it
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._folder.cleanup()

    def door(self, viewers: int) -> Door:
        return Door(port=self.port, say=_json(event()))

    def processes(self) -> Mapping[str, Sequence[int]]:
        return {"server": family_of(self._process.pid) if self._process else []}


class SocketIo(Peer):
    """Engine.IO's and Socket.IO's own framing around the same comment."""

    def door(self, viewers: int) -> Door:
        return Door(
            port=self.port,
            path="/socket.io/?EIO=4&transport=websocket",
            joined="40{",
            hellos=["40"] * viewers,
            say=f'42["say",{_json(event())}]',
        )


class Nchan(Peer):
    """nginx with a settings file of its own."""

    processes_min = 2  # the master listens before its worker is there, and the worker does the work

    def __init__(self, nginx: Path, module: Path, core: int) -> None:
        super().__init__("nchan", [str(nginx)], core)
        self._module = module

    def command(self) -> Sequence[str]:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        settings = (programs.HERE / "nchan.conf").read_text(encoding="utf-8").format(
            module=self._module.resolve(),
            folder=self.folder,
            port=self.port,
            connections=files - DESCRIPTORS_SPARE,
        )  # fmt: skip
        path = self.folder / "nginx.conf"
        path.write_text(settings, encoding="utf-8")
        errors = str(self.folder / "error.log")
        return [*self._command, "-c", str(path), "-p", f"{self.folder}/", "-e", errors]

    def door(self, viewers: int) -> Door:
        return Door(port=self.port, path="/room", say=_json(event()))


def _json(document: Mapping[str, object]) -> str:
    return orjson.dumps(document).decode()


UWS_PACKAGE = "@trufflesuite/uws-js-unofficial"  # uWebSockets.js 20.30 as the npm registry has it
NAMES = ("liveroom", "C send loop", "uWebSockets", "nchan", "ws", "websockets", "python-socketio")


def make(name: str, *, core: int, folder: Path) -> Server:
    """A server that is not started yet. Raises Missing."""
    modules = folder / "node_modules"
    match name:
        case "liveroom":
            return Liveroom(core)
        case "C send loop":
            return Peer(name, [str(programs.compiled("send_loop", folder))], core)
        case "uWebSockets":
            command = programs.node_command("uws_server.js", UWS_PACKAGE, folder)
            return Peer(name, command, core, modules=modules.resolve())
        case "ws":
            command = programs.node_command("ws_server.js", "ws", folder)
            return Peer(name, command, core, modules=modules.resolve())
        case "nchan":
            return Nchan(*programs.nginx_program(folder), core)
        case "websockets":
            command = programs.python_command("broadcast_server.py", "websockets", folder)
            return Peer(name, command, core)
        case "python-socketio":
            command = programs.python_command("socketio_server.py", "socketio", folder)
            return SocketIo(name, command, core)
        case _:
            raise programs.Missing(f"no server called {name}")
