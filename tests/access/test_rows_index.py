"""Where each row of RELIABILITY F, G and H is tested: number -> tests, and the proof that they exist."""

import pytest

from tests.engine.test_rows_index import names_in

COUNTS = {"F": 18, "G": 11, "H": 35}
DECIDING = "approvals/test_deciding.py::"
RACES = "approvals/test_races.py::"
GUARDS = "approvals/test_database_guards.py::"
FACTORS = "approvals/test_factors.py::"
ADMIN = "approvals/test_admin_pages.py::"
MATRIX = "access/test_matrix.py::"
HOSTILE = "access/test_hostile.py::"
BODIES = "access/test_bodies.py::"
TIMING = "access/test_timing.py::"
ENV = "ground/test_env.py::"
CHECKS = "ground/test_checks.py::"
FEED = "console/test_feed.py::"
TELEGRAM = "console/test_telegram.py::"
PAIRS = "approvals/test_credential_pairs.py::test_no_pair_of_one_persons_credentials_is_two_people"
CELLS = f"{MATRIX}test_each_role_reaches_exactly_its_cells"
CANARIES = "acceptance/test_canaries.py::test_no_planted_secret_is_found_anywhere_but_at_home"

ROWS: dict[str, tuple[str, ...]] = {
    "F1": (
        "access/test_idempotency.py::test_twenty_at_once_do_it_once_and_hear_the_same",
        "access/test_idempotency.py::test_a_repeated_post_is_answered_and_not_repeated",
    ),
    "F2": (
        f"{RACES}test_of_many_concurrent_confirms_exactly_one_executes",
        f"{RACES}test_confirming_by_name_from_many_hands_executes_once",
    ),
    "F3": (
        PAIRS,
        "access/test_requester.py::test_whoever_asked_decides_nothing_and_it_is_recorded",
        f"{ADMIN}test_the_requester_who_posts_anyway_is_refused",
        f"{FACTORS}test_in_a_chat_whoever_asked_cannot_approve",
        f"{DECIDING}test_whoever_asks_cannot_approve_and_it_is_recorded_and_told",
    ),
    "F4": (PAIRS, f"{DECIDING}test_a_second_account_of_the_same_person_does_not_help"),
    "F5": (
        f"{DECIDING}test_an_approver_who_saw_something_else_is_refused",
        f"{GUARDS}test_raw_sql_cannot_bend_a_request",
        f"{DECIDING}test_a_payload_changed_behind_the_triggers_is_refused",
    ),
    "F6": (f"{DECIDING}test_the_world_is_asked_again_at_execution",),
    "F7": (
        f"{DECIDING}test_only_the_databases_clock_ends_a_request",
        f"{DECIDING}test_an_expired_request_is_gone",
        f"{GUARDS}test_raw_sql_cannot_bend_a_request",
    ),
    "F8": (
        f"{DECIDING}test_a_second_confirm_is_told_that_it_is_decided",
        "access/test_idempotency.py::test_a_refusal_is_remembered_too",
    ),
    "F9": (
        f"{RACES}test_a_role_lost_at_the_same_moment_is_before_or_after_never_between",
        f"{DECIDING}test_a_role_lost_in_between_is_seen",
        f"{DECIDING}test_a_deactivated_person_cannot_decide",
    ),
    "F10": (f"{RACES}test_approving_and_withdrawing_at_once_has_one_winner",),
    "F11": (
        f"{RACES}test_a_hold_at_the_same_moment_wins_or_comes_after",
        "risk/test_hold_races.py::test_hold_against_approval_leaves_the_newer_hold_standing",
    ),
    "F12": (
        f"{DECIDING}test_a_newer_hold_voids_what_was_asked_under_an_older_one",
        "risk/test_law_three.py::test_the_executed_resume_of_an_older_hold_starts_nothing",
    ),
    "F13": (
        f"{RACES}test_two_asking_at_once_leave_one_pending_request",
        "risk/test_resume_order.py::test_the_same_person_gets_the_pending_request_and_another_is_refused",
    ),
    "F14": ("engine/test_hold_races.py::test_hold_between_the_legs_flattens_the_filled_one",),
    "F15": (
        f"{DECIDING}test_an_approver_who_saw_something_else_is_refused",
        "console/test_cli.py::test_a_request_is_approved_as_it_was_shown",
    ),
    "F16": (
        "risk/test_law_three.py::test_raw_sql_cannot_loosen_a_held_desk",
        "risk/test_law_three.py::test_queryset_update_and_save_are_refused_too",
        "risk/test_law_three.py::test_the_service_itself_cannot_go_around_the_approval",
        "risk/test_integrity.py::test_a_start_refuses_a_database_whose_guard_is_switched_off",
    ),
    "F17": (
        "trading/test_entry.py::test_a_fat_finger_is_refused",
        "risk/test_gate.py::test_each_cap_allows_at_its_limit_and_skips_one_tick_over",
        "risk/test_gate.py::test_a_request_that_is_too_large_in_itself_is_a_bad_request",
    ),
    "F18": (
        "approvals/test_break_glass.py::test_with_every_approver_away_a_viewer_closes_the_desk_with_two_codes",
        "approvals/test_break_glass.py::test_nothing_that_loosens_opens_with_any_number_of_codes",
        "approvals/test_break_glass.py::test_it_is_loud",
    ),
    "G1": (
        f"{ENV}test_a_flag_is_true_only_when_it_says_so",
        f"{ENV}test_any_other_spelling_of_a_flag_is_fatal_and_keeps_the_safe_value",
        f"{ENV}test_what_is_missing_takes_the_safe_value",
    ),
    "G2": (f"{CHECKS}test_each_unsafe_setting_is_fatal_and_names_its_cure",),
    "G3": (
        f"{ENV}test_a_limit_never_becomes_unlimited",
        "risk/test_gate.py::test_an_absent_limit_is_an_error_and_never_unlimited",
    ),
    "G4": (
        "risk/test_api.py::test_a_limit_is_lowered_at_once_and_raised_by_two",
        "risk/test_integrity.py::test_a_start_tells_where_limits_and_environment_differ",
    ),
    "G5": ("engine/test_mixture.py::test_another_build_configuration_or_schema_stops_the_desk",),
    "G6": (
        "ground/test_locales.py::test_a_process_under_another_locale_says_the_same",
        "ground/test_locales.py::test_the_language_of_a_browser_changes_no_figure",
    ),
    "G7": (
        "engine/test_reconciliation.py::test_a_foreign_position_blocks_its_symbol_holds_the_desk_and_is_not_adopted",
    ),
    "G8": (
        "ground/test_secrets_store.py::test_a_rotation_keeps_old_values_readable_and_then_seals_them_under_the_new_key",
        "ground/test_secrets_rotation.py::test_a_killed_rotation_leaves_the_old_store_or_the_new_one",
        "ground/test_secrets_rotation.py::test_a_rotation_keeps_what_another_process_has_stored_meanwhile",
        "approvals/test_api.py::test_a_new_secret_travels_sealed_and_arrives_only_in_the_trader",
        "approvals/test_killed.py::test_a_trader_killed_while_it_takes_up_a_secret_has_it_and_says_so_once",
    ),
    "G9": (
        "ground/test_secrets_store.py::test_a_file_with_another_mode_is_refused",
        f"{CHECKS}test_a_secrets_store_that_others_may_read_is_fatal",
        "access/test_repository.py::test_no_file_of_the_repository_holds_a_secret",
        "house/test_containers.py::test_no_secret_is_a_line_of_the_environment",
    ),
    "G10": ("risk/test_governor_rules.py::test_each_guard_at_over_and_switched_off",),
    "G11": (
        "risk/test_lease.py::test_a_second_trader_waits_and_changes_nothing",
        "engine/test_trader_life.py::test_a_second_trader_stands_by_and_takes_over_after_an_orderly_stop",
    ),
    "H1": (
        f"{FACTORS}test_no_number_of_threads_compares_more_wrong_tokens_than_the_limit",
        f"{FACTORS}test_five_wrong_tokens_lock_approving_and_tell_once",
    ),
    "H2": (
        "house/test_code.py::test_no_secret_is_compared_with_an_operator",
        f"{FACTORS}test_secrets_are_never_compared_with_equals",
        f"{TIMING}test_a_hundred_thousand_guesses_tell_nothing_of_how_near_they_were",
        f"{TIMING}test_what_is_compared_has_one_length_and_nobody_outside_knows_it",
    ),
    "H3": (
        f"{DECIDING}test_an_operator_without_the_object_permission_cannot_decide",
        "access/test_requester.py::test_whoever_asked_decides_nothing_and_it_is_recorded",
    ),
    "H4": (
        f"{MATRIX}test_a_session_without_csrf_writes_nowhere",
        "console/test_forms.py::test_no_form_works_without_its_csrf_token",
    ),
    "H5": (f"{MATRIX}test_reading_makes_no_row",),
    "H6": (f"{FEED}test_a_missing_or_foreign_origin_is_refused",),
    "H7": (
        f"{FEED}test_who_loses_the_role_loses_the_feed",
        f"{FEED}test_whose_token_or_account_ends_loses_the_feed",
        f"{FEED}test_whose_session_ends_loses_the_feed",
    ),
    "H8": (CELLS, f"{ADMIN}test_a_viewer_does_not_reach_the_page"),
    "H9": (CELLS, f"{MATRIX}test_every_method_that_a_view_serves_has_a_cell"),
    "H10": (
        f"{HOSTILE}test_no_column_of_any_model_can_be_slipped_into_a_body",
        f"{BODIES}test_a_field_that_is_not_known_is_400",
    ),
    "H11": (
        "console/test_admin_site.py::test_not_even_a_superuser_can_write_what_the_law_guards",
        "approvals/test_api.py::test_a_role_changes_with_two_people_and_never_ones_own",
    ),
    "H12": (
        f"{HOSTILE}test_nothing_is_deleted_in_bulk_and_every_try_leaves_the_rows",
        "audit/test_recording.py::test_querysets_cannot_change_the_trail_either",
        f"{ADMIN}test_no_row_of_these_floors_can_be_changed_in_the_admin",
    ),
    "H13": (
        f"{DECIDING}test_a_superuser_flag_opens_nothing",
        f"{MATRIX}test_a_superuser_without_a_group_reaches_no_cell",
        f"{ADMIN}test_a_superuser_may_look_and_cannot_decide",
    ),
    "H14": (
        f"{HOSTILE}test_a_permission_that_outlived_its_request_opens_no_other",
        f"{DECIDING}test_the_permission_is_taken_away_when_it_is_decided",
    ),
    "H15": (
        "access/test_spreadsheet.py::test_no_export_runs_anything_in_a_spreadsheet",
        "console/test_reports.py::test_the_csv_is_the_same_report_and_starts_no_formula",
    ),
    "H16": (
        "browser/test_markup.py::test_markup_stays_text_on_every_page",
        "console/test_pages.py::test_a_reason_is_text_and_never_markup",
    ),
    "H17": ("ground/test_redaction.py::test_one_event_is_one_line_of_plain_ascii",),
    "H18": (
        CANARIES,
        "ground/test_redaction.py::test_a_traceback_loses_its_secret_and_never_shows_local_variables",
        "audit/test_recording.py::test_secrets_never_enter_a_record",
    ),
    "H19": (
        "venues/test_registry.py::test_the_simulator_profile_speaks_to_loopback_only",
        "venues/test_registry.py::test_an_address_of_the_wrong_environment_is_refused",
        "venues/test_registry.py::test_even_a_stray_address_of_ccxt_is_not_called_in_the_simulator_profile",
    ),
    # The bot polls: there is no webhook that anybody could forge.
    "H20": ("access/test_repository.py::test_no_route_listens_for_a_telegram_webhook",),
    "H21": (f"{TELEGRAM}test_what_is_not_a_direct_message_of_an_operator_here_does_nothing",),
    "H22": (
        f"{TELEGRAM}test_an_update_that_comes_three_times_is_done_once",
        f"{TELEGRAM}test_old_or_future_words_are_not_obeyed",
    ),
    "H23": (PAIRS, f"{FACTORS}test_in_a_chat_whoever_asked_cannot_approve"),
    "H24": (f"{HOSTILE}test_no_name_from_outside_becomes_a_path",),
    "H25": (f"{HOSTILE}test_a_hundred_thousand_characters_are_redacted_at_once",),
    "H26": (
        f"{HOSTILE}test_a_body_that_is_too_much_is_refused_at_once",
        f"{HOSTILE}test_a_packed_body_is_not_unpacked",
        "access/test_server.py::test_the_web_process_stays_small_and_answers_on",
        "access/test_wire.py::test_every_shape_of_a_request_stops_once_or_not_at_all",
        f"{BODIES}test_a_body_that_is_too_large_is_413",
    ),
    "H27": (
        f"{HOSTILE}test_nobody_is_named_almost_like_somebody",
        f"{HOSTILE}test_only_ascii_digits_are_numbers",
        f"{GUARDS}test_a_name_that_looks_like_another_is_refused_by_the_database",
    ),
    "H28": (
        f"{HOSTILE}test_what_two_readers_could_read_differently_is_400",
        f"{BODIES}test_the_same_reader_serves_other_entrances",
        f"{BODIES}test_a_whole_surrogate_pair_is_text_and_half_of_one_is_not",
    ),
    "H29": (
        "approvals/test_api.py::test_only_the_named_filters_filter",
        "risk/test_numbers.py::test_no_query_of_any_route_breaks_it",
    ),
    "H30": (
        f"{HOSTILE}test_a_session_that_was_planted_before_the_login_is_not_the_one_after_it",
        f"{HOSTILE}test_a_new_password_ends_every_other_session",
        f"{HOSTILE}test_another_host_is_refused",
        "access/test_login.py::test_a_password_alone_opens_nothing_where_a_code_is_enrolled",
    ),
    "H31": (
        f"{HOSTILE}test_a_stranger_does_not_learn_who_exists",
        f"{HOSTILE}test_a_token_that_never_was_reads_like_one_that_ended",
        f"{TIMING}test_every_failed_login_costs_one_hash_and_reads_the_same",
        f"{TIMING}test_every_refused_token_costs_one_hash_and_one_query",
        f"{TIMING}test_a_thousand_refused_tokens_tell_nothing_of_why",
    ),
    "H32": ("access/test_repository.py::test_every_dependency_is_pinned_to_one_version",),
    "H33": (f"{HOSTILE}test_nothing_is_deleted_in_bulk_and_every_try_leaves_the_rows",),
    "H34": (CANARIES, "approvals/test_api.py::test_the_value_stands_nowhere_on_its_way"),
    "H35": (
        f"{HOSTILE}test_no_page_can_be_framed",
        "console/test_pages.py::test_the_policy_allows_no_inline_code_and_no_frames",
    ),
}


def test_every_row_of_f_g_and_h_is_in_the_table() -> None:
    assert set(ROWS) == {f"{group}{number}" for group, count in COUNTS.items() for number in range(1, count + 1)}


@pytest.mark.parametrize("row", ROWS)
def test_the_names_in_a_row_exist(row: str) -> None:
    assert ROWS[row]
    for node in ROWS[row]:
        path, name = node.split("::")
        assert name in names_in(path), f"{row}: {node}"
