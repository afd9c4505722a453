//! Everything the hub remembers, and the only crate that speaks SQL.
//!
//! * [`Database`] opens a store and gives transactions: [`Database::begin`] to write, [`Database::read`] for a
//!   snapshot.
//! * [`Tx::org`] gives the repositories of one org. There is no other way to an org's rows, and each query names
//!   the org, so a forgotten filter is a compile error and not a leak. [`Tx::hub`] holds the few questions
//!   that concern all orgs.
//! * [`Tx::operator`] holds what only operators do to an org: rewrapping and destroying its keys, and removing it.
//! * [`Journal`] commits runs, usage, events and webhooks of many callers together: one fsync for all that
//!   came while the last one was under way.
//!
//! It speaks to SQLite, one file for one hub, and to PostgreSQL, which several hubs share. Between them are the enum
//! [`Tx`] and the macros beside it: a query is written once, and the macro expands it per database. Rejected: a trait
//! per repository with two implementations (every query twice), and `sqlx::Any` (no `Uuid`, no `Json`, types checked
//! at run time). On PostgreSQL the database keeps orgs apart by itself as well, by row-level security: [`rls`]
//! proves it.

#[macro_use]
mod tx;

mod api_key;
mod audit;
mod audit_checkpoint;
mod billing;
mod blob;
mod budget;
mod cached_answer;
pub mod chain;
mod changes;
mod checkpoint;
mod column;
mod connection;
mod counter;
mod database;
mod delivery;
mod endpoint;
mod error;
mod event;
mod export;
mod hub;
mod hub_keys;
mod idempotency;
mod identity;
mod installation;
mod job;
mod journal;
mod kv;
mod migration;
mod oauth;
mod object;
mod operator;
mod org_key;
mod org_plan;
mod org_settings;
mod orgs;
mod plugin_version;
mod postgres;
mod published;
mod rate_limits;
mod record;
mod relay;
pub mod rls;
mod run;
mod schedule;
mod shared;
mod sqlite;
mod sync;
mod text;
mod url;
mod usage;
mod walk;
mod webhook;

pub use api_key::ApiKeys;
pub use audit::{Audit, AuditFilter, AuditHead, HubAudit};
pub use audit_checkpoint::SignedHead;
pub use billing::{Billing, DayUnits};
pub use blob::Blobs;
pub use budget::{Ask, BudgetState, Budgets, Reservation, Reserved};
pub use cached_answer::{CachePut, CachedAnswer, CachedAnswers};
pub use changes::{Change, Changes, Notice, Told};
pub use connection::Connections;
pub use counter::{CALLS, Counted, Counters};
pub use database::Database;
pub use delivery::{
    Deliveries, DeliveryFilter, DeliveryOutcome, DeliveryPage, DueDelivery, Lane, LaneAsk, LaneKey, LaneOwner,
    LaneState, Lease, NewDelivery, Queued, Replayed,
};
pub use endpoint::Endpoints;
pub use error::StorageError;
pub use event::{EventFilter, EventPage, Events};
pub use export::{ExportEnd, ExportStep, ExportToSettle, Exports, StoredExport};
pub use hub::HubTx;
pub use hub_keys::KekUse;
pub use idempotency::{Idempotency, IdempotencyAnswer, IdempotencyClaim, IdempotencyRecord, Owner};
pub use identity::{
    Attempt, Attempts, ConnectSessions, Credentials, Ended, FoundSession, Identities, Invitations, Members, Sessions,
};
pub use installation::{InstallationHead, Installations};
pub use job::{Cancelled, ClaimJobs, ClaimedJob, Claims, Held, JobEnd, JobFilter, JobOutcome, Jobs, LaneToWake};
pub use journal::{Committed, Journal, RunCommit, Spent};
pub use kv::{Kv, KvWrite};
pub use migration::{MigrationState, MigrationStatus, migration_status};
pub use oauth::{
    authorization::OauthAuthorizations, client::OauthClients, revocation::OauthRevocations, token::OauthTokens,
};
pub use object::{ObjectPage, Objects};
pub use operator::{OperatorTx, SealedCell, SealedColumn};
pub use org_key::{OrgKey, OrgKeys};
pub use org_plan::{OrgPlan, OrgPlans};
pub use org_settings::OrgSettings;
pub use orgs::OrgsTx;
pub use plugin_version::{ActiveVersion, PluginSource, PluginStatus, PluginVersion};
pub use published::{Fresh, Published};
pub use rate_limits::RateLimits;
pub use record::Records;
pub use relay::{EventSpan, RawEvent, Relay, RelayCursor};
pub use run::{RunFilter, Runs};
pub use schedule::{DueSchedule, Schedules};
pub use sync::{
    Syncs,
    commit::{LinkChange, PlaceChange, RunChange, SyncCommit},
    run::{NewSyncRun, RequestedRun},
};
pub use tx::{OrgTx, Tx};
pub use url::{DatabaseUrl, PostgresUrl};
pub use usage::{Usage, UsageFilter, UsageTotal};
pub use walk::Walk;
pub use webhook::{DueWebhook, ReplayFilter, TakeWebhook, WebhookFilter, WebhookOutcome, Webhooks};
