"""Where each row of RELIABILITY D and E is tested: number -> tests, and the proof that they exist."""

import pytest

from tests.engine.test_rows_index import names_in

COUNTS = {"D": 12, "E": 15}
DATABASE, DESK, QUEUE = "faults/test_database.py::", "faults/test_desk.py::", "faults/test_queue.py::"
ATTEMPTS, BEAT, FEED = "trading/test_attempts.py::", "ground/test_beat.py::", "console/test_feed.py::"
TAMPERING, RESTORE = "audit/test_tampering.py::", "upkeep/test_restore.py::"
EMPTY_REDIS = f"{DESK}test_e1_e2_without_redis_the_desk_stops_on_request_and_comes_back_from_an_empty_one"
LOST = f"{ATTEMPTS}test_an_attempt_whose_message_was_lost_is_found_and_run"

ROWS: dict[str, tuple[str, ...]] = {
    "D1": (
        f"{DATABASE}test_d1_d2_a_backend_that_ends_at_a_commit_leaves_no_leg_alone",
        f"{DATABASE}test_d1_a_hold_whose_commit_is_unknown_is_engaged_again_until_it_is_known",
    ),
    "D2": (
        f"{DATABASE}test_d1_d2_a_backend_that_ends_at_a_commit_leaves_no_leg_alone",
        f"{DESK}test_d2_a_stopped_database_is_named_and_after_its_return_the_desk_is_held_and_reconciled",
    ),
    "D3": (f"{DATABASE}test_d3_two_writers_in_a_deadlock_both_get_through",),
    "D4": (
        f"{RESTORE}test_a_database_that_was_set_back_by_hand_is_told_at_the_start",
        f"{RESTORE}test_a_trader_of_the_lost_time_is_fenced",
    ),
    "D5": (
        "faults/test_disk.py::test_d5_on_a_full_disk_the_desk_refuses_stays_stopped_and_comes_back",
        "engine/test_faults_a2.py::test_a18_a_trader_that_runs_out_of_something_leaves_what_a_crash_leaves",
    ),
    "D6": (f"{DATABASE}test_d6_fifty_writers_of_one_row_lose_no_update_and_see_no_error",),
    "D7": ("audit/test_recording.py::test_what_is_audited_is_durable_and_refuses_to_run_inside_another_transaction",),
    "D8": (
        f"{RESTORE}test_the_desk_stands_in_a_new_generation",
        f"{RESTORE}test_nothing_opens_before_a_new_start_has_reconciled",
    ),
    "D9": (
        "ground/test_versions.py::test_an_older_and_a_newer_schema_stop_the_start_with_the_cure",
        "engine/test_mixture.py::test_another_build_configuration_or_schema_stops_the_desk",
    ),
    "D10": (
        "audit/test_recording.py::test_the_database_refuses_to_change_the_trail",
        "audit/test_app_role.py::test_it_may_not_touch_what_is_kept",
        f"{TAMPERING}test_tampering_is_found_and_named",
    ),
    "D11": (
        f"{TAMPERING}test_tampering_is_found_and_named",
        f"{TAMPERING}test_tampering_behind_the_newest_checkpoint_is_found_from_there",
    ),
    "D12": (f"{DESK}test_d12_with_every_connection_taken_hold_still_answers_within_a_second",),
    "E1": (EMPTY_REDIS,),
    "E2": (EMPTY_REDIS, LOST),
    "E3": (
        f"{DESK}test_e3_e7_who_hangs_is_started_again_with_an_alert",
        "embedded/test_watching.py::test_who_gives_no_sign_of_life_is_started_again_once",
    ),
    "E4": (
        f"{ATTEMPTS}test_a_message_that_comes_twice_acts_once",
        f"{ATTEMPTS}test_of_many_claims_at_once_one_wins",
    ),
    "E5": ("house/test_code.py::test_no_task_waits_longer_than_the_broker_remembers",),
    "E6": (f"{BEAT}test_of_many_beats_exactly_one_claims_a_slot", f"{BEAT}test_two_schedulers_send_each_tick_once"),
    "E7": (
        f"{DESK}test_e3_e7_who_hangs_is_started_again_with_an_alert",
        "console/test_health.py::test_each_dead_part_is_named",
        "console/test_task_runs.py::test_a_task_that_has_not_run_for_several_periods_is_an_error",
    ),
    "E8": (
        f"{ATTEMPTS}test_a_late_attempt_is_never_run_and_the_sweep_expires_it",
        f"{BEAT}test_the_table_is_installed_with_queues_and_expiries",
    ),
    "E9": (LOST, f"{QUEUE}test_e9_an_attempt_whose_worker_died_with_it_is_ended_and_not_run_again"),
    "E10": (f"{QUEUE}test_e10_a_poisoned_attempt_is_tried_once_and_ends_with_its_record",),
    "E11": (f"{DESK}test_e11_a_full_redis_says_no_and_loses_nothing",),
    "E12": (
        f"{DESK}test_e12_what_an_attacker_writes_into_the_queue_runs_nothing",
        f"{ATTEMPTS}test_a_forged_message_is_no_more_than_a_wrong_name",
    ),
    "E13": (f"{FEED}test_heartbeats_carry_the_head_and_the_hold",),
    "E14": (f"{FEED}test_a_slow_reader_is_marked_and_its_mailbox_stays_bounded",),
    "E15": (f"{QUEUE}test_e15_a_flushed_redis_gives_nobody_his_attempts_back",),
}


def test_every_row_of_d_and_e_is_in_the_table() -> None:
    assert set(ROWS) == {f"{group}{number}" for group, count in COUNTS.items() for number in range(1, count + 1)}


@pytest.mark.parametrize("row", ROWS)
def test_the_names_in_a_row_exist(row: str) -> None:
    assert ROWS[row]
    for node in ROWS[row]:
        path, name = node.split("::")
        assert name in names_in(path), f"{row}: {node}"
