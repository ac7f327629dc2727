"""The edge of liveroom: sockets, HTTP, workers, and the only place where the parts are put together.

Rules of the room live in `room`, scarce stock and money in `flash_sale`; nothing here decides either.
"""

__version__ = "0.1.0"
