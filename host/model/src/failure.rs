//! The one failure type that reaches a caller, and the stable codes that its readers match on.
//!
//! A failure has two faces: `detail` and `violations` are for the caller (problem+json, RFC 9457);
//! `internal` is for our log only. Crates below the hub have error enums of their own and turn them
//! into a [`Failure`] at their seam.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{BudgetId, Timestamp, plan::Metric};

/// One thing wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) into the input; empty for the whole of it.
    pub pointer: String,
    /// What was expected, in words that name the fix.
    pub expected: String,
}

/// What an org's plan or budget does not allow, and what would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// The feature that is missing: of the hub as in `proxy`, or `plugin:` and an id, or `action:` and plugin/action.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub feature: Option<String>,
    /// The limit that is reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<Metric>,
    /// The budget that is used up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub budget: Option<BudgetId>,
    /// What the limit or the budget allows in a period, in whole units.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub allowed: Option<u64>,
    /// What is used of it, rounded up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub used: Option<u64>,
    /// The org's plan.
    pub plan: String,
    /// The lowest plan that has the feature, or has more of the limit; none if no plan does, or for a budget.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lowest_plan: Option<String>,
    /// When the billing period ends, and with it what was used begins anew.
    pub period_ends_at: Option<Timestamp>,
}

/// A vendor's answer that is a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// The vendor's HTTP status.
    pub status: u16,
    /// The vendor's own error code, if it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
}

/// What is wrong with a part of an input, as places of the whole: `pointer` is where the part is.
#[must_use]
pub fn at(pointer: &str, violations: Vec<Violation>) -> Vec<Violation> {
    violations
        .into_iter()
        .map(|Violation { pointer: within, expected }| Violation { pointer: format!("{pointer}{within}"), expected })
        .collect()
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// Every code that a problem answer can carry. Stable: a code is never renamed or reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as callers see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// A short summary that does not change from one occurrence to the next.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The code of this text, if there is one.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

impl Serialize for Code {
    /// As its text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

codes! {
    /// The body is not JSON.
    MalformedJson = "malformed_json", 400, "The body is not valid JSON";
    /// A path, query or header value is off.
    InvalidRequest = "invalid_request", 400, "The request is not valid";
    /// The body is JSON but breaks a schema or a rule.
    InvalidInput = "invalid_input", 422, "The input is not valid";
    /// The body's media type is not what the route takes.
    UnsupportedMediaType = "unsupported_media_type", 415, "The media type is not supported";
    /// The body is larger than the route takes.
    PayloadTooLarge = "payload_too_large", 413, "The body is too large";
    /// The body stopped coming.
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive";
    /// No key or session, or one that does not exist, has ended or was revoked.
    Unauthenticated = "unauthenticated", 401, "A valid API key or session is required";
    /// The key was good once.
    KeyExpired = "key_expired", 401, "The API key has expired";
    /// The key lacks the scope that the route needs.
    ScopeMissing = "scope_missing", 403, "The API key lacks a scope";
    /// Who calls may not do this.
    Forbidden = "forbidden", 403, "Not allowed";
    /// A page of another origin used the browser's session.
    CrossOrigin = "cross_origin", 403, "The request comes from another origin";
    /// The e-mail address or the password is wrong; which one is not said.
    InvalidCredentials = "invalid_credentials", 401, "The e-mail address or the password is wrong";
    /// There is no such route or thing, or it is another org's.
    NotFound = "not_found", 404, "Not found";
    /// The route does not take this method.
    MethodNotAllowed = "method_not_allowed", 405, "The method is not allowed here";
    /// The plugin is not switched on for this org.
    NotInstalled = "not_installed", 404, "The plugin is not installed";
    /// The plugin has no such action.
    ActionNotFound = "action_not_found", 404, "The plugin has no such action";
    /// No proxy route of the plugin matches.
    RouteNotProxied = "route_not_proxied", 404, "The plugin does not proxy this route";
    /// The state of the thing does not allow it.
    Conflict = "conflict", 409, "The request conflicts with the present state";
    /// The org has not connected the plugin, or a credential that the call needs is missing.
    ConnectionMissing = "connection_missing", 409, "The plugin is not connected";
    /// The vendor no longer takes the connection's credentials.
    ReauthorizationNeeded = "reauthorization_needed", 409, "The connection must be authorized again";
    /// Another of the vendor's accounts is connected than the one that a sync is about.
    AnotherAccount = "another_account", 409, "Another account is connected";
    /// The plugin's new version may do more than an admin has approved.
    ApprovalNeeded = "approval_needed", 409, "The plugin asks for more than was approved";
    /// The org's plan does not have it.
    PlanRequired = "plan_required", 403, "The plan does not include this";
    /// What the plan includes in a billing period is used up.
    PlanLimitReached = "plan_limit_reached", 402, "A limit of the plan is reached";
    /// A spend budget is used up.
    BudgetExhausted = "budget_exhausted", 402, "A budget is used up";
    /// Too many calls of this plugin run for this org at once.
    ConcurrencyLimited = "concurrency_limited", 429, "Too many calls at once";
    /// The hub's own rate limit.
    RateLimited = "rate_limited", 429, "Too many requests";
    /// A key of before came with another body.
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The idempotency key was used for something else";
    /// What was asked for with this key is still being done.
    IdempotencyInProgress = "idempotency_in_progress", 409, "A request with this idempotency key is still running";
    /// The hub ended in the middle of it, and the vendor may have done it or not.
    IdempotencyOutcomeUnknown = "idempotency_outcome_unknown", 409, "It is not known whether this was done";
    /// It was done, but its answer was too large to be kept.
    IdempotencyAnswerNotKept = "idempotency_answer_not_kept", 409, "This was done before, and its answer was not kept";
    /// The hub has no room for another call now.
    Overloaded = "overloaded", 503, "The hub is at capacity";
    /// The vendor's webhook was not genuine.
    WebhookRefused = "webhook_refused", 400, "The webhook was refused";

    /// The plugin's code failed in a way that it did not report.
    PluginTrapped = "plugin_trapped", 502, "The plugin crashed";
    /// The plugin used more CPU time than it may.
    PluginCpuExceeded = "plugin_cpu_exceeded", 504, "The plugin used too much CPU time";
    /// The call did not end in time.
    PluginTimeout = "plugin_timeout", 504, "The plugin took too long";
    /// The plugin asked for more memory than it may.
    PluginMemoryExceeded = "plugin_memory_exceeded", 502, "The plugin used too much memory";
    /// The plugin asked for larger tables than it may.
    PluginTableExceeded = "plugin_table_exceeded", 502, "The plugin used too large tables";
    /// The plugin recursed too deeply.
    PluginStackExhausted = "plugin_stack_exhausted", 502, "The plugin exhausted its stack";
    /// The plugin called the host more often than it may.
    PluginHostCallsExceeded = "plugin_host_calls_exceeded", 502, "The plugin made too many host calls";
    /// The plugin holds more handles than it may.
    PluginHandlesExceeded = "plugin_handles_exceeded", 502, "The plugin holds too many handles";
    /// The plugin passed more bytes in a host call, or gave a larger output, than it may.
    PluginOutputTooLarge = "plugin_output_too_large", 502, "The plugin's output is too large";
    /// The plugin's output does not match the schema that it declares.
    PluginOutputInvalid = "plugin_output_invalid", 502, "The plugin's output does not match its schema";
    /// The plugin asked for something that it is not granted.
    PluginDenied = "plugin_denied", 502, "The plugin asked for something that it is not granted";
    /// The plugin tried a host, method or path that its manifest does not name.
    EgressDenied = "egress_denied", 502, "The plugin tried to reach a destination that it may not";
    /// The destination resolves to an address that no plugin may reach.
    EgressAddressDenied = "egress_address_denied", 502, "The destination's address may not be reached";
    /// Too many or too large headers, up or down.
    EgressHeadersTooLarge = "egress_headers_too_large", 502, "The headers are too large";
    /// The vendor's body passes the cap on size or on decompression.
    EgressBodyTooLarge = "egress_body_too_large", 502, "The vendor's body is too large";
    /// The plugin wrote far more log than it may.
    PluginLogExceeded = "plugin_log_exceeded", 502, "The plugin wrote too much log";
    /// A budget of the call is used up.
    PluginBudgetExhausted = "plugin_budget_exhausted", 502, "A budget of the call is used up";
    /// The plugin reported a defect of its own.
    PluginError = "plugin_error", 502, "The plugin failed";

    /// The vendor answered with a failure.
    UpstreamError = "upstream_error", 502, "The vendor answered with an error";
    /// The vendor's own rate limit.
    UpstreamRateLimited = "upstream_rate_limited", 429, "The vendor's rate limit is reached";
    /// The vendor said when it wants to be asked again, and was not asked before.
    VendorRateLimited = "vendor_rate_limited", 429, "The vendor asked for a pause";
    /// The vendor did not answer in time.
    UpstreamTimeout = "upstream_timeout", 504, "The vendor did not answer in time";
    /// The vendor could not be reached.
    UpstreamUnavailable = "upstream_unavailable", 502, "The vendor could not be reached";

    /// The package is not a component, is cut short, or has no manifest.
    PackageInvalid = "package_invalid", 422, "The package is not a plugin";
    /// The manifest breaks a rule.
    PackageManifestInvalid = "package_manifest_invalid", 422, "The plugin's manifest is not valid";
    /// The package is larger than the operator allows.
    PackageTooLarge = "package_too_large", 413, "The package is too large";
    /// The package is not signed and the operator does not allow that.
    PackageUnsigned = "package_unsigned", 422, "The package is not signed";
    /// The signature does not verify, or its publisher is not trusted.
    PackageSignatureInvalid = "package_signature_invalid", 422, "The package's signature is not valid";
    /// Built for a contract that this host does not serve.
    PackageIncompatible = "package_incompatible", 422, "The package was built for another version of the contract";
    /// It imports what the host does not offer, or lacks an export.
    PackageUnlinkable = "package_unlinkable", 422, "The package does not fit the contract";
    /// It does not compile, or not within the limits.
    PackageCompileFailed = "package_compile_failed", 422, "The package does not compile";
    /// It failed the probe before it was put in place.
    PackageProbeFailed = "package_probe_failed", 422, "The package failed its probe";
    /// Another package of the same plugin has this version number already.
    PackageVersionTaken = "package_version_taken", 409, "This version exists already with other contents";
    /// The plugin's own check refused the settings.
    ConfigRejected = "config_rejected", 422, "The settings were refused by the plugin";

    /// Something that the hub needs is not to be had right now.
    Unavailable = "unavailable", 503, "Temporarily unavailable";
    /// Our defect.
    Internal = "internal", 500, "Internal error";
}

/// Why something did not happen, for the caller and for us.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure it is.
    pub code: Code,
    /// What happened this time and how to fix it; safe to show. Empty where the title says it all.
    pub detail: String,
    /// What is wrong with the input, place by place.
    pub violations: Vec<Violation>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// The vendor's failure behind it.
    pub upstream: Option<Upstream>,
    /// What the org's plan or budget does not allow.
    pub entitlement: Option<Box<Entitlement>>,
    /// For the log only; never shown, never holds a secret.
    pub internal: Option<String>,
}

impl Failure {
    /// A failure with its explanation.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            violations: Vec::new(),
            retry_after: None,
            upstream: None,
            entitlement: None,
            internal: None,
        }
    }

    /// Our defect: the text goes to the log, the caller learns only that it was ours.
    pub fn internal(context: impl fmt::Display) -> Self {
        Self { internal: Some(context.to_string()), ..Self::new(Code::Internal, "") }
    }

    /// An input that breaks rules at these places.
    #[must_use]
    pub fn invalid(violations: Vec<Violation>) -> Self {
        Self { violations, ..Self::new(Code::InvalidInput, "") }
    }

    /// An input that breaks one rule.
    pub fn violation(pointer: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::invalid(vec![Violation { pointer: pointer.into(), expected: expected.into() }])
    }

    /// Adds when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds what the plan or the budget does not allow.
    #[must_use]
    pub fn with_entitlement(mut self, entitlement: Entitlement) -> Self {
        self.entitlement = Some(Box::new(entitlement));
        self
    }

    /// Adds a text for the log.
    #[must_use]
    pub fn with_internal(mut self, context: impl fmt::Display) -> Self {
        self.internal = Some(context.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code.as_str())?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        for violation in &self.violations {
            write!(f, "; at {:?}: {}", violation.pointer, violation.expected)?;
        }
        if let Some(internal) = &self.internal {
            write!(f, " ({internal})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}
