//! HubSpot, from a person's consent to two sides that hold the same, and back to a connection that is gone.

mod later;
mod life;
mod rests;
mod scene;
mod sdks;
mod shared;

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
    what_is_deleted_and_merged_is_found_with_and_without_webhooks,
};
pub use rests::the_two_sides_hold_the_same_after_edits_merges_failures_and_lost_answers;
pub use sdks::{hubspots_own_check_and_ours_agree, hubspots_sdk_works_unchanged};
pub use shared::one_request_of_several_accounts_reaches_each_organization_that_connected_one;
