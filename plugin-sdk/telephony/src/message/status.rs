//! How far a message is.

use serde::{Deserialize, Serialize};

/// The status of a message, as the standard object `message` has it. What comes later in this list holds against what comes
/// earlier, whichever was told first: `sent` after `delivered` changes nothing. `delivered` holds against failures, since a
/// carrier that was told so by the handset is right against one that had given up; an inbound message is `received` from
/// its first fact on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The carrier has it, or will have.
    Queued,
    /// On its way to the next network.
    Sending,
    /// The next network has it.
    Sent,
    /// It could not be sent.
    Failed,
    /// It did not arrive.
    Undelivered,
    /// It arrived.
    Delivered,
    /// It came in.
    Received,
    /// It was read.
    Read,
}

impl Status {
    /// True if nothing more is expected, save that it is read.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Failed | Self::Undelivered | Self::Delivered | Self::Received | Self::Read)
    }

    /// As the object has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Undelivered => "undelivered",
            Self::Delivered => "delivered",
            Self::Received => "received",
            Self::Read => "read",
        }
    }
}
