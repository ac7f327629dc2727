"""The edge of liveroom: sockets, HTTP, workers, and where the parts are put together.

Rules of the room live in `room`, scarce stock and money in `flash_sale`; none of them here.
"""

__version__ = "0.1.0"
