"""The Lua scripts do what `stock.py` says, and a comparison that passes means something."""

from __future__ import annotations

import pytest
from hypothesis import Phase

from flash_sale.errors import Refused
from flash_sale.storage.scripts import source
from tests.contracts.flash_sale.machine import run_machine


def test_the_scripts_do_what_the_specification_says(redis_url: str) -> None:
    """Answers byte for byte, counters, records, counts per person, deadlines and journal."""
    run_machine(redis_url, examples=60, steps=40, phases=(Phase.generate, Phase.shrink))


MUTANTS = {
    "the duplicate check is skipped": (
        "reserve",
        "local known = fresh[fields[i]] or stored[i]",
        "local known = nil",
    ),
    "a duplicate within the batch is not seen": (
        "reserve",
        "local known = fresh[fields[i]] or stored[i]",
        "local known = stored[i]",
    ),
    "the fingerprint is not compared": (
        "reserve",
        "known:sub(1, 24) == fingerprint and known:sub(25) or 'key_reused'",
        "known:sub(25)",
    ),
    "the last piece cannot be sold": (
        "reserve",
        "if need[sku] > stock_of(sku)[1]",
        "if need[sku] >= stock_of(sku)[1]",
    ),
    "one piece too many is sold": (
        "reserve",
        "if need[sku] > stock_of(sku)[1]",
        "if need[sku] > stock_of(sku)[1] + 1",
    ),
    "the limit per person is dropped": (
        "reserve",
        "if limit > 0 and count_of",
        "if false and limit > 0 and count_of",
    ),
    "the limit per person is off by one": (
        "reserve",
        "> limit then return",
        ">= limit then return",
    ),
    "two lines of one SKU are checked alone": (
        "reserve",
        "need[sku] = (need[sku] or 0) + qty",
        "need[sku] = qty",
    ),
    "the window's end is open": ("reserve", "now >= tonumber(sale[3])", "now > tonumber(sale[3])"),
    "the stock version stands still": (
        "reserve",
        "row[2] + 1, row[3] + qty",
        "row[2], row[3] + qty",
    ),
    "a buy is not journalled": (
        "reserve",
        "for _, entry in ipairs(entries) do call('XADD', KEYS[7], unpack(entry)) end",
        "",
    ),
    "the answer is not stored": ("reserve", "write('HSET', KEYS[3], w_answers)", ""),
    "the deadline is not written": ("reserve", "write('ZADD', KEYS[5], w_holds)", ""),
    "zero pieces are sold": ("reserve", "or qty < 1 or", "or qty < 0 or"),
    "a paid hold keeps its deadline": ("settle", "call('ZREM', KEYS[5], id)", ""),
    "a hold can be paid twice": ("settle", "if record[1] == 'paid' then", "if false then"),
    "an expired hold can be paid": (
        "settle",
        "if record[1] ~= 'held' then return",
        "if false then return",
    ),
    "a released hold keeps its deadline": ("release", "call('ZREM', KEYS[5], id)\n  call", "call"),
    "stock comes back twice": ("release", "elseif record[1] ~= 'held' then", "elseif false then"),
    "a hold expires before its time": ("release", "and record[7] > now then", "and false then"),
    "the person's count is not freed": (
        "release",
        "if call('HINCRBY', KEYS[4], field, whole(-qty)) <= 0 then",
        "if false then",
    ),
    "late money oversells": ("reclaim", "if line[2] > level(line[1])[1] then", "if false then"),
    "late money ignores the limit": ("reclaim", "if limit > 0 and count", "if false and count"),
    "more is written off than is there": (
        "adjust",
        "qty > tonumber(row[1])",
        "qty > tonumber(row[1]) + 1",
    ),
    "a repeated restock adds again": ("adjust", "if known then", "if false then"),
}


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_fault_in_a_script_is_caught(redis_url: str, fault: str) -> None:
    """Each hand-made bug makes the comparison fail: the comparison is worth something."""
    name, right, wrong = MUTANTS[fault]
    assert source(name).count(right) == 1, "the mutant no longer fits the script"

    def source_of(script: str) -> str:
        text = source(script)
        return text.replace(right, wrong) if script == name else text

    with pytest.raises((AssertionError, ExceptionGroup, Refused, KeyError, StopIteration)):
        run_machine(
            redis_url, examples=100, steps=40, phases=(Phase.generate,), source_of=source_of
        )
