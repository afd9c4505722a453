//! The use cases: what happens when somebody publishes, installs, connects, calls or reads.
//!
//! Every way into the hub (HTTP, command line, a vendor's webhook, the plugin folder) ends in one method
//! of [`Hub`], and that method owns policy and transaction: whoever calls it cannot forget a scope, an
//! audit entry or a run row. The crates below know nothing of callers and scopes; the crates above know
//! nothing of tables and guests. A trait per use case was rejected: there is one hub, and tests use it
//! whole, on a real database.

mod audit;
mod auth;
mod budgets;
mod call;
mod config;
mod connections;
mod converge;
mod durable_file;
mod hub;
mod installations;
mod invoke;
mod keyed_locks;
mod measure;
mod oauth;
mod orgs;
mod plans;
mod proxy;
mod queries;
mod read_through;
mod registry;
mod retention;
mod tenant;
#[cfg(test)]
mod testing;
mod watch;
mod webhooks;

pub use auth::{Caller, Scopes};
pub use budgets::{BudgetView, PutBudget};
pub use call::CallFailure;
pub use config::HubConfig;
pub use connections::{ConnectionView, PutConnection};
pub use hub::{Hub, StartError};
pub use installations::{InstallationView, PutInstallation};
pub use invoke::{InvokeOptions, InvokeReply, Output};
pub use oauth::{Authorization, Authorized, ClientOwner, ClientView, OauthState, OauthView, PutClient};
pub use orgs::NewApiKey;
pub use patchbay_oauth::RegisteredClient;
pub use patchbay_package::manifest::oauth::Grant;
pub use plans::{
    catalogue::{Feature, Plan, Plans},
    estimate::{EstimateUsage, UsageEstimate},
    settings::{Billing, InvalidPlans, Limit, Overage, PlanSettings},
    summary::{DayUsage, InvalidPeriod, MeterUsage, MetricUsage, UsageSummary, WhichPeriod},
    view::{FeatureView, PlanView},
};
pub use proxy::{ProxyReply, ProxyRequest};
pub use queries::{
    Page,
    actions::ActionDoc,
    events::{EventFilter, SequencedEvent},
    runs::{RunFilter, RunStatus},
    usage::{UsageFilter, UsageTotal, UsageView},
    webhooks::WebhookFilter,
};
pub use registry::{
    resolve::HeldBack,
    view::{CredentialDoc, PluginStatus, PluginView, Problem, VersionView},
};
pub use retention::Retention;
pub use webhooks::receive::{WebhookAnswer, WebhookRequest};
