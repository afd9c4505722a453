//! Numbers that follow subscriptions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::provision::claim::{Claim, State};
pub use crate::reconcile::Report;

/// A subscription of the organization's own that begins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provision {
    /// Its name.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,100}$"))]
    pub subscription: String,
}

/// A subscription that has ended.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deprovision {
    /// Its name, or Stripe's id of it, or `plan`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,100}$"))]
    pub subscription: String,
    /// Whose it is. Default: `own`.
    #[serde(default)]
    pub source: Source,
    /// Its numbers are given back without the grace.
    #[serde(default)]
    pub at_once: bool,
}

/// Whose subscription it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// One that `provision` began.
    #[default]
    Own,
    /// The organization's own plan of the hub.
    Plan,
    /// One of Stripe's.
    Stripe,
}

impl Source {
    /// As claims name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Plan => "plan",
            Self::Stripe => "stripe",
        }
    }
}

/// Claims that are dealt with from now on.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Claims {
    /// Their ids.
    pub claims: Vec<String>,
}

/// Nothing is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
