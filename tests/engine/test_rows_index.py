"""Where each row of RELIABILITY A, B and C is tested: number -> tests, and the proof that they exist."""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
COUNTS = {"A": 19, "B": 28, "C": 13}
CRASHES = "engine/test_crashes.py::"
NEWS = "engine/test_account_news.py::"
FAULTS = "engine/test_faults.py::"
B2 = "engine/test_faults_b2.py::"
A2 = "engine/test_faults_a2.py::"
TAKEN = "engine/test_faults_taken.py::"
ACCOUNTS = "venues/test_accounts.py::"
RULES = "venues/test_quote_rules.py::"
PARSING = "venues/test_parsing.py::"
A1 = f"{CRASHES}test_a1_to_a4_nothing_was_sent_and_nothing_is_sent_by_recovery"
A5 = f"{CRASHES}test_a5_to_a9_a_filled_first_leg_is_flattened_and_never_sent_twice"
A10 = f"{CRASHES}test_a10_a11_two_filled_legs_are_an_open_hedge_without_a_new_order"
LOST = f"{FAULTS}test_b1_b3_b25_an_answer_that_is_lost_is_never_a_rejection_and_never_sent_again"
CODES = f"{FAULTS}test_b5_b6_codes_that_prove_nothing_are_unknown"
LATE = f"{FAULTS}test_b8_b9_an_order_that_is_seen_late_is_found"
BAD_QUOTE = f"{RULES}test_a_bad_quote_is_refused_by_its_reason"

ROWS: dict[str, tuple[str, ...]] = {
    "A1": (A1,),
    "A2": (A1,),
    "A3": (A1,),
    "A4": (A1,),
    "A5": (A5, LOST),
    "A6": (A5,),
    "A7": (f"{CRASHES}test_a7_an_unfilled_first_leg_ends_in_nothing",),
    "A8": (f"{CRASHES}test_a8_a_partial_first_leg_leaves_nothing_unmatched",),
    "A9": (A5,),
    "A10": (A10,),
    "A11": (A10,),
    "A12": (
        f"{CRASHES}test_a12_a_second_flatten_never_passes_zero",
        f"{CRASHES}test_a12_an_interrupted_exit_closes_flat",
    ),
    "A13": (f"{CRASHES}test_a13_a_resting_quote_is_canceled_by_the_successor",),
    "A14": (f"{CRASHES}test_a14_a_crash_inside_the_recovery_is_recovered",),
    "A15": (
        f"{CRASHES}test_a15_an_older_trader_can_journal_nothing",
        f"{CRASHES}test_a15_an_older_trader_cannot_reduce_either",
        "engine/test_faults.py::test_a15_an_order_that_another_recoverer_has_just_ended_is_left_alone",
    ),
    "A16": (
        f"{A2}test_a16_a_trader_frozen_before_the_wire_sends_nothing_once_it_has_a_successor",
        f"{A2}test_a16_an_order_that_expired_in_the_pause_is_denied_by_the_sender_itself",
        "engine/test_trader_life.py::test_stale_data_between_decision_and_wire_sends_nothing",
    ),
    "A17": (
        f"{A2}test_a17_sigterm_in_a_hedge_finishes_it_and_leaves_in_time",
        "engine/test_trader_life.py::test_a_draining_or_unready_trader_opens_nothing",
    ),
    "A18": (f"{A2}test_a18_a_trader_that_runs_out_of_something_leaves_what_a_crash_leaves",),
    "A19": (
        f"{A2}test_a19_a_message_that_could_not_be_sent_after_the_commit_is_made_up_for_by_the_sweep",
        f"{A2}test_a19_a_listener_that_fails_does_not_keep_the_desk_from_stopping",
    ),
    "B1": (LOST,),
    "B2": (f"{B2}test_b2_a_read_timeout_is_unknown_whether_the_order_arrived_or_not",),
    "B3": (LOST,),
    "B4": (f"{B2}test_b4_service_unavailable_is_verified_by_a_question_before_anything_else",),
    "B5": (CODES,),
    "B6": (CODES,),
    "B7": (
        f"{B2}test_b7_a_client_id_that_exists_is_asked_for_and_gets_no_second_order",
        "venues/test_client.py::test_the_same_client_id_twice_exists_and_is_one_order",
        "venues/test_outcomes.py::test_a_duplicate_client_id_exists_and_is_never_a_rejection",
    ),
    "B8": (LATE,),
    "B9": (LATE,),
    "B10": (
        f"{FAULTS}test_b10_a_throttled_order_is_asked_for_and_not_sent_again",
        "venues/test_limiter.py::test_retry_after_stops_everything_for_so_long",
    ),
    "B11": (
        f"{B2}test_b11_a_request_outside_the_clock_s_window_is_not_posted_again",
        f"{ACCOUNTS}test_a_clock_that_is_off_is_measured_and_the_order_is_sent_once",
    ),
    "B12": (f"{FAULTS}test_b12_a_partial_fill_leaves_equal_legs",),
    "B13": (f"{B2}test_b13_a_fill_that_comes_after_the_cancel_was_acknowledged_wins",),
    "B14": (
        "engine/test_ledger.py::test_a_duplicate_fill_is_booked_once",
        "venues/test_edge_trigger.py::test_a_frame_that_comes_late_does_not_replace_a_newer_quote",
        f"{NEWS}test_b14_events_come_twice_and_in_any_order_and_the_books_are_the_same",
        f"{NEWS}test_b14_a_fill_that_comes_before_its_acknowledgement_is_not_taken_back",
    ),
    "B15": (
        "venues/test_stream.py::test_a_mute_stream_is_noticed_although_its_socket_is_open",
        "venues/test_account_stream.py::test_b15_a_stream_that_is_open_and_quiet_about_a_proved_order_ends_and_says_so",
        f"{NEWS}test_b15_a_mute_stream_holds_the_desk_while_rest_goes_on",
    ),
    "B16": (f"{FAULTS}test_b16_margin_refused_on_the_second_leg_flattens_or_rehedges",),
    "B17": (
        f"{B2}test_b17_a_filter_that_refuses_the_second_leg_leaves_no_residue",
        f"{B2}test_b17_a_fill_below_the_other_venue_s_minimum_is_reduced_away_or_matched",
    ),
    "B18": (f"{B2}test_b18_a_symbol_halted_between_the_legs_takes_the_orphan_policy",),
    "B19": (
        "engine/test_reconciliation.py::test_b19_a_leg_taken_behind_our_back_is_a_difference_and_stops_the_desk",
        f"{TAKEN}test_b19_the_venue_s_own_row_names_what_took_the_leg",
        f"{TAKEN}test_b19_a_taken_leg_is_closed_and_its_trade_booked_as_what_it_was",
    ),
    "B20": (
        f"{ACCOUNTS}test_contracts_become_base_units_for_every_multiplier",
        "venues/test_client.py::test_the_same_quantity_is_the_same_on_both_venues",
    ),
    "B21": (
        f"{ACCOUNTS}test_a_binance_account_that_must_not_trade_is_named",
        f"{ACCOUNTS}test_an_okx_account_that_must_not_trade_is_named",
        f"{ACCOUNTS}test_hedge_mode_at_the_venue_itself_fails_the_preflight",
    ),
    "B22": (
        f"{ACCOUNTS}test_a_binance_account_that_must_not_trade_is_named",
        f"{ACCOUNTS}test_an_okx_account_that_must_not_trade_is_named",
        "venues/test_client.py::test_an_unread_preflight_is_a_problem",
    ),
    "B23": (
        "venues/test_registry.py::test_an_address_of_the_wrong_environment_is_refused",
        "venues/test_registry.py::test_a_profile_never_takes_the_other_environments_keys",
    ),
    "B24": (
        f"{B2}test_b24_an_error_inside_an_item_of_a_good_answer_is_read",
        f"{B2}test_b24_an_item_that_names_no_order_of_ours_proves_nothing",
        "venues/test_outcomes.py::test_a_listed_okx_code_is_a_rejection_in_an_item_and_on_top",
    ),
    "B25": (
        LOST,
        "venues/test_bad_servers.py::test_nonsense_is_unknown_and_sent_once",
        "venues/test_bad_servers.py::test_a_gzip_bomb_is_cut_off",
        "venues/test_outcomes.py::test_a_broken_answer_is_unknown_whatever_its_status",
    ),
    "B26": (
        f"{B2}test_b26_an_answer_whose_field_is_no_number_is_unknown_and_asked_for",
        f"{ACCOUNTS}test_an_order_whose_field_changed_its_type_is_unreadable",
    ),
    "B27": (
        f"{B2}test_b27_a_venue_in_maintenance_takes_no_second_leg_and_the_first_goes",
        f"{B2}test_b27_a_dark_venue_holds_the_desk_until_it_answers_and_nothing_is_sent_twice",
        "venues/test_bad_servers.py::test_a_dead_port_is_unknown_and_names_no_address",
    ),
    "B28": (f"{B2}test_b28_a_dead_man_s_switch_that_fires_places_nothing_anew",),
    "C1": (BAD_QUOTE, f"{RULES}test_the_limits_themselves_still_pass"),
    "C2": (BAD_QUOTE,),
    "C3": (
        BAD_QUOTE,
        f"{PARSING}test_what_is_no_decimal_in_text_is_no_number",
        "risk/test_gate.py::test_a_number_that_is_none_passes_no_limit",
    ),
    "C4": (BAD_QUOTE, "venues/test_frames.py::test_an_empty_side_replaces_the_old_quote_by_one_that_the_judge_refuses"),
    "C5": (
        "engine/test_faults_c.py::test_c5_a_contract_of_a_thousand_is_another_symbol",
        "trading/test_candidates.py::test_a_symbol_that_a_venue_does_not_list_is_no_candidate",
        "venues/test_instruments.py::test_what_the_venue_no_longer_lists_becomes_inactive_and_stays",
    ),
    "C6": (f"{RULES}test_a_price_jump_beyond_the_collar_is_refused",),
    "C7": ("venues/test_frames.py::test_mark_index_and_last_are_never_confused",),
    "C8": (
        "trading/test_spread.py::test_funding_counts_the_settlements_within_the_holding_time",
        "trading/test_spread.py::test_the_short_leg_receives_what_longs_pay",
        "trading/test_spread.py::test_a_settlement_time_in_the_past_makes_funding_unknown",
    ),
    "C9": (
        "risk/test_governor_rules.py::test_each_guard_at_over_and_switched_off",
        BAD_QUOTE,
        f"{ACCOUNTS}test_a_clock_that_is_off_is_measured_and_the_order_is_sent_once",
    ),
    "C10": (
        "venues/test_stream.py::test_a_closed_socket_is_a_gap_and_the_stream_comes_back",
        "venues/test_edge_trigger.py::test_a_frame_that_comes_late_does_not_replace_a_newer_quote",
        "venues/test_frames.py::test_no_frame_breaks_the_reader",
    ),
    "C11": (f"{RULES}test_a_venue_that_lags_the_other_makes_no_edge",),
    "C12": (
        f"{PARSING}test_what_is_no_decimal_in_text_is_no_number",
        f"{PARSING}test_a_number_is_read_exactly_and_written_plainly",
    ),
    "C13": (f"{PARSING}test_what_is_no_plain_json_is_nothing", "access/test_bodies.py::test_what_is_no_body_is_400"),
}


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of a file's test functions, read and not run."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))


def test_every_row_of_a_b_and_c_is_in_the_table() -> None:
    assert set(ROWS) == {f"{group}{number}" for group, count in COUNTS.items() for number in range(1, count + 1)}


@pytest.mark.parametrize("row", ROWS)
def test_the_names_in_a_row_exist(row: str) -> None:
    assert ROWS[row]
    for node in ROWS[row]:
        path, name = node.split("::")
        assert name in names_in(path), f"{row}: {node}"
