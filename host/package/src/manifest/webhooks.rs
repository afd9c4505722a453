//! What a plugin's vendor sends in, and how long the vendor waits where it wants an answer.

use serde::{Deserialize, Serialize};

use super::SharedWebhooks;

/// What the vendor sends in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Webhooks {
    /// The largest body, in KiB: 1 to 1,024.
    pub body_kib: u32,
    /// How long a vendor is let wait for an answer that `process` makes, in milliseconds from when its request came: 100 to
    /// 30,000. The work goes on behind it. Default: [`ANSWER_MS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_ms: Option<u32>,
    /// What such a vendor gets where the answer was not made in time, or could not be made. Default: 200 without a body for
    /// one that comes too late, and a failure for one that could not be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// Vendors that wait are answered while the hub's database is away as well: `process` is then run once for the answer
    /// alone, with what the hub has in memory (collections with `keep-in-memory`), and once more when the webhook can be
    /// stored. Not with `[oauth]`, whose tokens the database renews. Default: they get a failure, and send again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answers_offline: bool,
    /// The vendor sends the webhooks of all accounts of the operator's app to one URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedWebhooks>,
}

/// How long a vendor is let wait if the manifest does not say, in milliseconds: about as long as the most patient ones do.
pub const ANSWER_MS: u32 = 10_000;

/// An answer for a vendor that has waited long enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fallback {
    /// HTTP status: 200 to 299, because the webhook is stored. Default: 200.
    #[serde(default = "ok")]
    pub status: u16,
    /// Media type of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// At most 64 KiB.
    #[serde(default)]
    pub body: String,
}

fn ok() -> u16 {
    200
}
