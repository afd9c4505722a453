//! The use cases: what happens when somebody publishes, installs, connects, calls or reads.
//!
//! Every way into the hub (HTTP, command line, a vendor's webhook, the plugin folder) ends in one method
//! of [`Hub`], and that method owns policy and transaction: whoever calls it cannot forget a scope, an
//! audit entry or a run row. The crates below know nothing of callers and scopes; the crates above know
//! nothing of tables and guests. A trait per use case was rejected: there is one hub, and tests use it
//! whole, on a real database.

mod answers;
mod api_keys;
mod audit;
mod auth;
mod backoff;
mod billing;
mod budgets;
mod call;
mod chain;
mod config;
mod connections;
mod converge;
mod deliveries;
mod durable_file;
mod endpoints;
mod events;
mod exports;
mod hub;
mod idempotency;
mod identity;
mod installations;
mod invoke;
mod jobs;
mod keyed_locks;
mod keys;
mod measure;
mod network;
mod notes;
mod oauth;
mod offline;
mod operator;
mod org_removal;
mod orgs;
mod peers;
mod plans;
mod proxy;
mod queries;
mod rates;
mod read_through;
mod registry;
mod relay;
mod request;
mod retention;
mod rotation;
mod schedules;
mod standing_costs;
mod start_error;
mod sync;
mod tenant;
#[cfg(test)]
mod testing;
mod uses;
mod watch;
mod webhooks;

pub use api_keys::{ApiKeyView, NewApiKey, RotateApiKey};
pub use auth::Caller;
pub use billing::{
    Checkout, Invoice, InvoiceLine, InvoicePage, InvoiceQuery, PlanChange, PortalLink, Preview, SubscriptionView,
};
pub use budgets::{BudgetView, PutBudget, SpendLimits};
pub use call::CallFailure;
pub use chain::{AuditConfig, ChainReport, Damage, DamageKind, VerifyAudit, read_checkpoints};
pub use config::HubConfig;
pub use connections::{ConnectionView, PutConnection};
pub use deliveries::{DeliveryFilter, DeliverySettings, DeliveryView, EndpointStats, Replay, ReplayOnly, ReplayReport};
pub use endpoints::{EndpointPatch, EndpointSecret, EndpointTest, NewEndpoint};
pub use events::{
    catalogue::EventTypeView,
    envelope::CloudEvent,
    stream::{EventStream, Streamed},
};
pub use exports::{Download, ExportFile, ExportList, ExportView, NewExport};
pub use hub::Hub;
pub use idempotency::IdempotencyKey;
pub use identity::{
    Client,
    connect_sessions::{ConnectView, Connectable, NewConnectSession},
    invitations::{Acceptance, Invited, NewInvitation},
    members::NewMember,
    oidc::{OidcConfig, OidcStart, Provision},
    sessions::{NewSession, SignedIn, WhoAmI},
    sign_in::SignIn,
};
pub use installations::{InstallationView, PutInstallation};
pub use invoke::{InvokeOptions, InvokeReply, Output};
pub use keys::{KeySources, SigningSource};
pub use notes::AnswerNotes;
pub use oauth::{
    Authorization, Authorized, Begun, Browser, ClientOwner, ClientView, ConnectPage, OauthState, OauthView,
    OperatorClient, PutClient,
};
pub use org_removal::DeletedOrg;
pub use patchbay_limits::{AddressClass, Standing, StoreUrl};
pub use patchbay_oauth::{OidcSettings, RegisteredClient};
pub use patchbay_package::manifest::oauth::Grant;
pub use patchbay_storage::chain::{AuditLine, Chain, Checkpoint, Hash};
pub use patchbay_vault::{KeyCommand, KeySource, PublicKey};
pub use plans::{
    catalogue::{Feature, Plan, Plans, Seller},
    estimate::{EstimateUsage, UsageEstimate},
    settings::{Billing, InvalidPlans, Limit, Overage, PlanSettings},
    summary::{DayUsage, InvalidPeriod, MeterUsage, MetricUsage, UsageSummary, WhichPeriod},
    view::{FeatureView, PlanView},
};
pub use proxy::{ProxyReply, ProxyRequest};
pub use queries::{
    Page,
    actions::ActionDoc,
    audit::AuditFilter,
    blobs::BlobLink,
    events::{EventFilter, SequencedEvent},
    jobs::JobFilter,
    records::{ObjectView, RecordFilter},
    runs::{RunFilter, RunStatus},
    usage::{UsageFilter, UsageTotal, UsageView},
    webhooks::WebhookFilter,
};
pub use rates::{Addresses, RateConfig, RateLimitsView};
pub use registry::{
    resolve::HeldBack,
    view::{CredentialDoc, PluginStatus, PluginView, Problem, VersionView},
};
pub use relay::EventConsumer;
pub use request::in_request;
pub use retention::Retention;
pub use rotation::{DataKeyCount, Resealed, Rewrapped, VaultStatus};
pub use schedules::{PutSchedule, ScheduleFilter};
pub use start_error::StartError;
pub use sync::{
    connected::AccountLinks,
    fields::SyncFieldsView,
    preview::{PreviewSync, SyncPreviewView},
    settings::PutSync,
    views::{InstallationSync, LastSyncRun, SyncHealth, SyncView},
};
pub use webhooks::receive::{Hook, WebhookAnswer, WebhookRequest};
pub use webhooks::replay::{ReplayWebhooks, ReplayedWebhooks};
pub use webhooks::shared::SharedHook;
