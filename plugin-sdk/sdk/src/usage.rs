//! What the org will be billed for; committed with the run even if it fails, because the vendor's cost was
//! made all the same.

use crate::{Error, host};

/// How a quantity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The vendor reported it.
    Reported,
    /// Estimated, because the vendor's report never came.
    Estimated,
}

/// Adds to a meter of the manifest. An `id` makes a repeat harmless: the second is dropped.
///
/// # Errors
/// [`Error::Denied`] for a meter that the manifest does not name.
pub fn add(meter: &str, quantity: u64, basis: Basis, id: Option<&str>) -> Result<(), Error> {
    host::usage_add(meter, quantity, basis, id)
}

/// Adds what the vendor reported.
///
/// # Errors
/// As [`add`].
pub fn reported(meter: &str, quantity: u64) -> Result<(), Error> {
    add(meter, quantity, Basis::Reported, None)
}

/// Adds an estimate.
///
/// # Errors
/// As [`add`].
pub fn estimated(meter: &str, quantity: u64) -> Result<(), Error> {
    add(meter, quantity, Basis::Estimated, None)
}

/// Says what a meter comes to while the answer flows that is forwarded next: `begun` from its beginning on, and `each` more for each
/// unit by which the meter `by` grows with it, as the route's `stream` in the manifest says. For what no manifest can know, as the
/// organization's own prices. Budgets count it until more than that is metered, and what they do not cover is not passed on;
/// metered is nothing by it.
///
/// # Errors
/// [`Error::Denied`] for a meter that the manifest does not name.
pub fn grows(meter: &str, by: &str, begun: u64, each: u64) -> Result<(), Error> {
    host::usage_grows(meter, by, begun, each)
}
