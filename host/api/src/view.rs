//! What answers look like.
//!
//! These types are the API's own, not those of the hub: a field that is added inside does not leak out,
//! and each conversion names every field, so that one that is added cannot be forgotten either.

mod api_key;
mod audit;
mod billing;
mod budget;
mod connect_session;
mod connection;
mod delivery;
mod endpoint;
mod event;
mod export;
mod installation;
mod job;
mod member;
mod oauth;
mod org;
mod page;
mod plan;
mod plugin;
mod rates;
mod record;
mod run;
mod schedule;
mod session;
mod sync;
mod sync_mapping;
mod sync_preview;
mod usage;
mod webhook;

pub(crate) use api_key::{ApiKey, ApiKeyReply};
pub(crate) use audit::AuditEntry;
pub(crate) use billing::{BillingCheck, BillingEntry, Checkout, Invoice, PortalLink, Preview, Subscription};
pub(crate) use budget::Budget;
pub(crate) use connect_session::{Connect, ConnectSession, ConnectSessionReply};
pub(crate) use connection::Connection;
pub(crate) use delivery::{Delivery, DeliveryReply, ReplayReply};
pub(crate) use endpoint::{Endpoint, EndpointReply, SigningKind, Stats, TestReply, Transform};
pub(crate) use event::{Event, EventType};
pub(crate) use export::Export;
pub(crate) use installation::{Installation, Policy};
pub(crate) use job::Job;
pub(crate) use member::{Invitation, InvitationReply, Member};
pub(crate) use oauth::{Oauth, OauthClient};
pub(crate) use org::Org;
pub(crate) use page::Page;
pub(crate) use plan::{Entitlement, Period, Plan, Price};
pub(crate) use plugin::Plugin;
pub(crate) use rates::{OwnRates, RateLimits};
pub(crate) use record::{Object, Record};
pub(crate) use run::{Blob, BlobLink, Run};
pub(crate) use schedule::Schedule;
pub(crate) use session::{Identity, Membership, Session, SessionReply};
pub(crate) use sync::{SyncConflict, SyncFailure, SyncFields, SyncReply, SyncRun};
pub(crate) use sync_mapping::{SyncDeletes, SyncDirection, SyncMapping, SyncWins};
pub(crate) use sync_preview::SyncPreview;
pub(crate) use usage::{MetricUsage, Usage};
pub(crate) use webhook::Webhook;

use serde::Serialize;
use utoipa::ToSchema;

/// One thing wrong with an input.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Violation {
    /// JSON Pointer (RFC 6901) into the input; empty for the whole of it.
    pointer: String,
    /// What was expected, in words that name the fix.
    expected: String,
}

impl From<patchbay_model::Violation> for Violation {
    fn from(violation: patchbay_model::Violation) -> Self {
        let patchbay_model::Violation { pointer, expected } = violation;
        Self { pointer, expected }
    }
}

/// A vendor's answer that is a failure.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes patchbay_model::Upstream, which problem documents serialise as it is")]
pub(crate) struct Upstream {
    /// The vendor's HTTP status.
    status: u16,
    /// The vendor's own error code, if it has one.
    code: Option<String>,
}

fn all<A, B: From<A>>(list: Vec<A>) -> Vec<B> {
    list.into_iter().map(B::from).collect()
}
