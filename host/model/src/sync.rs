//! A vendor's records and ours, kept the same: what of one side becomes what of the other, and who wins where both changed.
//!
//! All of it is pure: the engine reads pages and records, asks here what is to be written, and commits that. A [`Mapping`]
//! says which field of a standard object is which of the vendor's, with [`Transform`]s between them; [`to_hub`] and
//! [`to_vendor`] apply it. A [`Base`] remembers for each pair of records what the vendor is known to have, so that
//! [`merge`] can tell who changed a field, and so that what we wrote ourselves is recognised when it comes back.
//! `docs/guides/mapping-fields.md` teaches it.
//!
//! Rejected: last write wins for whole records (an edit of a name would undo another's of a telephone number), versions of
//! fields at the vendor (no vendor has them), and marks of our own in the vendor's records (people see and copy them).

mod base;
mod join;
mod mapped;
mod mapping;
mod merge;
mod outgoing;
mod pointer;
mod preview;
mod run;
mod settings;
mod template;
#[cfg(test)]
mod tests;
mod transform;
mod validate;
mod values;
mod vendor_field;

use serde::{Deserialize, Serialize};

pub use base::Base;
pub use join::{join_in, join_out};
pub use mapped::{FieldProblem, Mapped, Problem, References, to_hub, to_vendor};
pub use mapping::{
    FieldMap, MOST_FIELDS, MOST_JOIN_FIELDS, MOST_LOOKUP_ENTRIES, MOST_NAME_BYTES, MOST_TEXT_BYTES, MOST_TRANSFORMS,
    Mapping, Round, Transform, WrittenTime,
};
pub use merge::{Conflict, Merged, changed_at, merge};
pub use outgoing::{Outgoing, to_push};
pub use preview::{Preview, Subject, preview};
pub use run::{SyncConflict, SyncCounts, SyncFailure, SyncLink, SyncMode, SyncRun, SyncState, SyncStatus, SyncTrigger};
pub use settings::{LEAST_EVERY_S, MOST_EVERY_S, MOST_FULL_EVERY_DAYS, OnDelete, SyncSettings};
pub use validate::validate;
pub use vendor_field::{FieldKind, VendorField};

words! {
    /// Which way values go.
    #[derive(Default)]
    Direction {
        /// From the vendor to the hub.
        In = "in",
        /// From the hub to the vendor.
        Out = "out",
        /// Both ways.
        #[default]
        Both = "both",
    }
}

impl Direction {
    /// True if values come from the vendor.
    #[must_use]
    pub const fn is_inward(self) -> bool {
        matches!(self, Self::In | Self::Both)
    }

    /// True if values go to the vendor.
    #[must_use]
    pub const fn is_outward(self) -> bool {
        matches!(self, Self::Out | Self::Both)
    }

    /// What is left of it where only `allowed` is; `None` if nothing is.
    #[must_use]
    pub const fn within(self, allowed: Self) -> Option<Self> {
        match (self.is_inward() && allowed.is_inward(), self.is_outward() && allowed.is_outward()) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::In),
            (false, true) => Some(Self::Out),
            (false, false) => None,
        }
    }
}

words! {
    /// Whose value stays where both sides changed a field.
    #[derive(Default)]
    Wins {
        /// Whoever changed it last; the vendor if that is not known, or at the same instant.
        #[default]
        Latest = "latest",
        /// The hub's.
        Hub = "hub",
        /// The vendor's.
        Vendor = "vendor",
    }
}

words! {
    /// One of the two that are kept the same.
    Side {
        /// The hub.
        Hub = "hub",
        /// The vendor.
        Vendor = "vendor",
    }
}
