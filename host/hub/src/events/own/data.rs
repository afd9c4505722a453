//! What the data of the hub's own events looks like: a schema for each type, and an example.

use patchbay_model::{
    billing::SubscriptionStatus,
    export::{ExportFormat, Exported},
    job::JobKind,
    object::StandardObject,
    plan::Metric,
    sync::{SyncMode, SyncTrigger},
};
use serde_json::{Value, json};

use super::Own;

impl Own {
    /// Of its data.
    pub(crate) fn schema(self) -> Value {
        match self {
            Self::ReauthorizationNeeded | Self::ClientRejected => json!({
                "type": "object",
                "required": ["plugin", "reason", "account", "reconnect_url"],
                "additionalProperties": false,
                "properties": {
                    "plugin": {"type": "string", "description": "Whose connection it is"},
                    "reason": {"type": "string", "description": "What the vendor said"},
                    "account": {
                        "type": "object",
                        "required": ["id", "name"],
                        "additionalProperties": false,
                        "properties": {"id": {"type": ["string", "null"]}, "name": {"type": ["string", "null"]}},
                        "description": "The account at the vendor, where known",
                    },
                    "reconnect_url": {"type": "string", "description": "Where somebody authorizes it again"},
                },
            }),
            Self::LimitsUnchecked => json!({
                "type": "object",
                "required": ["from", "to", "calls"],
                "additionalProperties": false,
                "properties": {
                    "from": {"type": "string", "format": "date-time"},
                    "to": {"type": "string", "format": "date-time"},
                    "calls": {"type": "integer", "minimum": 0, "description": "How many were let through"},
                },
            }),
            Self::JobCompleted => of_job(None),
            Self::JobFailed => of_job(Some(json!({
                "type": "object",
                "required": ["code", "detail"],
                "additionalProperties": false,
                "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
                "description": "As of a failed request",
            }))),
            Self::PaymentFailed | Self::TrialEnding | Self::InvoiceUpcoming => json!({
                "type": "object",
                "required": ["amount", "currency", "reference", "until", "url"],
                "additionalProperties": false,
                "properties": {
                    "amount": {"type": ["integer", "null"], "description": "In minor units"},
                    "currency": {"type": ["string", "null"], "description": "Three letters (ISO 4217)"},
                    "reference": {"type": ["string", "null"], "description": "The bill, by the vendor's id"},
                    "until": {
                        "type": ["string", "null"],
                        "format": "date-time",
                        "description": "When the grace or the trial ends, or the bill is due",
                    },
                    "url": {"type": ["string", "null"], "description": "Where to see more of it"},
                },
            }),
            Self::BillingPlanChanged => json!({
                "type": "object",
                "required": ["old", "new", "status", "period"],
                "additionalProperties": false,
                "properties": {
                    "old": {"type": "string", "description": "The plan before"},
                    "new": {"type": "string", "description": "The plan from now on"},
                    "status": {"enum": SubscriptionStatus::ALL, "description": "Of the subscription"},
                    "period": {
                        "type": "object",
                        "required": ["starts_at", "ends_at"],
                        "additionalProperties": false,
                        "properties": {
                            "starts_at": {"type": "string", "format": "date-time"},
                            "ends_at": {"type": "string", "format": "date-time"},
                        },
                        "description": "That is billed",
                    },
                },
            }),
            Self::UsageGap => json!({
                "type": "object",
                "required": ["org", "metric", "day", "ours", "theirs", "refused"],
                "additionalProperties": false,
                "properties": {
                    "org": {"type": "string", "description": "Whose use it is"},
                    "metric": {"enum": Metric::ALL},
                    "day": {"type": "string", "format": "date", "description": "In UTC"},
                    "ours": {"type": "integer", "minimum": 0, "description": "What the vendor was told"},
                    "theirs": {"type": "integer", "minimum": 0, "description": "What the vendor has"},
                    "refused": {"type": "integer", "minimum": 0, "description": "Of ours, what the vendor refused"},
                },
            }),
            Self::ExportCompleted => json!({
                "type": "object",
                "required": ["export", "what", "format", "rows", "size", "cut_off", "expires_at"],
                "additionalProperties": false,
                "properties": {
                    "export": {"type": "string", "description": "Its id"},
                    "what": {"enum": Exported::ALL},
                    "format": {"enum": ExportFormat::ALL},
                    "rows": {"type": "integer", "minimum": 0},
                    "size": {"type": "integer", "minimum": 0, "description": "The file, in bytes"},
                    "cut_off": {"type": "boolean", "description": "There were more rows than the plan includes"},
                    "expires_at": {"type": "string", "format": "date-time", "description": "When the file goes"},
                },
            }),
            Self::SyncStarted => of_sync(&json!({})),
            Self::SyncCompleted => of_sync(&json!({
                "counts": {
                    "type": "object",
                    "required": SYNC_COUNTS,
                    "additionalProperties": {"type": "integer", "minimum": 0},
                    "description": "Of the vendor's objects that were read, and of records",
                },
            })),
            Self::SyncFailed => of_sync(&json!({
                "error": {
                    "type": "object",
                    "required": ["code", "detail"],
                    "additionalProperties": false,
                    "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
                    "description": "As of a failed request",
                },
            })),
            Self::DeliveryExhausted => json!({
                "type": "object",
                "required": ["delivery", "endpoint", "event", "event_type", "attempts", "status", "error"],
                "additionalProperties": false,
                "properties": {
                    "delivery": {"type": "string"},
                    "endpoint": {"type": "string"},
                    "event": {"type": "string"},
                    "event_type": {"type": "string"},
                    "attempts": {"type": "integer", "minimum": 0, "description": "How often it was tried"},
                    "status": {"type": ["integer", "null"], "description": "The status of the last answer, if there was one"},
                    "error": {"type": ["string", "null"], "description": "Why the last attempt failed"},
                },
            }),
            Self::EndpointDisabled => json!({
                "type": "object",
                "required": ["endpoint", "reason", "description"],
                "additionalProperties": false,
                "properties": {
                    "endpoint": {"type": "string"},
                    "reason": {"type": "string", "enum": ["gone", "failing"]},
                    "description": {"type": "string", "description": "The endpoint's own"},
                },
            }),
            Self::EndpointTest => json!({
                "type": "object",
                "required": ["endpoint", "message"],
                "additionalProperties": false,
                "properties": {"endpoint": {"type": "string"}, "message": {"type": "string"}},
            }),
            Self::ExportFailed => json!({
                "type": "object",
                "required": ["export", "what", "format", "error"],
                "additionalProperties": false,
                "properties": {
                    "export": {"type": "string", "description": "Its id"},
                    "what": {"enum": Exported::ALL},
                    "format": {"enum": ExportFormat::ALL},
                    "error": {
                        "type": "object",
                        "required": ["code", "detail"],
                        "additionalProperties": false,
                        "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
                    },
                },
            }),
        }
    }

    pub(crate) fn example(self) -> Value {
        match self {
            Self::ReauthorizationNeeded | Self::ClientRejected => json!({
                "plugin": "hubspot",
                "reason": "invalid_grant",
                "account": {"id": "151", "name": "Example"},
                "reconnect_url": "https://hub.example.com/oauth/connect/pbl_x",
            }),
            Self::LimitsUnchecked => json!({
                "from": "2026-03-01T12:00:00Z", "to": "2026-03-01T12:00:09Z", "calls": 4,
            }),
            Self::JobCompleted => json!({
                "job": "job_018f3c5e7d2a7c3b9f1e2d3c4b5a6978",
                "kind": "action",
                "plugin": "openai",
                "name": "create-response",
                "run": "run_018f3c5e7d2a7c3b9f1e2d3c4b5a6978",
            }),
            Self::JobFailed => json!({
                "job": "job_018f3c5e7d2a7c3b9f1e2d3c4b5a6978",
                "kind": "task",
                "plugin": "hubspot",
                "name": "sync",
                "run": null,
                "error": {"code": "upstream_error", "detail": "the vendor answered with 500"},
            }),
            Self::PaymentFailed | Self::TrialEnding | Self::InvoiceUpcoming => json!({
                "amount": 4_900,
                "currency": "USD",
                "reference": "in_1MtHbELkdIwHu7ixl4OzzPMv",
                "until": "2026-03-08T12:00:00Z",
                "url": "https://invoice.example.com/i/1",
            }),
            Self::BillingPlanChanged => json!({
                "old": "free",
                "new": "pro",
                "status": "active",
                "period": {"starts_at": "2026-03-01T12:00:00Z", "ends_at": "2026-04-01T12:00:00Z"},
            }),
            Self::UsageGap => json!({
                "org": "org_018f3c5e7d2a7c3b9f1e2d3c4b5a6978",
                "metric": "minutes",
                "day": "2026-03-01",
                "ours": 1_200,
                "theirs": 1_180,
                "refused": 20,
            }),
            Self::ExportCompleted => json!({
                "export": "exp_018f3c5e7d2a7c3b9f1e2d3c4b5a6978",
                "what": "runs",
                "format": "csv",
                "rows": 120_000,
                "size": 26_214_400,
                "cut_off": false,
                "expires_at": "2026-03-02T12:00:00Z",
            }),
            Self::SyncStarted => example_of_sync(json!({})),
            Self::SyncCompleted => example_of_sync(json!({
                "counts": {
                    "read": 240, "created": 12, "updated": 30, "deleted": 1, "merged": 0, "unchanged": 196, "pushed": 4,
                    "skipped": 0, "failed": 1, "conflicts": 2, "calls": 4,
                },
            })),
            Self::SyncFailed => example_of_sync(json!({
                "error": {"code": "reauthorization_needed", "detail": "the vendor no longer takes the tokens"},
            })),
            Self::DeliveryExhausted => json!({
                "delivery": "dlv_018f3c5e7d2a7c3b9f1e2d3c4b5a6978",
                "endpoint": "ep_018f3c5e7d2a7c3b9f1e2d3c4b5a6978",
                "event": "evt_018f3c5e7d2a7c3b9f1e2d3c4b5a6978",
                "event_type": "call.created",
                "attempts": 10,
                "status": 500,
                "error": "status",
            }),
            Self::EndpointDisabled => json!({
                "endpoint": "ep_018f3c5e7d2a7c3b9f1e2d3c4b5a6978", "reason": "failing", "description": "the CRM",
            }),
            Self::EndpointTest => json!({
                "endpoint": "ep_018f3c5e7d2a7c3b9f1e2d3c4b5a6978", "message": "this is a test",
            }),
            Self::ExportFailed => json!({
                "export": "exp_018f3c5e7d2a7c3b9f1e2d3c4b5a6978",
                "what": "runs",
                "format": "csv",
                "error": {"code": "payload_too_large", "detail": "there is no room for the file"},
            }),
        }
    }
}

/// What is always counted of a sync.
const SYNC_COUNTS: &[&str] = &[
    "read",
    "created",
    "updated",
    "deleted",
    "merged",
    "unchanged",
    "pushed",
    "skipped",
    "failed",
    "conflicts",
    "calls",
];

/// What is told of a sync's run, with members of its own; all of those are required.
fn of_sync(own: &Value) -> Value {
    let mut required = vec!["sync_run", "plugin", "object", "mode", "trigger"];
    let mut properties = json!({
        "sync_run": {"type": "string", "description": "Its id"},
        "plugin": {"type": "string"},
        "object": {"enum": StandardObject::ALL, "description": "The standard object"},
        "mode": {"enum": SyncMode::ALL, "description": "All that the vendor has, or what has changed"},
        "trigger": {"enum": SyncTrigger::ALL, "description": "What began it"},
    });
    if let (Some(own), Some(properties)) = (own.as_object(), properties.as_object_mut()) {
        required.extend(own.keys().map(String::as_str));
        properties.extend(own.clone());
    }
    json!({"type": "object", "required": required, "additionalProperties": false, "properties": properties})
}

fn example_of_sync(own: Value) -> Value {
    let mut data = json!({
        "sync_run": "syn_018f3c5e7d2a7c3b9f1e2d3c4b5a6978",
        "plugin": "hubspot",
        "object": "contact",
        "mode": "delta",
        "trigger": "schedule",
    });
    if let (Value::Object(own), Some(members)) = (own, data.as_object_mut()) {
        members.extend(own);
    }
    data
}

/// What is told of a job, with what it failed with.
fn of_job(error: Option<Value>) -> Value {
    let mut required = vec!["job", "kind", "plugin", "name", "run"];
    let mut properties = json!({
        "job": {"type": "string", "description": "Its id"},
        "kind": {"enum": JobKind::ALL},
        "plugin": {"type": ["string", "null"], "description": "None for the hub's own work"},
        "name": {"type": "string", "description": "The action, the kind of task, or what the hub does"},
        "run": {"type": ["string", "null"], "description": "Its last run"},
    });
    if let (Some(error), Some(properties)) = (error, properties.as_object_mut()) {
        required.push("error");
        properties.insert("error".to_owned(), error);
    }
    json!({"type": "object", "required": required, "additionalProperties": false, "properties": properties})
}
