"""Stock, holds and answers of a sale are changed by its scripts alone: no way leads round them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import flash_sale

FOLDER = Path(flash_sale.__file__).parent
# Every command of redis-py by which the scripts' data could be changed.
WRITES = re.compile(
    "append|copy|decr(by)?|delete|eval(sha)?|p?expire|hdel|hincrby(float)?|h?m?set|hsetnx|set(ex|nx)|"
    "incr(by)?(float)?|[lr](pop|push)|move|persist|rename|restore|sadd|srem|unlink|"
    "x(ack|add|del|trim)|z(add|incrby|popmin|rem)"
)
# What is written beside them, and why that decides nothing about pieces or money.
ALLOWED = {
    ("redis.py", "xtrim"),  # entries that SQL has
    ("redis.py", "sadd"),  # the list of sales
    ("redis.py", "srem"),
    ("redis.py", "unlink"),  # a sale that is over for a day
    ("coupon_redis.py", "xdel"),  # claims that SQL has
    ("coupon_redis.py", "sadd"),  # who did a task
    ("waitlist_redis.py", "sadd"),  # the list of waitlists
    ("waitlist_redis.py", "srem"),
    ("waitlist_redis.py", "hdel"),  # offers that were told
    ("waitlist_redis.py", "unlink"),  # of a sale whose window is over
    ("queue_redis.py", "sadd"),  # the list of lines
    ("queue_redis.py", "srem"),
    ("queue_redis.py", "zrem"),  # a place given up
    ("queue_redis.py", "hincrby"),  # how often a rule refused
}


def written() -> set[tuple[str, str]]:
    """File and command of every call on something that is called redis or a pipeline of it."""
    found: set[tuple[str, str]] = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = ast.unparse(node.func.value)
            if owner.endswith(("redis", "pipe")) and WRITES.fullmatch(node.func.attr):
                found.add((path.name, node.func.attr))
    return found


def test_what_decides_is_written_by_scripts_alone() -> None:
    """Equal, so that the look is known to see what there is."""
    assert written() == ALLOWED
