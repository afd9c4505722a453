//! The rights of roles to tables, as the migrations grant them.

use super::expected::{APP, HUB, JOURNAL, OPERATOR};

/// What may be done, and to which columns; none named: to the whole row.
pub(super) type Right = (&'static str, &'static [&'static str]);

pub(super) const READ: Right = ("SELECT", &[]);
pub(super) const ADD: Right = ("INSERT", &[]);
pub(super) const CHANGE: Right = ("UPDATE", &[]);
pub(super) const DELETE: Right = ("DELETE", &[]);

const RESEAL: Right = ("UPDATE", &["sealed"]);
/// What became of a webhook.
const OUTCOME: Right = ("UPDATE", &["status", "reason", "attempts", "next_attempt_at"]);
/// Rows that go with their organization, by their ids.
const BY_ID: &[Right] = &[DELETE, ("SELECT", &["org_id", "id"])];

/// Table, role and rights. What is not here (a table of a later migration) follows from its policies: a role may do
/// what it has a policy for, and nothing else.
pub(super) const GRANTED: &[(&str, &str, &[Right])] = &[
    ("_sqlx_migrations", APP, &[READ]),
    ("api_key", APP, &[READ, ADD, ("UPDATE", &["expires_at", "revoked_at", "used_at"])]),
    ("api_key", HUB, &[READ]),
    ("api_key", OPERATOR, BY_ID),
    ("audit", APP, &[READ, ADD]),
    ("audit_checkpoint", HUB, &[READ, ADD]),
    ("audit_head", APP, &[READ, ADD, ("UPDATE", &["seq", "hash"])]),
    ("audit_head", HUB, &[READ]),
    ("blob", APP, &[READ, ADD, DELETE]),
    ("blob", OPERATOR, BY_ID),
    ("budget", APP, &[READ, ADD, DELETE, ("UPDATE", &["cap", "updated_at"])]),
    ("budget_period", APP, &[READ, ADD, DELETE, ("UPDATE", &["spent"])]),
    ("budget_period", JOURNAL, &[READ, ADD, ("UPDATE", &["spent"])]),
    ("budget_reservation", APP, &[READ, ADD, DELETE, ("UPDATE", &["held", "lease_until"])]),
    ("budget_reservation", JOURNAL, &[DELETE, ("SELECT", &["org_id", "budget_id", "period", "run_id"])]),
    ("connect_session", APP, &[READ, ADD, DELETE, ("UPDATE", &["connected_plugin", "connected_at"])]),
    ("connect_session", HUB, &[READ, DELETE]),
    ("connect_session", OPERATOR, BY_ID),
    ("connection", APP, &[READ, ADD, CHANGE, DELETE]),
    ("connection", OPERATOR, &[DELETE, RESEAL, ("SELECT", &["org_id", "id", "plugin", "sealed"])]),
    ("event", APP, &[READ, ADD, DELETE]),
    ("event", JOURNAL, &[ADD, ("SELECT", &["org_id", "source", "dedupe"])]),
    ("event", OPERATOR, &[DELETE, ("SELECT", &["org_id", "sequence"])]),
    ("event_sequence", APP, &[READ, ADD, ("UPDATE", &["last"])]),
    ("event_sequence", JOURNAL, &[READ, ADD, ("UPDATE", &["last"])]),
    ("hub_audit", HUB, &[READ, ADD]),
    ("hub_audit_head", HUB, &[READ, ADD, ("UPDATE", &["seq", "hash"])]),
    ("hub_keys", HUB, &[READ, ADD, ("UPDATE", &["fingerprint"])]),
    ("hub_node", HUB, &[READ, ADD, CHANGE, DELETE]),
    ("idempotency_key", APP, &[READ, ADD, CHANGE, DELETE]),
    (
        "idempotency_key",
        JOURNAL,
        &[("UPDATE", &["run_id", "sealed", "answered_at"]), ("SELECT", &["org_id", "id", "owner", "answered_at"])],
    ),
    ("idempotency_key", HUB, &[DELETE, ("SELECT", &["org_id", "id", "expires_at"])]),
    ("idempotency_key", OPERATOR, &[DELETE, RESEAL, ("SELECT", &["org_id", "id", "sealed"])]),
    ("installation", APP, &[READ, ADD, CHANGE, DELETE]),
    ("installation", HUB, &[("SELECT", &["org_id", "id", "plugin", "policy", "hook_token", "updated_at"])]),
    ("installation", OPERATOR, BY_ID),
    ("invitation", APP, &[READ, ADD, DELETE]),
    ("invitation", HUB, &[READ, DELETE]),
    ("invitation", OPERATOR, BY_ID),
    ("kv", APP, &[READ, ADD, CHANGE, DELETE]),
    ("kv", HUB, &[DELETE, ("SELECT", &["org_id", "plugin", "key", "expires_at"])]),
    ("kv", OPERATOR, &[DELETE, ("SELECT", &["org_id", "plugin", "key"])]),
    ("member", APP, &[READ, ADD, DELETE, ("UPDATE", &["role", "name", "updated_at"])]),
    ("member", HUB, &[READ]),
    ("member", OPERATOR, &[DELETE, ("SELECT", &["org_id", "user_id"])]),
    (
        "oauth_authorization",
        APP,
        &[ADD, DELETE, ("SELECT", &["org_id", "state_hash", "plugin", "expires_at", "stage"])],
    ),
    ("oauth_authorization", HUB, &[READ, DELETE]),
    ("oauth_authorization", OPERATOR, &[DELETE, RESEAL, ("SELECT", &["org_id", "state_hash", "sealed"])]),
    ("oauth_client", APP, &[READ, ADD, CHANGE, DELETE]),
    ("oauth_client", OPERATOR, &[DELETE, RESEAL, ("SELECT", &["org_id", "plugin", "sealed"])]),
    ("oauth_revocation", APP, &[READ, ADD, DELETE, ("UPDATE", &["attempts", "next_attempt_at"])]),
    ("oauth_revocation", HUB, &[("SELECT", &["org_id", "id", "next_attempt_at"])]),
    ("oauth_revocation", OPERATOR, &[DELETE, RESEAL, ("SELECT", &["org_id", "id", "sealed"])]),
    ("oauth_token", APP, &[READ, ADD, CHANGE, DELETE]),
    ("oauth_token", HUB, &[("SELECT", &["org_id", "plugin", "version", "due_at", "retry_at", "refused_at"])]),
    ("oauth_token", OPERATOR, &[RESEAL, ("SELECT", &["org_id", "plugin", "sealed"])]),
    ("org", APP, &[READ, ("UPDATE", &["name"])]),
    ("org", HUB, &[READ, ADD]),
    ("org", OPERATOR, &[READ, DELETE, ("UPDATE", &["deleting_at"])]),
    ("org_key", APP, &[READ, ADD]),
    ("org_key", HUB, &[("SELECT", &["org_id", "version", "kek_version"])]),
    ("org_key", OPERATOR, &[READ, DELETE, ("UPDATE", &["kek_version", "wrapped"])]),
    ("org_plan", APP, &[READ, ADD, ("UPDATE", &["plan", "anchor"])]),
    ("org_plan", HUB, &[READ]),
    ("plugin_package", HUB, &[READ, ADD, DELETE]),
    ("plugin_version", HUB, &[READ, ADD, CHANGE]),
    ("rate_limits", APP, &[READ, ADD, CHANGE, DELETE]),
    ("record", APP, &[READ]),
    (
        "record",
        JOURNAL,
        &[
            ADD,
            DELETE,
            ("UPDATE", &["version", "data", "updated_at"]),
            ("SELECT", &["org_id", "plugin", "collection", "id", "version"]),
        ],
    ),
    ("record", OPERATOR, &[DELETE, ("SELECT", &["org_id", "plugin", "collection", "id"])]),
    ("run", APP, &[READ, DELETE]),
    ("run", JOURNAL, &[ADD]),
    ("run", OPERATOR, BY_ID),
    ("session", APP, &[READ, ADD, ("UPDATE", &["used_at"])]),
    ("session", HUB, &[READ, DELETE]),
    ("sign_in_attempt", HUB, &[READ, ADD, CHANGE, DELETE]),
    ("usage_counter", APP, &[READ]),
    ("usage_counter", JOURNAL, &[READ, ADD, ("UPDATE", &["quantity"])]),
    ("usage_counter", OPERATOR, &[DELETE, ("SELECT", &["org_id", "hour", "plugin", "meter", "metric", "per"])]),
    ("usage_record", APP, &[READ]),
    ("usage_record", JOURNAL, &[ADD, ("SELECT", &["org_id", "id", "plugin", "meter", "dedupe"])]),
    ("usage_record", OPERATOR, BY_ID),
    ("user_account", HUB, &[READ, ADD, ("UPDATE", &["password_hash", "email_verified_at"])]),
    ("user_subject", HUB, &[READ, ADD]),
    ("webhook", APP, &[READ, ADD, DELETE, OUTCOME]),
    ("webhook", HUB, &[("SELECT", &["org_id", "id", "plugin", "status", "next_attempt_at"])]),
    (
        "webhook",
        JOURNAL,
        &[ADD, OUTCOME, ("SELECT", &["org_id", "id", "installation_id", "vendor_id", "status", "next_attempt_at"])],
    ),
    ("webhook", OPERATOR, BY_ID),
];
