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

/// Tests that need several hubs, and so PostgreSQL.
macro_rules! on_one_database {
    ($($test:ident: $what:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            patchbay_tests::hub::on_postgres($what()).await;
        })*
    };
}

mod bad_input;
mod broken_packages;
mod canary;
mod compile_bombs;
mod docs;
mod exports;
mod hot_swap;
mod isolation;
mod languages;
mod nodes;
mod oauth;
mod openai;
mod openai_failures;
mod openai_streams;
mod plans;
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
