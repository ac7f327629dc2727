"""The WebSocket: handshake, hello, read loop and closing.

It checks Origin and path before the upgrade, admits a viewer after a good hello, and turns frames
into commands. It decides nothing about rooms; `dispatch.py` runs commands and `fanout.py` writes.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import structlog
from aiohttp import WSMsgType, web
from aiohttp.http_websocket import WSMessage

from room.errors import Unavailable
from server.admission_slots import AdmissionSlots
from server.client_socket import ClientSocket
from server.context import Context, Services
from server.dispatch import Reply, answer, refuse, refuse_talk
from server.error_codes import ERRORS, CloseCode
from server.errors import CommandRefused
from server.fanout import LiveRoom
from server.guests import guest
from server.hello import HelloParams, greet, visit_of
from server.hub import RoomMissing
from server.origin import Origin, origin_of_request
from server.rate_limit import TokenBucket
from server.tokens import BadToken, ExpiredToken, Identity
from server.viewer import Pace, Viewer
from server.wire import (
    CLIENT_FRAME_BYTES_MAX,
    SUBPROTOCOLS,
    Codec,
    MalformedFrame,
    Received,
    decode_commands,
    encode,
    message_frame,
)

log = structlog.get_logger(__name__)

CLOSE_WITHIN_S = 2.0  # how long a peer may take to answer our close frame
ROOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class HelloRefused(CommandRefused):
    """A hello that ends the socket, with the code it is closed with."""

    def __init__(self, code: str, close: CloseCode):
        super().__init__(code, ERRORS[code].meaning)
        self.close = close


class Gateway:
    """Serves the sockets of one worker."""

    def __init__(self, services: Services):
        self._services = services
        self.sockets: dict[Viewer, web.WebSocketResponse] = {}
        self._slots = AdmissionSlots()
        self._open_sockets = 0  # with those that have not said hello yet
        self._closing: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/rooms/{room_id}/ws`."""
        self._check_upgrade(request)
        self._open_sockets += 1
        try:
            if not await self._slots.take():
                raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})
            return await self._serve(request, await self._room_of(request))
        finally:
            self._open_sockets -= 1

    async def _serve(self, request: web.Request, room: LiveRoom) -> web.StreamResponse:
        socket = ClientSocket(
            protocols=SUBPROTOCOLS,
            compress=False,
            max_msg_size=CLIENT_FRAME_BYTES_MAX + 1,  # aiohttp refuses from this size on
            heartbeat=None,
            timeout=CLOSE_WITHIN_S,
        )
        await socket.prepare(request)
        codec = Codec(socket.ws_protocol or Codec.JSON.value)
        viewer = await self._await_hello(request, socket, room, codec)
        if viewer is None:
            return socket
        try:
            await self._read(socket, room.room_id, viewer)
        finally:
            self._leave(room.room_id, viewer)
            self._services.metrics.closed(socket.close_code or CloseCode.GOING_AWAY)
        return socket

    # -- before the upgrade ---------------------------------------------------------------------

    def _check_upgrade(self, request: web.Request) -> None:
        settings = self._services.settings
        origin = request.headers.get("Origin")
        if origin is not None and origin not in settings.allowed_origins:
            raise web.HTTPForbidden(text="origin not allowed")
        if self._services.hub.draining:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "1"})
        if self._open_sockets >= settings.max_viewers_per_worker:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})

    async def _room_of(self, request: web.Request) -> LiveRoom:
        room_id = request.match_info["room_id"]
        if not ROOM_ID.fullmatch(room_id):
            raise web.HTTPNotFound
        try:
            return await self._services.hub.open(room_id)
        except RoomMissing:
            raise web.HTTPNotFound from None
        except Unavailable:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "1"}) from None

    # -- hello ----------------------------------------------------------------------------------

    async def _await_hello(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        room: LiveRoom,
        codec: Codec,
    ) -> Viewer | None:
        """Admit the socket by its first command, or close it and return None."""
        try:
            async with asyncio.timeout(self._services.settings.hello_timeout_s):
                message = await socket.receive()
        except TimeoutError:
            await socket.close(code=CloseCode.PROTOCOL_ERROR, message=b"hello expected")
            return None
        received = self._first_command(message, codec)
        if isinstance(received, CloseCode):
            await self._reject(socket, received)
            return None
        if received is None:
            return None
        transport = request.transport
        if transport is None:
            return None
        origin = origin_of_request(request, self._services.settings)
        return await self._admit(socket, transport, room, codec, received, origin)

    def _first_command(self, message: WSMessage, codec: Codec) -> Received | CloseCode | None:
        commands = _commands(message, codec)
        if commands is None:
            return CloseCode.PROTOCOL_ERROR if _is_data(message) else None
        first = commands[0]
        if len(commands) != 1 or first.envelope is None or first.envelope.op != "hello":
            return CloseCode.PROTOCOL_ERROR
        return first

    async def _admit(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        room: LiveRoom,
        codec: Codec,
        received: Received,
        origin: Origin,
    ) -> Viewer | None:
        assert received.envelope is not None
        reply_id = received.envelope.id
        try:
            params = HelloParams.decode(received.raw, codec)
            user = self._identify(params, room.room_id)
            room = await self._reopen(room.room_id)
            if params.resume is not None:
                seen = params.resume
                await self._services.hub.catch_up_to(room, seen.epoch, seen.seq)
            following = await self._services.followers.at_greeting(room, user)
            self._check_welcome(room, user)
        except HelloRefused as refused:
            await self._refuse_hello(socket, codec, reply_id, refused, refused.close)
            return None
        except CommandRefused as refused:
            await self._refuse_hello(socket, codec, reply_id, refused, CloseCode.PROTOCOL_ERROR)
            return None
        viewer = self._viewer(user, transport, codec)
        viewer.origin = replace(origin, device=params.device or "")
        self.sockets[viewer] = socket
        self._services.metrics.connected()
        ok = greet(self._services, room, user, params, codec, following=following)
        viewer.send({"re": [{"id": reply_id, "ok": ok}]})
        self._services.hub.join(room, viewer, visit_of(user, params, viewer.joined_ms))
        return viewer

    async def _reopen(self, room_id: str) -> LiveRoom:
        """The room as it is now: it may have been unloaded since the upgrade."""
        try:
            return await self._services.hub.open(room_id)
        except (RoomMissing, Unavailable):
            raise HelloRefused("unavailable", CloseCode.INTERNAL) from None

    def _viewer(self, user: Identity, transport: asyncio.Transport, codec: Codec) -> Viewer:
        settings, now_ms = self._services.settings, self._services.hub.now_ms()
        bucket = TokenBucket(
            settings.commands_per_connection_per_s, settings.commands_burst, now_ms
        )
        return Viewer(user, transport, codec, now_ms, bucket)

    def _identify(self, params: HelloParams, room_id: str) -> Identity:
        token = params.token
        if token is None:
            return guest(self._services.settings, room_id, params.device or "")
        now_ms = self._services.hub.now_ms()
        try:
            return self._services.tokens.verify(token, now_ms=now_ms, room_id=room_id)
        except ExpiredToken:
            raise HelloRefused("token_expired", CloseCode.TOKEN_EXPIRED) from None
        except BadToken:
            raise HelloRefused("unauthorized", CloseCode.BAD_TOKEN) from None

    def _check_welcome(self, room: LiveRoom, user: Identity) -> None:
        state = room.replica.state
        if self._services.hub.draining:
            raise HelloRefused("draining", CloseCode.DRAINING)
        if state.status == "ended":
            raise HelloRefused("room_ended", CloseCode.ROOM_ENDED)
        if user.user_id in state.banned:
            raise HelloRefused("banned", CloseCode.BANNED)
        sockets = len(room.by_user.get(user.user_id, ()))
        if sockets >= self._services.settings.connections_per_user_max:
            raise HelloRefused("rate_limited", CloseCode.TOO_MANY)

    async def _refuse_hello(
        self,
        socket: web.WebSocketResponse,
        codec: Codec,
        reply_id: int,
        refused: CommandRefused,
        code: CloseCode,
    ) -> None:
        reply = {"re": [{"id": reply_id, "err": refused.to_wire()}]}
        data = encode(reply, codec)
        send = socket.send_frame
        await send(data, WSMsgType.TEXT if codec is Codec.JSON else WSMsgType.BINARY)
        await self._reject(socket, code)

    async def _reject(self, socket: web.WebSocketResponse, code: CloseCode) -> None:
        await socket.close(code=code, message=code.name.lower().encode())

    # -- the read loop --------------------------------------------------------------------------

    async def _read(self, socket: ClientSocket, room_id: str, viewer: Viewer) -> None:
        hub, gate = self._services.hub, self._services.moderation.gate
        replies: list[Reply] = []
        surplus = 0  # so many of those unread would wait too long: they are told to come back
        while True:
            message = await socket.receive()
            commands = _commands(message, viewer.codec)
            room = hub.rooms.get(room_id)
            if commands is None or room is None:
                self._tell(viewer, replies)
                if commands is None and _is_data(message):
                    await self._reject(socket, CloseCode.PROTOCOL_ERROR)
                return
            viewer.heard_ms = hub.now_ms()
            refused = refuse_talk(self._services, commands) if surplus else None
            if refused is not None:
                replies += refused
                surplus = max(0, surplus - len(refused))
            else:
                viewer.answering = True
                replies += await self._answer_all(room, viewer, commands)
                viewer.answering = False
                surplus = gate.surplus(socket.unread)
            if surplus and socket.unread:
                continue
            self._tell(viewer, replies)
            replies = []
            if viewer.leaving is not None:
                self.close(viewer, viewer.leaving)
            elif viewer.pace is Pace.TOO_SLOW:
                self.close(viewer, CloseCode.TOO_SLOW)  # asks without reading the answers

    def _tell(self, viewer: Viewer, replies: list[Reply]) -> None:
        if replies:
            viewer.write(message_frame({"re": replies}, viewer.codec))

    async def _answer_all(
        self, room: LiveRoom, viewer: Viewer, commands: list[Received]
    ) -> list[Reply]:
        retry_ms = viewer.commands.take(viewer.heard_ms, len(commands))
        if retry_ms:
            refused = CommandRefused("rate_limited", "too many commands", retry_ms=retry_ms)
            return [refuse(received, refused) for received in commands]
        context = Context(
            services=self._services,
            room=room,
            user=viewer.user,
            now_ms=viewer.heard_ms,
            channel="socket",
            origin=viewer.origin,
        )
        return [await answer(context, received, viewer.codec) for received in commands]

    # -- closing --------------------------------------------------------------------------------

    def close(self, viewer: Viewer, code: int) -> None:
        """Close one socket after what was already written; never waits for it.

        A command in progress is answered first: what was accepted has an outcome to be told.
        """
        socket = self.sockets.get(viewer)
        if viewer.closing or socket is None:
            return
        if viewer.answering:
            viewer.leaving = code
            return
        viewer.closing = True
        task = asyncio.create_task(self._close(socket, viewer, code))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, socket: web.WebSocketResponse, viewer: Viewer, code: int) -> None:
        loop = asyncio.get_running_loop()
        last_resort = loop.call_later(2 * CLOSE_WITHIN_S, viewer.transport.abort)
        try:
            await socket.close(code=code)
        except (ConnectionError, RuntimeError):
            viewer.transport.abort()
        finally:
            last_resort.cancel()

    def _leave(self, room_id: str, viewer: Viewer) -> None:
        self.sockets.pop(viewer, None)
        self._services.hub.leave(room_id, viewer)


def _commands(message: WSMessage, codec: Codec) -> list[Received] | None:
    """What a message asks for; None when it is not of the negotiated kind or not well formed."""
    data = _payload(message, codec)
    if data is None:
        return None
    try:
        return decode_commands(data, codec)
    except MalformedFrame:
        return None


def _is_data(message: WSMessage) -> bool:
    return message.type in (WSMsgType.TEXT, WSMsgType.BINARY)


def _payload(message: WSMessage, codec: Codec) -> bytes | None:
    """The bytes of a data message of the negotiated kind, or None."""
    if codec is Codec.JSON and message.type is WSMsgType.TEXT:
        text: str = message.data
        return text.encode()
    if codec is Codec.MSGPACK and message.type is WSMsgType.BINARY:
        data: bytes = message.data
        return data
    return None
