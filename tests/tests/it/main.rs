//! The whole hub from outside: real sockets, real components, simulated vendors.
//!
//! What a database could break runs on both, as `sqlite::…` and as `postgres::…`: the list below says which. All else
//! runs on SQLite, or on what `PATCHBAY_TEST_DATABASE` names.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: what is not as expected must stop them"
)]

mod assemblyai;
mod audit;
mod bad_input;
mod billing;
mod broken_packages;
mod caller_ids;
mod canary;
mod cli;
mod compile_bombs;
mod consuming;
mod crashes;
mod debug_output;
mod docs;
mod dump;
mod elevenlabs;
mod endpoints;
mod events;
mod exports;
mod exports_of_data;
mod foreign_orgs;
mod forwarding;
mod hot_swap;
mod hubs;
mod hubspot;
mod identity;
mod inbound;
mod isolation;
mod ivr;
mod jobs;
mod killed;
mod languages;
mod limits;
mod nodes;
mod oauth;
mod objects;
mod offline;
mod once;
mod openai;
mod openai_failures;
mod openai_settings;
mod openai_streams;
mod org_deletion;
mod peers;
mod plans;
mod private_names;
mod processes;
mod relayed;
mod rotation;
mod salesforce;
mod scene;
mod schemathesis;
mod sdk;
mod shared_files;
mod shared_webhooks;
mod shares;
mod simulator;
mod slack;
mod smuggling;
mod stripe;
mod stripe_actions;
mod syncs;
mod syncs_killed;
mod telnyx;
mod twilio;
mod twilio_cancelled;
mod zapier;
mod zoo;

macro_rules! on_both_databases {
    ($($area:ident { $($test:ident)* })*) => {
        mod sqlite {
            $(mod $area {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    patchbay_tests::hub::on_sqlite(crate::$area::$test()).await;
                })*
            })*
        }

        mod postgres {
            $(mod $area {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    patchbay_tests::hub::on_postgres(crate::$area::$test()).await;
                })*
            })*
        }
    };
}

on_both_databases! {
    audit {
        whatever_is_done_to_an_entry_is_found
        a_row_that_cannot_be_read_keeps_no_other_log_from_being_signed
        a_chain_made_anew_contradicts_what_was_signed
        a_checkpoint_cannot_be_forged_or_taken_out
        an_organization_that_vanished_is_missed_and_one_that_was_deleted_is_not
        logs_of_before_are_chained_at_the_start
        a_change_is_told_with_who_asked_for_it_and_by_which_request
    }
    billing {
        the_life_of_an_org
        entitlements_are_for_the_operators_org_alone
        used_units_reach_the_meter_once_through_crashes_and_what_is_lost_is_found
        what_stripe_refuses_after_it_took_it_is_told_once_more_at_night
    }
    crashes {
        what_a_hub_has_acknowledged_is_done_once_and_delivered_however_often_it_is_killed
    }
    dump {
        a_dump_of_the_database_holds_no_secret
        a_dump_holds_nothing_that_oauth_gave_or_needed
    }
    elevenlabs {
        speech_is_made_once_for_an_organization_and_given_again_to_it_alone
        speech_that_is_old_or_too_much_is_made_anew
    }
    events {
        an_event_is_the_same_cloud_event_in_a_list_by_its_id_and_in_a_stream
        a_list_is_filtered_and_its_cursor_misses_nothing
        the_catalogue_has_the_hubs_types_and_the_plugins
        a_stream_goes_on_across_a_restart_without_loss_or_repeat
        a_stream_is_for_what_it_asks_for
        streams_end_in_good_order_when_the_hub_stops
    }
    hubspot {
        a_connection_lives_from_consent_to_revocation_and_leaves_no_token
        contacts_go_both_ways_and_nothing_comes_back_as_an_echo
        what_is_deleted_and_merged_is_found_with_and_without_webhooks
        what_somebody_deleted_stays_deleted_until_somebody_asks
        contacts_that_become_one_under_another_id_are_one_record_that_was_there
        a_change_that_the_search_learns_of_late_is_found_whatever_hubspots_clock_says
        webhooks_of_another_account_or_another_hand_open_nothing
        calls_are_told_to_hubspot_and_who_is_unknown_is_asked_for
        what_is_learned_of_a_call_after_its_end_comes_into_its_timeline
        a_plan_below_pro_has_neither_its_actions_nor_its_syncs
        two_organizations_with_one_account_see_their_own
        one_request_of_several_accounts_reaches_each_organization_that_connected_one
        another_account_stops_a_sync_until_it_is_the_first_again_or_somebody_decides
        what_is_asked_before_a_write_counts_for_the_run_that_goes_on
        a_first_sync_takes_no_more_requests_than_it_must_and_its_delta_neither
        the_two_sides_hold_the_same_after_edits_merges_failures_and_lost_answers
        what_was_here_before_is_in_hubspot_once_after_the_first_run
        who_was_deleted_in_hubspot_does_not_come_back_by_a_run_through_all
        of_two_with_one_address_one_is_made_in_hubspot_and_the_other_does_not_write_over_it
        what_does_not_go_out_yet_goes_once_the_settings_let_it
        what_goes_out_from_now_on_does_not_wait_for_a_day_because_a_delta_is_under_way
        calls_of_before_are_told_to_hubspot_once_although_nothing_is_read
        the_syncs_of_a_connection_take_turns_and_none_is_refused
        hubspots_sdk_works_unchanged
        hubspots_own_check_and_ours_agree
    }
    objects {
        what_one_plugin_writes_another_one_reads_and_changes
        a_plugin_does_what_its_manifest_asks_for_and_is_told_the_line_that_is_missing
        what_came_of_a_record_is_told_and_by_whom
        a_run_that_fails_leaves_neither_its_records_nor_its_events
        records_are_found_by_fields_and_by_filters
        another_org_has_records_of_its_own
        a_version_that_wants_more_objects_waits_for_an_approval
    }
    offline {
        a_vendor_that_waits_is_answered_and_its_webhook_is_worked_on_once_when_it_can_be_stored
        what_was_published_last_is_answered_also_after_a_restart
        what_is_not_from_the_vendor_is_refused_without_the_database_too
        what_finds_no_place_in_memory_is_refused_and_taken_in_when_the_vendor_sends_again
        a_plugin_that_does_not_say_so_answers_nobody_without_the_database
        a_database_that_stops_while_a_webhook_is_worked_on_keeps_nobody_waiting
        a_number_without_a_menu_is_known_to_have_none
    }
    org_deletion {
        an_organizations_rows_files_and_calls_go_with_it
    }
    peers {
        an_action_of_another_plugin_is_a_run_of_its_own
        what_the_called_plugin_did_stays_when_its_caller_fails
        a_plugin_that_is_not_switched_on_is_denied
        another_organizations_installation_is_out_of_reach
        an_action_that_the_manifest_does_not_name_is_denied
        a_version_that_calls_more_waits_for_an_approval
        an_input_that_is_not_valid_names_its_fields
        what_the_plan_lacks_is_denied
        the_rate_of_the_called_action_holds
        a_call_in_a_circle_is_denied
        three_calls_are_within_the_first_and_no_more
        a_call_ends_within_what_is_left_of_its_callers_time
        a_caller_is_told_how_a_call_failed
        webhooks_jobs_and_events_call_others_too
        a_write_that_is_done_once_calls_others_once
        callers_that_take_all_places_do_not_wait_for_ever
    }
    twilio {
        a_call_goes_through_its_menu_to_slack_to_an_endpoint_and_on_the_bill
    }
    twilio_cancelled {
        no_number_stays_paid_for_that_nobody_owns_whatever_fails_and_whoever_is_killed
    }
    syncs {
        settings_are_held_to_the_plan_the_plugin_the_object_and_the_vendor
        a_dry_run_shows_what_a_run_would_do_and_does_nothing
        another_mapping_is_gone_by_at_once_and_for_all
    }
    syncs_killed {
        a_first_sync_of_hubspot_comes_to_its_end_however_often_the_hub_is_killed
        a_first_sync_of_salesforce_comes_to_its_end_however_often_the_hub_is_killed
        what_was_here_before_is_made_at_hubspot_once_however_often_the_hub_is_killed
        both_sides_of_hubspot_hold_the_same_whatever_is_edited_while_the_hub_is_killed
        both_sides_of_salesforce_hold_the_same_whatever_is_edited_while_the_hub_is_killed
    }
    rotation {
        no_call_fails_while_both_kinds_of_keys_rotate_and_old_keys_open_nothing_afterwards
        tokens_are_renewed_while_data_keys_rotate
        a_hub_without_a_key_that_is_in_use_does_not_start
    }
    canary {
        a_thief_of_a_guest_finds_nothing_in_its_memory_or_in_what_the_host_told_it
        a_vendor_that_echoes_the_credential_does_not_get_it_past_the_hub
        an_error_about_a_connection_does_not_repeat_it
        the_hubs_own_keys_are_stored_as_hashes_only
    }
    endpoints {
        an_endpoint_at_an_address_of_the_inside_is_not_made
        an_address_is_checked_again_when_it_is_connected_to
        a_redirect_is_not_followed
        connections_of_one_org_are_not_anothers
        an_endpoint_that_is_gone_is_switched_off_at_once_and_that_is_told
        an_endpoint_that_only_fails_for_five_days_is_switched_off_and_that_is_told
        one_success_in_five_days_keeps_an_endpoint
        what_waits_for_an_endpoint_that_is_switched_off_is_sent_when_it_is_switched_on
        an_endpoint_that_is_switched_on_again_begins_anew_in_the_middle_of_a_pause
        a_deleted_endpoint_gets_nothing_more_and_what_it_got_stays_readable
        an_endpoint_gets_the_types_that_it_names_and_no_others
        an_endpoint_gets_what_its_filter_lets_through
        each_kind_of_condition_lets_through_what_it_should
        what_was_published_before_an_endpoint_is_not_for_it
        a_changed_subscription_holds_for_what_is_published_from_then_on
        a_test_reaches_the_endpoint_that_it_is_for_whatever_that_subscribes_to
        a_dead_receiver_with_a_full_queue_does_not_hold_up_another_org
        an_endpoint_that_works_again_gets_all_that_waited_for_it
        a_plan_says_how_many_endpoints_there_may_be
        deliveries_are_listed_page_by_page_and_by_what_became_of_them
        what_was_not_sent_when_a_hub_ended_is_sent_by_the_next
        an_endpoint_of_order_gets_events_one_after_the_other
        the_first_that_fails_holds_up_those_after_it_and_no_other_endpoint
        a_rate_holds_an_endpoint_to_its_number
        a_replay_since_a_time_sends_what_was_published_from_then_on
        a_replay_of_what_is_missing_sends_what_never_arrived
        a_replay_of_what_failed_sends_what_was_given_up
        a_delivery_that_fails_comes_again_under_the_same_id_until_it_is_taken
        a_delivery_is_given_up_after_ten_attempts_over_three_days_and_that_is_told
        an_endpoint_that_asks_for_a_pause_gets_it
        a_pause_can_be_a_date
        an_endpoint_that_is_too_slow_has_failed
        the_beginning_of_an_answer_is_kept_and_nothing_secret_of_it
        a_delivery_is_sent_once_more_when_somebody_asks_for_it
        during_a_rotation_both_secrets_verify_and_afterwards_the_new_one_alone
        an_ed25519_endpoint_is_verified_by_its_public_key
        the_official_packages_verify_real_deliveries_during_a_rotation_too
        openssl_verifies_the_deliveries_of_an_ed25519_endpoint_during_a_rotation_too
        the_guides_ways_to_verify_take_a_real_delivery_and_no_changed_one
        headers_of_the_org_are_sent_along_and_secret_ones_never_shown
        a_transformation_makes_the_payload_drops_it_or_fails_the_attempt
        a_transformation_is_an_action_of_a_plugin_that_is_switched_on
    }
    hot_swap {
        fifty_swaps_under_load_fail_no_call
        a_call_that_runs_during_a_swap_ends_on_the_version_that_it_began_with
        a_pinned_installation_stays_where_it_is
        a_version_that_may_do_more_waits_for_an_approval_while_the_one_before_serves
    }
    exports_of_data {
        each_kind_comes_in_both_formats_and_is_what_the_api_lists
        an_export_takes_what_lies_between_two_times
        a_spreadsheet_runs_nothing_of_what_others_wrote
        a_plan_ends_an_export_and_the_export_says_so
        a_link_ends_after_an_hour_and_a_file_after_a_day
        an_export_that_was_deleted_is_gone_with_its_file
        a_repeat_with_its_key_gets_the_same_export
        another_orgs_export_is_not_found
        it_is_told_when_a_file_is_there
    }
    shared_files {
        a_link_leads_to_its_file_for_its_time_and_only_its_own_org_makes_one
    }
    foreign_orgs {
        every_route_refuses_what_is_another_orgs
    }
    identity {
        what_a_caller_may_do_is_what_the_table_says
        every_permission_of_the_table_is_asked_for
        what_is_for_members_alone_is_for_no_key_and_nobody
        everybody_learns_who_they_are
        an_admin_invites_and_the_link_makes_a_member_in_a_browser
        an_invitation_is_accepted_by_a_program_and_by_who_is_signed_in
        roles_change_members_leave_and_an_owner_stays
        nothing_that_people_type_or_hold_is_kept_as_it_is
        a_browser_signs_in_acts_and_signs_out
        a_browser_whose_session_has_ended_is_nobody_and_gets_rid_of_its_cookie
        another_sites_page_changes_nothing_and_signs_nobody_in
        a_cookie_holds_a_session_and_nothing_else
        a_new_password_takes_the_place_of_the_cookie
        a_vendor_neither_sees_nor_sets_the_hubs_cookies
        a_key_is_made_used_replaced_and_revoked
        nobody_makes_a_key_that_may_do_more
        an_end_user_connects_one_account_by_credentials
        two_who_connect_at_once_connect_one_account
        a_connect_session_is_for_its_plugins_its_hour_and_nothing_else
        the_page_connects_without_a_console
        an_end_user_connects_at_the_vendor_in_the_browser_that_began
        of_two_consents_in_one_connect_session_one_counts
        a_members_browser_is_bound_to_what_it_begins
        who_left_or_was_stopped_meanwhile_connects_nothing
        a_known_address_signs_in_and_is_known_by_its_subject_from_then_on
        nobody_whom_nobody_has_invited_comes_in
        an_invitation_for_another_address_is_not_accepted_by_the_provider
        unknown_people_are_made_members_where_the_operator_says
        who_was_invited_to_where_unknown_people_are_made_members_comes_in_as_invited
        who_proves_an_address_takes_it_from_who_only_said_it
        an_answer_counts_in_the_browser_that_asked_once_and_within_ten_minutes
        an_answer_in_the_name_of_another_provider_is_not_redeemed
        a_session_by_the_provider_acts_in_the_org_that_was_asked_for
        a_hub_without_a_provider_says_so
    }
    isolation {
        records_values_and_files_of_another_org_are_not_found
        nothing_stays_in_globals_or_memory_from_one_call_to_the_next
        the_same_guest_of_another_org_has_no_installation
    }
    jobs {
        a_job_that_counts_survives_a_restart_and_each_number_is_counted_once
        one_orgs_backlog_does_not_hold_up_another_ones
        a_step_that_fails_is_tried_again_until_its_tries_are_used_up
        a_vendor_that_asks_for_a_pause_is_given_it
        what_would_fail_again_is_not_tried_again
        a_failed_job_is_done_once_more_alone_or_with_all_of_its_kind
        a_job_that_waits_is_cancelled_at_once_and_one_that_runs_is_broken_off
        jobs_are_made_with_their_run_or_not_at_all
        a_key_makes_one_job_while_it_waits
        work_that_must_not_overlap_does_not
        a_step_that_is_put_off_is_done_when_its_time_has_come
        an_action_that_nobody_waits_for_is_a_job_with_its_result
        a_repeat_of_an_accepted_call_gets_the_same_job
        an_accepted_call_is_made_with_the_rights_of_when_it_was_accepted
        an_event_is_taken_in_by_a_job
        a_schedule_makes_a_job_for_each_of_its_times
        an_org_puts_a_schedule_in_the_place_of_the_plugins
    }
    limits {
        an_answer_says_how_the_limits_stand
        a_reached_limit_refuses_with_its_name_and_when_to_come_again
        a_manifests_rate_holds_for_each_org_until_it_sets_its_own
        asking_who_one_is_counts_as_everything_else_that_one_asks_for
        routes_without_a_key_are_limited_by_address
        pages_that_people_open_by_a_link_are_limited_by_address
        a_vendor_that_asks_for_a_pause_is_not_asked_before_its_end
        a_short_pause_is_waited_for
        other_credentials_are_not_held_back
    }
    once {
        a_repeat_gets_the_first_answer_and_makes_no_second_run
        a_key_stands_for_one_caller_one_route_and_one_body
        of_many_at_once_one_is_done_and_the_others_wait_or_get_its_answer
        what_was_refused_before_anything_was_done_can_be_asked_for_again
        a_failure_after_which_nobody_knows_is_what_a_repeat_gets
        a_failure_behind_which_the_vendor_knows_repeats_is_tried_again_under_the_same_key
        a_proxied_write_is_done_once_as_well
        an_answer_that_is_too_large_to_keep_is_told_by_its_run
        a_streamed_answer_comes_back_whole
        an_answer_is_kept_for_a_day
        a_client_that_leaves_finds_the_answer_when_it_comes_back
    }
    openai {
        a_chat_completion_by_action_answers_and_is_billed
        a_response_by_action_answers
        an_embedding_by_action_answers
        the_proxy_gives_the_vendors_own_answers
        the_hub_key_stays_here_and_the_vendor_key_stays_there
        usage_equals_the_vendors_ledger_over_a_mix_of_calls
        every_call_leaves_a_run_with_its_figures
    }
    plans {
        a_feature_that_the_plan_lacks_is_refused_with_the_plan_that_has_it
        a_limit_that_is_reached_refuses_and_says_what_goes_on
        of_calls_at_once_no_more_begin_than_are_left
        a_plan_and_a_bill_are_shown
        a_webhook_is_taken_in_whatever_the_plan_says
        ten_thousand_mixed_calls_at_once_are_metered_to_the_unit
        a_stream_is_cut_at_the_cap_and_names_the_budget
        streams_at_once_never_pass_a_cap_together
        two_hundred_streams_at_once_never_pass_a_budget_and_each_is_told_which
        a_client_that_leaves_gives_back_what_its_stream_held
        a_call_that_does_not_fit_is_refused_before_the_vendor_is_asked
        a_budget_counts_what_its_subject_uses_and_nothing_else
        money_is_spent_at_the_plans_prices
        what_is_not_the_orgs_own_has_no_budget
        whole_answers_spend_what_the_vendor_reports
        a_keys_spend_limits_go_along_to_the_keys_in_its_place
        a_key_does_not_get_around_its_spend_limits
        what_a_plan_or_a_budget_refused_can_be_asked_for_again
        a_stream_that_is_done_once_tells_why_it_was_cut
        owners_choose_a_plan_where_the_operator_lets_them
    }
    inbound {
        an_answer_that_is_made_in_time_reaches_the_vendor
        when_the_time_is_over_the_vendor_gets_something_plain_and_the_work_is_done_once
        an_answer_that_could_not_be_made_is_made_up_for_and_tried_again
        more_than_the_manifest_allows_is_refused_before_it_is_read
        what_was_refused_is_verified_anew_as_of_when_it_came
        what_is_still_not_genuine_is_refused_again
        what_came_once_more_meanwhile_is_not_taken_in_twice
        what_was_processed_is_done_once_more_by_another_version
        no_version_gets_a_webhook_that_could_not_serve
        those_of_a_span_of_time_are_replayed_at_once
    }
    shared_webhooks {
        each_org_that_connected_the_account_gets_a_webhook_of_its_own
        an_account_is_whose_the_vendor_says_and_nobody_elses
        what_is_not_signed_with_the_operators_secret_reaches_nobody
        a_part_is_replayed_without_the_signature_of_the_whole
        who_has_disconnected_gets_nothing_more
    }
    slack {
        events_commands_and_interactions_become_events_of_the_hub
        what_is_not_signed_by_slack_is_refused
        a_bot_is_installed_by_oauth_and_its_token_rotates
        messages_keep_to_slacks_limits_and_its_words_are_told
        the_incoming_webhooks_url_is_known_to_the_hub_alone
        slacks_sdk_works_unchanged
        slacks_own_check_and_ours_agree
    }
    assemblyai {
        a_transcript_ends_by_its_webhook_and_the_job_adds_nothing
        a_lost_webhook_is_made_up_for_by_the_job
        a_transcript_whose_answer_was_lost_is_found_in_the_list
        what_comes_without_the_secret_is_refused_and_the_secret_goes_nowhere_else
        whatever_is_deleted_is_metered_before
        assemblyais_sdk_works_unchanged
    }
    ivr {
        a_menu_is_saved_published_and_answered_in_both_dialects
        what_is_wrong_is_told_by_its_place_and_not_published
        a_menu_is_rolled_back
        another_organization_has_menus_of_its_own
        a_recording_of_a_prompt_is_had_without_a_key_and_by_its_url_alone
        a_caller_who_is_a_contact_is_greeted_by_name
    }
    telnyx {
        a_call_goes_from_the_ordered_number_through_the_menu_to_one_object_and_its_minutes
        webhooks_that_come_twice_and_in_any_order_make_the_very_same_call
        a_caller_without_a_menu_is_refused_by_the_settings
        a_dialled_call_is_recorded_and_its_recording_is_fetched_and_shared
        an_order_whose_answer_gets_lost_is_placed_once
        telnyxs_own_check_and_ours_agree
        telnyxs_sdk_works_unchanged
    }
    caller_ids {
        a_number_is_verified_by_its_callback_and_its_code_is_kept_nowhere
        a_call_in_vain_is_told_with_its_reason_and_rung_once_more
        a_lost_callback_is_made_up_for_by_the_job
        a_number_is_rung_three_times_an_hour_by_each_org_and_another_org_sees_nothing
        a_number_is_locked_after_too_many_calls_in_vain
        what_nobody_keys_in_expires_and_is_forgotten_by_the_clock
        calls_come_from_verified_numbers_alone
    }
    forwarding {
        a_forwarded_call_shows_that_a_forwarding_works_and_that_it_did_not_end
        a_person_confirms_a_forwarding_and_another_org_knows_nothing_of_it
    }
    zapier {
        a_zap_subscribes_and_unsubscribes_by_the_rest_surface
        a_catch_hook_is_pushed_to_and_its_url_is_known_to_the_hub_alone
    }
    consuming {
        each_event_is_taken_in_once_across_a_restart
        a_plugin_gets_nothing_of_another_org
        what_a_plugin_says_itself_does_not_come_back_to_it
        two_plugins_that_answer_each_other_come_to_an_end
        two_plugins_that_answer_each_other_by_jobs_come_to_an_end
        a_plugin_that_is_switched_off_gets_nothing
        a_version_that_takes_in_more_gets_that_from_when_it_serves
        an_event_reaches_every_plugin_that_takes_it_in
    }
    relayed {
        a_failed_payment_is_told_in_slack_once
        an_event_reaches_the_zaps_that_want_it_in_the_shape_of_its_sample
        a_zap_that_is_gone_gets_nothing_more
        a_zap_that_fails_or_asks_to_wait_gets_the_event_later_under_the_same_id
    }
    stripe {
        the_published_vector_becomes_an_event
        during_a_rotation_either_secret_verifies_the_two_signatures
        the_old_secret_verifies_for_as_long_as_the_org_keeps_it
        whatever_is_not_genuine_is_refused_and_publishes_nothing
        a_genuine_signature_counts_up_to_its_tolerance
        two_signatures_of_which_one_is_right_are_enough
        a_hundred_copies_at_once_are_all_acknowledged_and_processed_once
        the_hooks_address_is_the_only_way_to_an_installation
        a_secret_that_a_request_carries_is_not_kept
    }
    salesforce {
        a_connection_is_made_refreshed_under_load_revoked_made_anew_and_ended
        a_refresh_while_another_one_is_under_way_ends_no_connection
        tokens_are_for_the_host_that_the_settings_name
        a_consent_that_is_refused_or_forged_connects_nothing
        a_sandbox_is_connected_where_its_people_sign_in
        a_plan_below_business_has_no_salesforce
        parts_and_records_fail_each_by_itself
        an_external_id_is_a_value_and_a_text_in_soql_a_text_whatever_is_in_them
        another_organization_with_the_same_org_sees_its_own_records
        simple_salesforce_works_unchanged
        records_come_by_a_first_run_by_deltas_and_by_messages_and_go_back_without_an_echo
        what_is_deleted_or_merged_there_goes_here
        a_next_page_that_leads_elsewhere_is_not_asked_for_and_nothing_is_lost
        pages_go_on_whatever_becomes_of_a_query_and_of_the_limits
        the_last_of_a_days_requests_is_left_to_others
        accounts_and_opportunities_refer_to_each_other_on_both_sides
        a_call_that_ends_is_logged_once_with_whom_it_was
        a_call_hangs_on_its_contact_and_on_the_open_deal_of_that
        without_the_external_id_field_and_with_locks_records_are_made_once
        the_fields_of_this_org_are_told_and_a_mapping_is_held_to_them
        both_sides_hold_the_same_when_it_rests
    }
    stripe_actions {
        customers_are_made_read_changed_listed_and_deleted
        a_subscription_changes_for_what_the_preview_said_and_ends
        a_subscription_that_paused_after_its_trial_goes_on
        invoices_are_collected_or_voided_and_refunded
        payment_links_are_made_listed_and_taken_away
        what_goes_wrong_at_stripe_is_told_by_its_meaning_and_nothing_is_done_twice
        stripes_sdk_works_unchanged
    }
}
