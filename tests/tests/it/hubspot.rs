//! HubSpot, from a person's consent to two sides that hold the same, and back to a connection that is gone.

mod account;
mod before;
mod deleted;
mod later;
mod life;
mod rests;
mod scene;
mod sdks;
mod shared;
mod turns;

pub use account::another_account_stops_a_sync_until_it_is_the_first_again_or_somebody_decides;
pub use before::{
    calls_of_before_are_told_to_hubspot_once_although_nothing_is_read,
    of_two_with_one_address_one_is_made_in_hubspot_and_the_other_does_not_write_over_it,
    what_does_not_go_out_yet_goes_once_the_settings_let_it,
    what_goes_out_from_now_on_does_not_wait_for_a_day_because_a_delta_is_under_way,
    what_was_here_before_is_in_hubspot_once_after_the_first_run,
    who_was_deleted_in_hubspot_does_not_come_back_by_a_run_through_all,
};
pub use deleted::what_somebody_deleted_stays_deleted_until_somebody_asks;
pub use later::{
    a_change_that_the_search_learns_of_late_is_found_whatever_hubspots_clock_says,
    a_plan_below_pro_has_neither_its_actions_nor_its_syncs,
    what_is_learned_of_a_call_after_its_end_comes_into_its_timeline,
};
pub use life::{
    a_connection_lives_from_consent_to_revocation_and_leaves_no_token,
    a_first_sync_takes_no_more_requests_than_it_must_and_its_delta_neither,
    calls_are_told_to_hubspot_and_who_is_unknown_is_asked_for, contacts_go_both_ways_and_nothing_comes_back_as_an_echo,
    contacts_that_become_one_under_another_id_are_one_record_that_was_there,
    two_organizations_with_one_account_see_their_own, webhooks_of_another_account_or_another_hand_open_nothing,
    what_is_asked_before_a_write_counts_for_the_run_that_goes_on,
    what_is_deleted_and_merged_is_found_with_and_without_webhooks,
};
pub use rests::the_two_sides_hold_the_same_after_edits_merges_failures_and_lost_answers;
pub use sdks::{hubspots_own_check_and_ours_agree, hubspots_sdk_works_unchanged};
pub use shared::one_request_of_several_accounts_reaches_each_organization_that_connected_one;
pub use turns::the_syncs_of_a_connection_take_turns_and_none_is_refused;
