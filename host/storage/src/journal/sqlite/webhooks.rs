//! Webhooks as they are taken in, and what became of earlier ones.

use std::{collections::HashSet, sync::Arc};

use patchbay_model::webhook::Webhook;
use serde::Serialize;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{Hex, hex, json};
use crate::{
    StorageError,
    column::micros,
    journal::{Committed, RunCommit, parts},
};

/// Says of each run if it has lost the webhook that it worked on.
pub(super) async fn lost(
    connection: &mut SqliteConnection,
    runs: &[Box<RunCommit>],
) -> Result<Vec<Option<Committed>>, StorageError> {
    let worked_on = parts::worked_on(runs);
    let mut leased = Vec::with_capacity(worked_on.len());
    if !worked_on.is_empty() {
        let rows: Vec<_> = worked_on
            .iter()
            .map(|(place, org, outcome)| (*place, hex(&org.0), hex(&outcome.id.0), outcome.lease.timestamp_micros()))
            .collect();
        let found: Vec<(i64,)> = sqlx::query_as(
            "WITH wanted AS MATERIALIZED (SELECT value ->> 0 AS place, unhex(value ->> 1) AS org_id,
               unhex(value ->> 2) AS id, value ->> 3 AS lease FROM json_each($1))
             SELECT wanted.place FROM wanted CROSS JOIN webhook
             WHERE webhook.org_id = wanted.org_id AND webhook.id = wanted.id AND webhook.status = 'pending'
               AND webhook.next_attempt_at = wanted.lease",
        )
        .bind(json(&rows)?)
        .fetch_all(connection)
        .await?;
        leased.extend(found.into_iter().filter_map(|(place,)| usize::try_from(place).ok()));
    }
    Ok(parts::without_webhook(runs, &leased))
}

pub(super) async fn settle(connection: &mut SqliteConnection, commits: &[&RunCommit]) -> Result<(), StorageError> {
    let rows: Vec<_> = commits
        .iter()
        .filter_map(|commit| commit.webhook.as_ref().map(|outcome| (&commit.run.org, outcome)))
        .map(|(org, outcome)| {
            let next = micros(outcome.next_attempt_at);
            (hex(&org.0), hex(&outcome.id.0), outcome.status.as_str(), &outcome.reason, outcome.attempts, next)
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT unhex(value ->> 0) AS org_id, unhex(value ->> 1) AS id,
           value ->> 2 AS status, value ->> 3 AS reason, value ->> 4 AS attempts, value ->> 5 AS next_attempt_at
           FROM json_each($1))
         UPDATE webhook SET status = new.status, reason = new.reason, attempts = new.attempts,
           next_attempt_at = new.next_attempt_at
         FROM new WHERE webhook.org_id = new.org_id AND webhook.id = new.id",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(Serialize)]
struct WebhookRow<'a> {
    org: Hex<'a>,
    id: Hex<'a>,
    installation: Hex<'a>,
    plugin: &'a str,
    vendor_id: &'a str,
    kind: &'a str,
    occurred: Option<i64>,
    method: &'a str,
    url: &'a str,
    headers: &'a [(String, String)],
    /// Where its body begins in the parameter that holds all bodies, from 1 on, and its length.
    begin: usize,
    size: usize,
    status: &'a str,
    reason: Option<&'a str>,
    attempts: u32,
    next: Option<i64>,
    received: i64,
}

/// Stores webhooks as a transaction of their own. True for each that was new. After an error it may still be open.
pub(super) async fn transact(
    connection: &mut SqliteConnection,
    webhooks: &[Arc<Webhook>],
) -> Result<Vec<bool>, StorageError> {
    let mut bodies = Vec::with_capacity(webhooks.iter().map(|webhook| webhook.body.len()).sum());
    let rows: Vec<WebhookRow<'_>> = webhooks
        .iter()
        .map(|webhook| {
            let begin = bodies.len() + 1;
            bodies.extend_from_slice(&webhook.body);
            WebhookRow {
                org: hex(&webhook.org.0),
                id: hex(&webhook.id.0),
                installation: hex(&webhook.installation.0),
                plugin: webhook.plugin.as_str(),
                vendor_id: &webhook.vendor_id,
                kind: &webhook.kind,
                occurred: micros(webhook.occurred_at),
                method: &webhook.method,
                url: &webhook.url,
                headers: &webhook.headers,
                begin,
                size: webhook.body.len(),
                status: webhook.status.as_str(),
                reason: webhook.reason.as_deref(),
                attempts: webhook.attempts,
                next: micros(webhook.next_attempt_at),
                received: webhook.received_at.timestamp_micros(),
            }
        })
        .collect();
    // The bodies are one parameter of their own: as JSON they would be twice as large, and checked as text.
    let stored: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "BEGIN IMMEDIATE;
         WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         INSERT INTO webhook (org_id, id, installation_id, plugin, vendor_id, kind, occurred_at, method, url, headers,
           body, status, reason, attempts, next_attempt_at, received_at)
         SELECT unhex(r ->> 'org'), unhex(r ->> 'id'), unhex(r ->> 'installation'), r ->> 'plugin', r ->> 'vendor_id',
           r ->> 'kind', r ->> 'occurred', r ->> 'method', r ->> 'url', r -> 'headers',
           coalesce(substr($2, r ->> 'begin', r ->> 'size'), x''), r ->> 'status', r ->> 'reason', r ->> 'attempts',
           r ->> 'next', r ->> 'received'
         FROM new WHERE true
         ON CONFLICT (org_id, installation_id, vendor_id) DO NOTHING RETURNING org_id, id;
         COMMIT",
    )
    .bind(json(&rows)?)
    .bind(bodies)
    .fetch_all(connection)
    .await?;
    let stored: HashSet<_> = stored.into_iter().collect();
    Ok(webhooks.iter().map(|webhook| stored.contains(&(webhook.org.0, webhook.id.0))).collect())
}
