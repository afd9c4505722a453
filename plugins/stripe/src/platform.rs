//! The hub's own billing: what its organizations pay its operator, through this installation.
//!
//! It runs in the operator's organization alone; the hub denies it anywhere else. Another organization is a reference here: it
//! is written into the metadata of what is made at Stripe, and what Stripe tells is found by it.
//!
//! Stripe's events come twice and in any order, so none of them is believed: each only says that something changed, and
//! [`truth`] asks how things stand. Only what an event tells of a moment (a bill that was paid, a payment that failed) is taken from
//! it, under an id that is the same however often it is told.

mod customer;
pub(crate) mod inbound;
mod invoices;
mod meter;
mod offer;
mod reconcile;
mod rejected;
mod truth;

use patchbay_sdk::{Actions, Error, Tasks, installation};

use crate::config::{Config, Platform};

/// Milliseconds.
const SECOND: u64 = 1_000;
/// Milliseconds.
const DAY: u64 = 86_400_000;

/// What the hub asks of whoever sells its plans, beside the actions that everybody has.
pub(crate) fn add_actions(actions: Actions) -> Actions {
    actions
        .add("billing-checkout", offer::checkout)
        .add("billing-portal", offer::portal)
        .add("billing-preview", offer::preview)
        .add("billing-change", offer::change)
        .add("billing-cancel", offer::cancel)
        .add("billing-resume", offer::resume)
        .add("billing-invoices", invoices::list)
        .add("billing-upcoming", invoices::upcoming)
        .add("billing-reconcile", reconcile::by_hand)
}

/// What runs by itself.
pub(crate) fn tasks() -> Tasks {
    Tasks::new().add(meter::KIND, meter::step).add(reconcile::KIND, reconcile::step)
}

/// The settings.
///
/// # Errors
/// [`Error::Unavailable`] if nothing is sold through this installation.
fn platform() -> Result<Platform, Error> {
    let config: Config = installation::config()?;
    let missing = "nothing is sold through this installation: put `platform` into its settings";
    config.platform.ok_or_else(|| Error::Unavailable(missing.to_owned()))
}

/// Is this the id of an organization of the hub? Metadata at Stripe can be anything.
fn is_org(text: &str) -> bool {
    text.strip_prefix("org_").is_some_and(|id| id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// Currencies as the hub writes them.
fn currency(stripes: &str) -> Option<String> {
    let code = stripes.to_ascii_uppercase();
    (code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase())).then_some(code)
}

/// A page that may be shown.
fn page(url: Option<String>) -> Option<String> {
    url.filter(|url| url.starts_with("https://"))
}
