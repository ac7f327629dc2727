"""Which test holds which promise of the sale, and which failure of others: none may lose its test.

`docs/proofs.md` tells of the long runs; this is what every run of the suite checks. A test that is
renamed is renamed here, one that is thrown out needs another in its place.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
SALE, HERE = "contracts/flash_sale/", "integration/"

INVARIANTS = {
    "I1 never oversell": (
        f"{SALE}test_buying.py::test_300_buyers_on_two_workers_get_exactly_the_stock",
        f"{SALE}test_scripts_follow_the_specification.py::test_a_fault_in_a_script_is_caught",
        f"{HERE}test_sales.py::test_a_stampede_sells_exactly_what_there_was",
        f"{HERE}test_sale_faults.py::test_a_sell_out_under_a_fault_is_exact",
    ),
    "I2 exact conservation": (
        f"{SALE}test_audit.py::test_two_wrongs_that_cancel_out_are_seen",
        f"{SALE}test_scripts_follow_the_specification.py::"
        "test_the_scripts_do_what_the_specification_says",
        "loadtest/test_sale_checks.py::test_a_wrong_audit_is_caught_though_the_server_calls_it_balanced",
    ),
    "I3 each captured payment is an order or a refund": (
        f"{SALE}test_money.py::test_late_money_goes_back_if_the_stock_is_gone",
        f"{SALE}test_money.py::test_a_second_payment_of_one_order_is_refunded",
        f"{SALE}test_wrong_sums.py::test_another_sum_goes_back_and_the_right_one_still_pays",
        f"{SALE}test_moves_matter.py::test_without_one_move_of_an_order",
        "loadtest/test_money_checks.py::test_broken_books_are_caught",
    ),
    "I4 no undersell": (
        f"{SALE}test_journal.py::test_holds_nobody_paid_are_back_at_once",
        "loadtest/test_against_server.py::"
        "test_holds_that_nobody_pays_are_back_in_time_and_sell_again",
        f"{HERE}test_sales.py::test_an_unpaid_hold_returns",
    ),
    "I5 the limit per person": (
        f"{SALE}test_buying.py::test_the_limit_counts_every_worker_and_is_freed_once",
        f"{SALE}test_given_back.py::test_only_what_came_back_is_freed",
        f"{HERE}test_sales.py::test_a_person_has_one_limit_however_many_sockets",
    ),
    "I6 one key, one answer": (
        f"{SALE}test_buying.py::test_the_same_key_gives_the_same_bytes_for_ever",
        f"{SALE}test_buying.py::test_a_key_belongs_to_one_person_and_one_request",
        f"{SALE}test_lost_tail.py::test_what_the_shorter_log_still_has_is_kept",
        f"{SALE}test_journal.py::test_a_sale_long_over_leaves_redis_and_stays_in_sql",
        f"{SALE}test_adversary.py::test_a_part_of_a_split_takes_nobodys_key",
        f"{SALE}test_adversary.py::test_a_coupon_kept_for_one_cart_does_not_make_another_cheaper",
    ),
    "I7 HELD is left once": (
        f"{SALE}test_money.py::test_expiry_and_payment_race_for_one_end",
        f"{SALE}test_attacked_money.py::test_cancelled_and_paid_at_once_the_coupon_has_one_end",
        f"{SALE}test_adversary.py::"
        "test_who_was_offered_before_the_tail_was_lost_is_not_offered_again",
    ),
    "I8 callbacks have a defined end": (
        f"{SALE}test_banks.py::test_nothing_is_sold_by",
        f"{SALE}test_banks.py::test_a_callback_a_hundred_times_over_two_workers_is_one_transition",
        f"{SALE}test_money.py::test_failed_then_succeeded_and_the_reverse_are_paid",
        f"{SALE}test_adversary.py::test_a_signed_sum_beyond_every_column_has_a_defined_result",
    ),
    "I9 stock has versions; sold out reaches all": (
        f"{HERE}test_sales.py::test_versions_of_stock_only_grow",
        f"{HERE}test_sales.py::test_two_races_for_the_last_unit",
        "flash_sale/test_sale.py::test_later_sales_and_generations_start_above_all_earlier_versions",
    ),
    "I10 the clock of Redis, the price of the catalogue": (
        f"{SALE}test_buying.py::test_by_redis_own_clock_a_sale_starts_after_its_countdown",
        f"{HERE}test_sales.py::test_the_answer_to_a_buy",
        f"{HERE}test_sales.py::test_orders_that_make_no_sense_change_nothing",
        f"{SALE}test_adversary.py::test_no_order_can_be_paid_for_longer_than_its_pieces_are_held",
    ),
    "I11 answered after its durable point": (
        f"{SALE}test_buying.py::test_a_silent_redis_means_unknown_and_the_key_tells_later",
        f"{SALE}test_money.py::test_a_crash_between_money_and_order_is_finished_later",
        f"{HERE}test_embedded.py::test_it_syncs_every_write",
        f"{HERE}test_accepted_work.py::test_a_buyer_who_loses_the_line_has_still_bought",
    ),
}
FAILURES = {
    "check-then-act oversell": (f"{HERE}test_sales.py::test_two_races_for_the_last_unit",),
    "decrement before the duplicate check": (
        "flash_sale/test_stock.py::test_refusals_come_in_order_of_precedence",
    ),
    "two lines, one item": (f"{SALE}test_buying.py::test_two_lines_of_one_sku_are_one_wish",),
    "the last unit cannot be sold": (
        "flash_sale/test_stock.py::test_the_last_piece_is_sold_and_not_one_more",
    ),
    "a way round the lock": (
        "architecture/test_no_way_round.py::test_what_decides_is_written_by_scripts_alone",
    ),
    "order survives its lost reservation": (
        f"{SALE}test_lost_tail.py::test_a_payment_begun_on_a_lost_hold_makes_no_order",
    ),
    "told, then died before the queue": (
        f"{SALE}test_recovery.py::test_a_kill_with_intact_data_changes_nothing",
    ),
    "consumer pops, then dies": (
        f"{SALE}test_journal.py::test_a_consumer_that_died_before_trimming_is_no_trouble",
    ),
    "trimmed below the unacknowledged": (
        f"{SALE}test_lost_tail.py::test_a_rebuild_waits_for_every_entry",
        f"{SALE}test_journal.py::test_two_consumers_move_each_entry_once",
    ),
    "failover rolled sales back": (
        f"{SALE}test_recovery.py::test_data_that_went_back_in_time_is_fenced_before_the_first_buy",
        f"{HERE}test_embedded.py::test_a_given_redis_that_logs_its_scripts_is_refused",
    ),
    "paid order auto-cancelled": (
        f"{SALE}test_money.py::test_the_sweeper_asks_the_bank_before_it_takes_a_hold_away",
        f"{SALE}test_adversary.py::"
        "test_every_open_payment_is_asked_about_before_an_order_is_closed",
    ),
    "paid after the hold was gone": (
        f"{SALE}test_money.py::test_late_money_gets_the_stock_if_it_is_still_there",
        f"{SALE}test_adversary.py::test_late_money_finds_the_pieces_with_who_waited",
    ),
    "second payment dropped": (
        f"{SALE}test_money.py::test_a_second_payment_of_one_order_is_refunded",
    ),
    "stock returned twice or never": (
        f"{SALE}test_money.py::test_cancelling_gives_everything_back_once",
        f"{SALE}test_refunding.py::test_stock_returns_once_and_only_by_decision",
        f"{SALE}test_failed_refunds.py::"
        "test_pieces_that_were_refunded_again_do_not_come_back_twice",
    ),
    "blocked by one's own hold": (
        f"{SALE}test_taking_part.py::test_the_hold_at_the_limit_is_given_again_under_any_key",
    ),
    "said failed after the money went through": (
        f"{HERE}test_accepted_work.py::test_a_buyer_who_loses_the_line_has_still_bought",
        "browser/test_buyers_way.py::test_money_that_comes_after_the_hold_was_gone",
    ),
    "polled stale stock": (f"{HERE}test_sales.py::test_versions_of_stock_only_grow",),
    "waited for what was sold out": ("flash_sale/test_queue.py::test_the_early_word",),
}


@cache
def functions_in(path: str) -> frozenset[str]:
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("promise", [*INVARIANTS, *FAILURES])
def test_each_promise_has_its_tests(promise: str) -> None:
    held_by = INVARIANTS.get(promise) or FAILURES[promise]
    for named in held_by:
        path, name = named.split("::")
        assert name in functions_in(path), named


def test_all_eleven_and_all_eighteen_are_here() -> None:
    assert [name.split()[0] for name in INVARIANTS] == [f"I{n}" for n in range(1, 12)]
    assert len(FAILURES) == 18
