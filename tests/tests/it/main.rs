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

mod bad_input;
mod broken_packages;
mod canary;
mod compile_bombs;
mod docs;
mod exports;
mod hot_swap;
mod identity;
mod isolation;
mod languages;
mod nodes;
mod oauth;
mod openai;
mod openai_failures;
mod openai_streams;
mod private_names;
mod scene;
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
        a_known_address_signs_in_and_is_known_by_its_subject_from_then_on
        nobody_whom_nobody_has_invited_comes_in
        an_invitation_for_another_address_is_not_accepted_by_the_provider
        unknown_people_are_made_members_where_the_operator_says
        who_proves_an_address_takes_it_from_who_only_said_it
        an_answer_counts_in_the_browser_that_asked_once_and_within_ten_minutes
        an_answer_in_the_name_of_another_provider_is_not_redeemed
        a_session_by_the_provider_acts_in_the_org_that_was_asked_for
        a_hub_without_a_provider_says_so
        another_orgs_people_keys_and_sessions_are_not_found
    }
    isolation {
        records_values_and_files_of_another_org_are_not_found
        nothing_stays_in_globals_or_memory_from_one_call_to_the_next
        the_same_guest_of_another_org_has_no_installation
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
