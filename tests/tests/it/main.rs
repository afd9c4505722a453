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

mod audit;
mod bad_input;
mod broken_packages;
mod canary;
mod cli;
mod compile_bombs;
mod debug_output;
mod docs;
mod dump;
mod exports;
mod foreign_orgs;
mod hot_swap;
mod hubs;
mod identity;
mod isolation;
mod killed;
mod languages;
mod limits;
mod nodes;
mod oauth;
mod once;
mod openai;
mod openai_failures;
mod openai_streams;
mod org_deletion;
mod plans;
mod private_names;
mod processes;
mod rotation;
mod scene;
mod schemathesis;
mod sdk;
mod shares;
mod simulator;
mod smuggling;
mod stripe;
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
    dump {
        a_dump_of_the_database_holds_no_secret
        a_dump_holds_nothing_that_oauth_gave_or_needed
    }
    org_deletion {
        an_organizations_rows_files_and_calls_go_with_it
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
    hot_swap {
        fifty_swaps_under_load_fail_no_call
        a_call_that_runs_during_a_swap_ends_on_the_version_that_it_began_with
        a_pinned_installation_stays_where_it_is
        a_version_that_may_do_more_waits_for_an_approval_while_the_one_before_serves
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
}
