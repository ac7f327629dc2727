"""Keeps a load tool's own collections of cyclic garbage out of what it measures.

A thousand viewers, what they have seen and every answer still awaited are millions of objects. The
interpreter walks all of them when a quarter has been added: the tool then stands still for a tenth
of a second or more, sends late what was due, and takes its own pause for the server's.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collections() -> Iterator[None]:
    """None while it is entered. What is thrown away in cycles stays until then: measure briefly."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
