//! Why a hub does not start.

use std::{io, path::PathBuf};

use patchbay_model::Failure;
use patchbay_runtime::RuntimeError;
use patchbay_storage::StorageError;
use patchbay_vault::VaultError;

/// Why the hub did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder of the hub cannot be made.
    #[error("cannot make the folder {path}: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The plugin folder cannot be watched.
    #[error("cannot watch the plugin folder {path}: {reason}")]
    Watch {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A key file cannot be read or made.
    #[error(transparent)]
    Keys(#[from] VaultError),
    /// A key is another one than the database belongs to: another hub's, or one of before.
    #[error(
        "the key `{0}` is not the one that this database belongs to: give this hub the keys of the others, or of before \
         (files `master`, `pepper` and `audit` in the folder of keys, or [vault.keys])"
    )]
    OtherKeys(String),
    /// Data keys are wrapped with a key that this hub was not given.
    #[error(
        "data keys are wrapped with key-encryption key version {0}, which this hub does not have: add it to [vault.keys]"
    )]
    KeyMissing(u32),
    /// The audit logs of before there were chains could not be chained.
    #[error("the audit logs cannot be chained: {0}")]
    Audit(Failure),
    /// The database cannot be opened or brought up to date.
    #[error(transparent)]
    Database(#[from] StorageError),
    /// Orgs have a plan that is not configured.
    #[error(
        "{orgs} organizations have the plan `{plan}`, which is not configured: add [plans.{plan}], or give them another \
         with `patchbay plan set`"
    )]
    UnknownPlan {
        /// Its name.
        plan: String,
        /// How many have it.
        orgs: u64,
    },
    /// The way out cannot be set up as configured.
    #[error("egress: {0}")]
    Egress(String),
    /// The store of rate limits cannot be used as configured.
    #[error("rate limits: {0}")]
    RateLimits(#[from] patchbay_limits::InvalidStoreUrl),
    /// Nothing can be written to the database.
    #[error("{0}")]
    Unwritable(Failure),
    /// The machine cannot run plugins.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}
