"""The Lua scripts do what `stock.py` says, and a comparison that passes means something."""

from __future__ import annotations

import pytest
from hypothesis import Phase

from flash_sale.errors import Refused
from flash_sale.storage.scripts import source
from tests.contracts.flash_sale.side_by_side import run_machine


def test_the_scripts_do_what_the_specification_says(redis_url: str) -> None:
    """Answers byte for byte, counters, records, counts per person, deadlines and journal."""
    run_machine(redis_url, examples=60, steps=40, phases=(Phase.generate, Phase.shrink))


# It ends with the first example that shows the fault. How soon that is depends on what else was
# imported: Hypothesis also draws from the constants of loaded modules.
FAULT_EXAMPLES_MAX = 3_000
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
        "known:sub(1, 24) == ask[1] and known or 'key_reused'",
        "known",
    ),
    "the last piece cannot be sold": (
        "reserve",
        "if want.qty > want.row[1] then",
        "if want.qty >= want.row[1] then",
    ),
    "one piece too many is sold": (
        "reserve",
        "if want.qty > want.row[1] then",
        "if want.qty > want.row[1] + 1 then",
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
        "row[2] + 1, row[3] + want.qty",
        "row[2], row[3] + want.qty",
    ),
    "a buy is not journalled": (
        "reserve",
        "call('XADD', KEYS[7], last .. '-0', 'k', 'buys', 't', whole(now), 'b', buys)",
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
    "late money oversells": (
        "reclaim",
        "if qty > level(cell_of(sku, record[11]))[1] then",
        "if false then",
    ),
    "late money ignores the limit": ("reclaim", "if limit > 0 and count", "if false and count"),
    "more is written off than is there": (
        "adjust",
        "qty > tonumber(row[2]), false",
        "qty > tonumber(row[2]) + 1, false",
    ),
    "a repeated restock adds again": ("adjust", "if known then", "if false then"),
    "pieces given back still count": (
        "adjust",
        "if call('HINCRBY', KEYS[4], field, whole(-qty)) <= 0 then",
        "if false then",
    ),
    "a limit is freed twice": ("adjust", "kept = kept - (record[12][sku] or 0)", ""),
    "an unpaid order frees the limit": (
        "adjust",
        "record[1] == 'paid' and kind == 'restock'",
        "kind == 'restock'",
    ),
    "a write-off frees the limit": ("adjust", " and kind == 'restock' then", " then"),
    "what was given back is not remembered": (
        "adjust",
        "record[12][sku] = (record[12][sku] or 0) + qty",
        "record[12][sku] = qty",
    ),
    "a paused sale sells": ("reserve", "elseif sale[8] == '1' then", "elseif false then"),
    "a pause outlives the stop": ("stage", "resume = '0', stop = '0'", "resume = '0'"),
    "a second pause is journalled": (
        "stage",
        "if (act == 'pause' or act == 'resume') and wanted == paused then",
        "if false then",
    ),
    "who may not take part buys": ("reserve", "(eligible ~= 1 and 'not_eligible')", "nil"),
    "the hold at the limit is not given again": (
        "reserve",
        "local again, its = standing_answer(user, ask[1])",
        "local again, its = nil, nil",
    ),
    "a hold that ended is given again": (
        "reserve",
        "if not record or record[1] ~= 'held' then return nil end",
        "if not record then return nil end",
    ),
    "the second key is not kept": ("reserve", "put(w_answers, fields[i], again)", ""),
    "a hold given again is not journalled": (
        "reserve",
        "enter(0, i, its, '')",
        "",
    ),
    "the journal tells another number": (
        "reserve",
        "local last = whole(seq + entries)",
        "local last = whole(seq + 1)",
    ),
    "the record has another number": (
        "reserve",
        "cmsgpack.pack(seq + entries)",
        "cmsgpack.pack(seq)",
    ),
    "another channel sells the live pieces": (
        "reserve",
        "local cell = cell_of(sku, channel)\n  if stock",
        "local cell = sku\n  if stock",
    ),
    "the room is told of another channel": (
        "reserve",
        "row[6] = channel == 'live' and sku",
        "row[6] = sku",
    ),
    "a hold comes back to the wrong channel": (
        "release",
        "cell_of(line[1], record[11]), line[2]",
        "line[1], line[2]",
    ),
    "a payment takes from the wrong channel": (
        "settle",
        "cell_of(line[1], record[11])",
        "line[1]",
    ),
    "late money takes from the wrong channel": (
        "reclaim",
        "cell_of(line[1], record[11]), line[2]",
        "line[1], line[2]",
    ),
    "a transfer makes pieces": ("transfer", "{ giver, -qty }", "{ giver, 0 }"),
    "a transfer takes more than is there": (
        "transfer",
        "if qty > tonumber(row[2]) or",
        "if qty > tonumber(row[2]) + 1 or",
    ),
    "a repeated transfer moves again": ("transfer", "if known then", "if false then"),
    "a transfer is not journalled": (
        "transfer",
        "journal('transfer', now, 's', sku,",
        "tostring('transfer', now, 's', sku,",
    ),
    "a transfer leaves the versions": ("transfer", "add('v', move[1], 1)", ""),
    "a frozen hold keeps its old deadline": (
        "freeze",
        "call('ZADD', KEYS[5], whole(record[7]), id)",
        "",
    ),
    "a hold is frozen again and again": ("freeze", "record[7] > first or", ""),
    "a deadline is brought forward": ("freeze", "or now + freeze_ms <= record[7]", ""),
    "an ended hold is frozen": ("freeze", "if record[1] ~= 'held' then", "if false then"),
    "a payment begins after its window": ("freeze", "if now >= record[6] then", "if false then"),
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
            redis_url,
            examples=FAULT_EXAMPLES_MAX,
            steps=40,
            phases=(Phase.generate,),
            source_of=source_of,
        )
