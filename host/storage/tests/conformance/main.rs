//! What a database must do to carry the hub, whichever database it is.
//!
//! Each test is a function of a [`Store`]. The list below says which run, and all of it runs on both databases: as
//! `sqlite::…` and as `postgres::…`. A test that is not in the list is dead code, which the compiler reports. What only
//! one of the databases has is tested in modules of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: what is not as expected must stop them"
)]

mod audit;
mod billing;
mod budget_property;
mod budgets;
mod cached_answers;
mod changes;
mod counters;
mod deliveries;
mod delivery_lists;
mod durability;
mod events;
mod exports;
mod hub;
mod idempotency;
mod identity;
mod isolation;
mod job_limits;
mod job_races;
mod job_redrive;
mod jobs;
mod journal;
mod kv;
mod migrations;
mod nodes;
mod oauth;
mod objects;
mod operator;
mod paging;
mod plans;
mod races;
mod records;
mod retention;
mod rls;
mod roles;
mod store;
mod sync_links;
mod sync_steps;
mod syncs;
mod webhooks;

use store::Store;

macro_rules! conformance {
    ($($area:ident { $($test:ident)* })*) => {
        mod sqlite {
            $(mod $area {
                $(#[tokio::test]
                async fn $test() {
                    crate::$area::$test(crate::Store::sqlite().await).await;
                })*
            })*
        }

        mod postgres {
            $(mod $area {
                $(#[tokio::test]
                async fn $test() {
                    if let Some(store) = crate::Store::postgres().await {
                        crate::$area::$test(store).await;
                    }
                })*
            })*
        }
    };
}

conformance! {
    isolation {
        an_org_does_not_see_anothers_api_keys
        an_org_does_not_see_anothers_installations
        an_org_does_not_see_anothers_connections
        an_org_does_not_see_anothers_data_keys
        an_org_does_not_see_anothers_runs_and_usage
        an_org_does_not_see_anothers_events
        an_org_does_not_see_anothers_records
        an_org_does_not_see_anothers_small_values
        an_org_does_not_see_anothers_blobs
        an_org_does_not_see_anothers_webhooks
        an_org_does_not_see_anothers_audit_log
        a_plugin_does_not_see_anothers_data
        the_same_ids_in_two_orgs_do_not_collide
    }
    hub {
        an_org_is_found_and_its_id_is_taken_once
        an_api_key_is_found_by_its_hash_and_revoked_once
        an_installation_keeps_its_id_and_token_when_its_settings_change
        a_connection_takes_the_id_that_it_was_sealed_for
        a_data_key_is_never_written_over
        a_package_is_known_by_its_digest_and_keeps_its_first_time
        installations_of_a_plugin_come_from_all_orgs
        nothing_is_stored_for_an_org_that_does_not_exist
        blobs_with_the_same_contents_are_counted
        a_dropped_transaction_leaves_no_trace
        a_reading_transaction_refuses_to_write
        a_reader_keeps_its_snapshot_while_others_write
        who_locks_an_org_waits_for_the_one_before
    }
    deliveries {
        an_endpoint_is_read_back_as_it_was_put
        events_wait_to_be_handed_on_from_when_they_concern_somebody
        a_delivery_is_added_once_however_often_it_is_handed_on
        what_became_of_deliveries_is_written_in_bulk
        of_many_attempts_the_newest_are_kept
        a_lane_is_held_by_one_hub_until_its_lease_ends
        a_lane_rests_only_if_nothing_was_queued_since_it_was_counted
        events_are_queued_again_as_somebody_asks
        what_is_left_of_a_deleted_endpoint_is_cancelled_and_cleared_away
        old_deliveries_go_and_those_that_wait_stay
        nothing_is_queued_for_an_org_that_does_not_exist
    }
    billing {
        a_number_is_given_once_and_the_answer_to_an_older_one_is_dropped
        a_fact_of_the_history_is_there_once_and_pages_go_back_in_time
        readings_are_made_once_and_due_until_they_are_settled
        the_last_comparison_of_a_day_is_kept_and_gaps_are_found
    }
    exports {
        rows_are_gone_through_once_in_the_order_of_their_keys
        a_walk_ends_at_its_last_key_and_takes_what_lies_in_its_time
        documents_and_entries_are_gone_through_as_well
        of_two_that_go_on_from_one_step_the_second_has_lost
        an_export_ends_once_and_its_file_goes_in_time
        exports_that_nobody_goes_on_with_are_found
        exports_are_listed_newest_first_with_those_of_the_audit_log_or_without
        what_the_hub_counts_is_added_up
    }
    cached_answers {
        an_answer_is_read_back_until_it_expires
        of_two_who_keep_an_answer_the_second_finds_it_kept
        what_was_not_used_for_longest_comes_first
        an_org_does_not_see_anothers_answers
    }
    kv {
        a_value_is_absent_from_the_instant_that_it_expires
        the_version_counts_writes_and_begins_anew_after_expiry
        a_write_that_expects_another_version_loses_and_learns_the_present_one
        a_write_that_expects_absence_wins_only_once
        of_fifty_writers_that_expect_the_same_version_one_wins
        of_fifty_adders_to_a_new_counter_none_is_lost
        a_counter_sums_from_zero_and_keeps_its_first_expiry
        a_value_that_is_no_counter_stays_as_it_is
        a_sum_past_64_bits_is_refused
        the_sweep_frees_only_what_has_expired
    }
    records {
        a_batch_of_writes_is_read_back_with_versions
        a_document_is_read_back_to_the_letter
        documents_come_in_the_order_of_bytes
        a_query_filters_by_declared_fields_and_pages_by_id
        a_query_tells_types_apart
        documents_come_in_the_order_asked_for
        a_document_made_again_begins_with_version_one
    }
    journal {
        a_run_is_read_back_as_it_was_handed_over
        usage_with_the_same_id_is_billed_once
        events_with_the_same_id_are_published_once
        events_of_an_org_are_numbered_without_going_back
        what_nobody_waits_for_is_committed_although_many_vendors_wait
        a_lost_compare_and_swap_keeps_run_and_usage_and_nothing_else
        of_two_runs_in_one_batch_that_expect_the_same_version_the_first_wins
        a_refused_entry_does_not_harm_its_neighbours
        an_entry_that_the_database_cannot_take_does_not_harm_its_neighbours
        large_documents_that_come_together_are_all_stored
        what_was_handed_over_before_a_shutdown_is_committed
        a_caller_that_stands_still_does_not_hold_up_a_shutdown
        a_commit_goes_on_when_its_caller_goes_away
        totals_add_up_even_for_the_largest_quantities
    }
    objects {
        a_record_says_who_made_changed_and_deleted_it
        what_came_of_a_record_is_published_with_it
        a_write_that_changes_nothing_is_no_news
        a_run_that_loses_changes_and_tells_nothing
        runs_of_one_batch_write_one_after_the_other
        records_are_found_by_what_they_are_now
        a_person_is_found_by_each_of_their_numbers
        all_who_share_a_number_are_found_page_by_page
        those_that_were_there_before_are_found_by_their_lists_as_well
        a_page_is_as_long_as_asked_and_ends_early_where_little_matches
        an_org_does_not_see_anothers_records_of_objects
        who_deleted_a_record_is_forgotten_with_time
        a_record_is_read_back_to_the_letter
    }
    delivery_lists {
        deliveries_are_listed_by_endpoint_status_and_type
    }
    events {
        the_log_is_filtered_by_type_source_subject_and_time
        a_look_through_the_log_ends_although_nothing_matches
        an_event_is_found_by_its_id_and_the_log_says_how_far_it_goes
        the_first_event_since_a_time_is_the_one_that_was_committed_first
        who_follows_hears_of_events_once_they_are_committed
        who_is_too_slow_to_follow_is_told_to_look_everywhere
    }
    webhooks {
        of_a_hundred_concurrent_copies_one_is_new
        the_same_vendor_id_at_two_installations_is_two_webhooks
        a_webhook_is_read_back_byte_for_byte
        bodies_larger_than_one_statement_are_stored
        refused_ones_are_kept_under_their_own_ids
        due_ones_come_the_longest_due_first_and_only_when_pending
        a_run_settles_the_webhook_that_it_worked_on
        of_those_who_take_a_webhook_at_once_one_gets_it
        webhooks_of_many_orgs_are_looked_through_and_taken_up_together
        who_has_lost_a_webhooks_lease_keeps_nothing_but_the_run
        what_has_failed_is_replayed_once
        those_of_a_span_of_time_are_replayed_in_portions
        what_is_genuine_after_all_gets_its_name_unless_that_is_taken
    }
    syncs {
        settings_are_written_over_only_as_they_were_expected
        a_sync_is_due_while_it_is_on
        one_run_is_open_and_one_of_all_is_more
        a_run_goes_on_where_the_one_before_has_failed
        all_is_asked_for_anew_after_changes_that_failed
        what_is_read_otherwise_is_read_from_the_beginning
        a_run_that_is_cancelled_keeps_its_steps_out
        what_waits_is_there_once_and_in_the_order_in_which_it_came
        an_org_does_not_see_anothers_syncs
        what_belongs_to_a_plugins_syncs_goes_with_them
        what_is_old_goes_and_the_last_run_stays
        records_are_found_by_many_values_at_once
        all_is_wanted_at_once_of_a_sync_that_is_on
    }
    sync_links {
        a_counterpart_that_is_gone_is_remembered_and_is_no_counterpart
        links_are_those_of_one_account
        links_are_forgotten_and_what_was_told_of_runs_is_not
        records_are_gone_through_with_whether_they_are_linked
    }
    sync_steps {
        a_page_is_committed_with_its_run
        a_lost_expectation_keeps_nothing_of_a_step
        what_comes_again_meanwhile_is_not_done_with
        hints_of_a_run_drive_the_syncs_that_are_on
        a_run_of_a_batch_that_ends_sees_what_came_before_it_in_the_batch
        two_thousand_links_are_one_commit
        a_thousand_failures_of_a_run_are_kept
        an_agreed_value_is_read_back_to_the_letter
        steps_of_two_syncs_that_hint_at_each_other_all_end
    }
    plans {
        an_org_without_a_plan_has_its_cycle_from_when_it_was_made
        the_last_plan_that_an_org_was_given_is_the_one_it_has
        plans_in_use_are_counted_once_for_each_org
        an_org_does_not_see_anothers_plan
    }
    counters {
        counters_are_the_sums_of_the_records_and_of_the_calls
        a_repeat_that_is_not_billed_is_not_counted
        a_record_that_is_committed_twice_is_refused_and_counted_once
        the_same_meter_under_another_metric_has_a_counter_of_its_own
        a_counter_stops_where_the_databases_integers_end
        days_are_cut_where_the_period_begins_and_ends
        an_org_does_not_see_anothers_counters
    }
    budgets {
        a_budget_keeps_its_id_when_its_cap_changes
        what_is_reserved_is_not_there_for_others
        a_call_that_asks_again_replaces_what_it_holds
        less_than_was_wanted_is_given_if_it_is_enough
        of_several_budgets_all_are_reserved_or_none
        what_a_run_has_spent_is_settled_with_it
        a_repeat_that_is_not_billed_is_not_spent
        what_was_not_begun_is_given_back
        a_lease_ends_by_itself
        a_new_period_begins_with_nothing_spent
        a_deleted_budget_stops_nobody
        an_org_does_not_see_anothers_budgets
    }
    budget_property {
        no_interleaving_of_calls_passes_a_cap
    }
    oauth {
        tokens_belong_to_a_connection_and_go_with_it
        an_org_does_not_see_anothers_tokens_and_clients
        who_has_connected_an_account_by_a_client_is_known_over_all_orgs
        one_at_a_time_may_renew_until_its_time_is_over
        what_is_due_is_looked_after_by_one_until_its_time
        a_failure_that_may_pass_is_written_down_once_and_ends_with_success
        tokens_are_taken_out_once_as_they_are_stored_then
        a_revocation_is_tried_by_one_at_a_time_until_it_is_done
        a_renewal_counts_only_upon_what_it_was_based_on
        an_authorization_is_taken_once_and_swept_when_it_has_expired
        the_newest_twenty_authorizations_of_a_plugin_are_kept
    }
    audit {
        entries_are_numbered_without_gaps_and_chained
        a_log_is_found_by_who_what_and_when
        what_is_rolled_back_leaves_no_gap
        those_who_append_at_once_make_one_chain
        the_hub_has_a_log_of_its_own
        a_detail_counts_to_the_letter
        of_two_checkpoints_of_as_many_entries_the_first_stays
        ends_of_logs_page_with_how_far_they_were_signed
        what_was_there_before_chains_is_under_the_first_hash
    }
    operator {
        only_what_was_read_is_wrapped_anew
        keys_under_other_versions_are_found_page_by_page
        every_sealed_column_is_known
        what_older_keys_sealed_is_found_and_written_over_once
        an_org_goes_in_batches_and_takes_everything_along
        an_operator_reaches_one_org_alone
        a_key_of_the_hub_is_the_first_that_came_or_its_named_successor
    }
    job_limits {
        a_plugin_says_that_fewer_of_its_jobs_run_and_not_that_more_do
    }
    job_redrive {
        of_many_failed_jobs_those_stay_as_they_are_whose_key_another_one_has
    }
    jobs {
        a_job_is_read_back_as_it_was_made
        an_org_does_not_see_anothers_jobs
        each_job_is_taken_by_one
        a_backlog_of_one_org_delays_another_one_by_a_turn
        plugins_of_one_org_take_turns_too
        what_is_more_urgent_goes_first_and_then_what_has_waited_longest
        no_more_of_a_lane_run_than_may
        a_lease_that_ends_lets_another_one_in_and_the_first_one_out
        what_is_due_before_all_that_was_looked_at_is_not_overlooked
        a_step_is_committed_with_its_run_or_not_at_all
        of_two_workers_with_one_lease_one_settles
        many_steps_are_settled_in_one_batch
        a_key_makes_one_job_while_one_with_it_waits_or_runs
        a_job_that_waits_is_cancelled_and_one_that_runs_ends_with_its_step
        a_failed_job_goes_on_where_it_was
        a_failed_job_is_not_redriven_beside_another_one_with_its_key
        jobs_are_listed_by_what_they_are_and_how_far_they_have_come
        ended_jobs_go_when_they_are_old_and_open_ones_stay
        what_a_hub_that_is_alone_held_is_let_go_when_it_begins_again
        a_schedule_is_read_back_found_when_due_and_moved_on_once
        a_time_of_a_schedule_has_one_job
    }
    idempotency {
        of_fifty_that_begin_a_write_at_once_one_does
        a_write_is_one_orgs_own
        an_answer_is_committed_with_its_run_and_read_back
        a_write_of_a_lost_node_is_taken_over_unless_it_was_sent
        a_write_counts_as_absent_after_its_day_and_is_swept
        a_node_is_alive_for_as_long_as_it_says
        rate_limits_are_one_orgs_document
    }
    identity {
        a_user_is_found_by_address_and_by_subject
        a_password_is_replaced_only_by_who_has_seen_it
        an_org_does_not_see_anothers_members
        a_user_is_a_member_of_several_orgs
        members_page_in_the_order_of_their_ids
        an_invitation_counts_once_and_for_its_org
        a_new_invitation_takes_the_place_of_the_one_before
        a_session_is_found_with_the_role_of_the_moment
        who_is_removed_is_signed_out_there_and_nowhere_else
        sessions_end_one_by_one_all_at_once_and_the_oldest_first
        a_connect_session_connects_once_and_for_its_org
        who_fails_too_often_waits_longer_each_time
        of_fifty_attempts_at_once_a_few_are_looked_at
        what_has_ended_is_swept
        a_key_says_when_it_was_used_and_ends_when_it_is_told
        an_org_renames_itself_and_no_other
    }
    paging {
        runs_page_backwards_without_gaps_or_repeats
        runs_are_filtered_by_plugin_and_by_success
        usage_pages_and_is_filtered_by_time
        events_page_forwards_and_are_filtered_by_type
        webhooks_and_the_audit_log_page_backwards
        orgs_and_keys_page_forwards
    }
    retention {
        old_runs_go_in_batches_and_what_they_are_billed_for_stays
        old_events_go_and_cursors_stay_good
        old_webhooks_go_by_how_they_ended_and_pending_ones_stay
    }
    durability {
        what_was_acknowledged_is_found_after_the_process_dies
        what_was_not_committed_is_gone_after_the_process_dies
        migrating_twice_changes_nothing
    }
    migrations {
        a_new_database_has_all_of_them_pending
        a_migrated_one_has_all_of_them_applied
        one_of_a_newer_program_is_seen
    }
    changes {
        a_change_is_heard_once_it_is_committed
        a_change_that_is_rolled_back_is_not_heard
        every_kind_of_change_is_heard_as_it_was_told
        what_a_run_tells_of_its_documents_is_heard_if_they_are_stored
        who_is_too_slow_is_told_to_start_over
        closing_the_database_ends_the_notices
    }
}
