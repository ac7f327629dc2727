"""Lua scripts of this package, run by hash; and what a silent Redis is called here.

A script is sent once to each server and then named by its SHA-1; a server that forgot it (restart,
SCRIPT FLUSH) is sent it again in the same call.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, Final

from redis import exceptions
from redis.asyncio import Redis

from room.errors import Unavailable

Argument = str | bytes | int

_SILENT: Final = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.BusyLoadingError,
    exceptions.TryAgainError,
    exceptions.ClusterDownError,  # the parser has cut the word off, so `_UNFIT` would not see it
    asyncio.TimeoutError,
    OSError,
)
# Answers by which a server says that it cannot serve at the moment.
_UNFIT: Final = ("MISCONF", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN", "BUSY ", "OOM")


@contextlib.contextmanager
def reachable() -> Iterator[None]:
    """Turn what redis-py raises for a server that is away or unfit into `Unavailable`."""
    try:
        yield
    except _SILENT as silent:
        raise Unavailable(f"Redis did not answer: {type(silent).__name__}") from silent
    except exceptions.ResponseError as refused:
        if str(refused).startswith(_UNFIT):
            raise Unavailable(f"Redis cannot serve: {refused}") from refused
        raise


class Script:
    """One atomic act. The file's header says what its keys and arguments are."""

    def __init__(self, name: str) -> None:
        folder = files("room.storage").joinpath("lua")
        self._text = folder.joinpath(f"{name}.lua").read_text(encoding="utf-8")
        # Redis names scripts by SHA-1; nothing is protected by it.
        self.digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(
        self,
        redis: Redis,
        keys: Sequence[str],
        arguments: Sequence[Argument],
    ) -> Any:  # noqa: ANN401 - a reply has the shape its script's header states
        with reachable():
            try:
                return await redis.evalsha(self.digest, len(keys), *keys, *arguments)
            except exceptions.NoScriptError:
                return await redis.eval(self._text, len(keys), *keys, *arguments)
