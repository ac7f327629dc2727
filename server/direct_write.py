"""One seam for handing bytes to a socket with as little work as possible.

`transport.write` copies into the loop's queue and sends later; writing to the descriptor at once
costs one system call and nothing else. That is allowed only while the transport's own buffer is
empty, otherwise bytes would overtake each other. Whatever the kernel does not take goes through
the transport, so order is kept. TLS transports must never be bypassed.
"""

from __future__ import annotations

import asyncio
import os

Transport = asyncio.Transport
NO_DESCRIPTOR = -1


def descriptor(transport: Transport) -> int:
    """The socket's descriptor, or `NO_DESCRIPTOR` where only the transport may write (TLS)."""
    if transport.get_extra_info("sslcontext") is not None:
        return NO_DESCRIPTOR
    sock = transport.get_extra_info("socket")
    return NO_DESCRIPTOR if sock is None else int(sock.fileno())


def write(transport: Transport, fd: int, data: bytes) -> None:
    """Write `data` after everything written before. Never blocks, never raises on a dead peer.

    The caller checks `transport.is_closing()` first: a closed descriptor may already belong to
    another connection.
    """
    if fd == NO_DESCRIPTOR or transport.get_write_buffer_size() != 0:
        transport.write(data)
        return
    try:
        sent = os.write(fd, data)
    except BlockingIOError:
        transport.write(data)
    except OSError:
        transport.abort()
    else:
        if sent != len(data):
            transport.write(memoryview(data)[sent:])
