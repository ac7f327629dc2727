"""Every field in which somebody may write freely, found in the shapes that the server decodes.

A field added to a command or a body is in the list by itself, so tests that go through it cannot
forget one. Ids and keys with a pattern are no free text.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import msgspec
from msgspec import inspect as shapes

import server.api
import server.commands
from server.hello import HelloParams
from server.registry import all_commands


def text_fields() -> set[str]:
    """ "op path" of every command, "Body path" of every HTTP body and of the hello."""
    assert server.commands
    given = {each.op: each.params for each in all_commands()}
    given |= {body.__name__: body for body in _bodies()}
    return {
        f"{name} {'.'.join(path)}"
        for name, struct in given.items()
        for path in _free(shapes.type_info(struct), ())
    }


def _bodies() -> Iterator[type[msgspec.Struct]]:
    yield HelloParams
    for found in pkgutil.iter_modules(server.api.__path__):
        module = importlib.import_module(f"server.api.{found.name}")
        own = (each for each in vars(module).values() if isinstance(each, type))
        for each in own:
            if issubclass(each, msgspec.Struct) and each.__module__ == module.__name__:
                yield each


def _free(kind: shapes.Type, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Paths to text without a pattern; a mapping is one field, whatever its keys."""
    match kind:
        case shapes.StrType(pattern=None) | shapes.AnyType() | shapes.RawType():
            yield path
        case shapes.UnionType(types=types):
            for one in types:
                yield from _free(one, path)
        case shapes.ListType(item_type=item) | shapes.VarTupleType(item_type=item):
            yield from _free(item, path)
        case shapes.DictType(key_type=key, value_type=value):
            yield from _free(key, path)
            yield from _free(value, path)
        case shapes.StructType(fields=fields):
            for field in fields:
                yield from _free(field.type, (*path, field.encode_name))
